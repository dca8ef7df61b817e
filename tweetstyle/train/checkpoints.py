"""Complete checkpoints, how runs resume from them, their disk space, the final model."""

import errno
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tweetstyle.console import say, size
from tweetstyle.errors import TweetstyleError, causes
from tweetstyle.files import complete_directory, complete_file, fingerprint, fingerprints, read_back, sync_directory, sync_tree
from tweetstyle.locale import _
from tweetstyle.model.base import BaseModel
from tweetstyle.train.metrics import Metrics

SEAL = "complete.json"
TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "chat_template.jinja", "vocab.json", "merges.txt",
)  # fmt: skip


@dataclass(frozen=True)
class Sealed:
    """complete.json. finished: the run had come to its end; files: name → fingerprint."""

    step: int
    finished: bool
    files: dict[str, str]


@dataclass(frozen=True)
class Checkpoint(Sealed):
    """A complete checkpoint."""

    path: Path


def seal(path: Path, step: int, *, finished: bool) -> None:
    """Declares a checkpoint complete. Everything in it is on the disk before the seal is, so a seal survives a power loss only with it."""
    sync_tree(path)
    sync_directory(path.parent)
    prints = fingerprints([file for file in sorted(path.rglob("*")) if file.is_file() and file.name != SEAL], path)
    with complete_file(path / SEAL) as stream:
        json.dump({"step": step, "finished": finished, "files": prints}, stream, indent=2)


def read_checkpoint(path: Path) -> Checkpoint | str:
    """The checkpoint in a directory, or, where it is not complete, why: no seal, or a file missing or other than sealed."""
    if not (path / SEAL).is_file():
        return _("it was not written completely")
    if (sealed := read_back(path / SEAL, Sealed)) is None:
        return _("{file} cannot be read", file=SEAL)
    for name, digest in sealed.files.items():
        if not (path / name).is_file():
            return _("{file} is missing", file=name)
        if fingerprint(path / name) != digest:
            return _("{file} is not what was saved", file=name)
    return Checkpoint(**vars(sealed), path=path)


def complete_checkpoints(directory: Path, say: Callable[[str], None] = say) -> list[Checkpoint]:
    """The complete checkpoints of a run, by step. What is not complete is removed, and reported by `say`."""
    found = []
    for path in directory.glob("checkpoint-*"):
        if not path.name.removeprefix("checkpoint-").isdecimal():
            continue
        checkpoint = read_checkpoint(path)
        if isinstance(checkpoint, Checkpoint):
            found.append(checkpoint)
        else:
            remove(path)
            say(_("{name} is incomplete and was removed: {why}", name=path.name, why=checkpoint))
    return sorted(found, key=lambda checkpoint: checkpoint.step)


def resume_point(directory: Path, metrics: Metrics, say: Callable[[str], None] = say) -> Checkpoint | None:
    """The newest complete checkpoint whose best predecessor and metrics are complete too, or None for a beginning.

    Newer checkpoints and the metrics beyond are removed: those steps are done again, and `say` reports each checkpoint that goes.
    """
    found = complete_checkpoints(directory, say)
    steps = {checkpoint.step for checkpoint in found}
    while found:
        newest = found[-1].step
        best = metrics.best(newest)
        if metrics.reach(newest) and (best is None or best["step"] in steps):
            break
        if metrics.reach(newest):
            values = {"step": newest, "best": best["step"]}
            say(_("checkpoint-{step} was removed, because the best one before it, checkpoint-{best}, is missing", **values))
        else:
            say(_("checkpoint-{step} was removed, because its lines in metrics.jsonl are missing", step=newest))
        remove(found.pop().path)
    metrics.keep_until(found[-1].step if found else 0)
    return found[-1] if found else None


def prune(directory: Path, best_step: int, limit: int) -> None:
    """Keeps `limit` checkpoints: the best one and, beside it, the newest."""
    steps = sealed_steps(directory)[::-1]
    kept = {best_step, *[step for step in steps if step != best_step][: limit - 1]}
    for step in set(steps) - kept:
        remove(directory / f"checkpoint-{step}")


def sealed_steps(directory: Path) -> list[int]:
    """Steps whose checkpoints are sealed, in their order; their content is not checked."""
    return sorted(int(path.parent.name.split("-")[1]) for path in directory.glob(f"checkpoint-*/{SEAL}"))


def has_ended(directory: Path) -> bool:
    """Whether the newest checkpoint of a run is whole and the run's last."""
    steps = sealed_steps(directory)
    newest = read_checkpoint(directory / f"checkpoint-{steps[-1]}") if steps else ""
    return isinstance(newest, Checkpoint) and newest.finished


def remove(checkpoint: Path) -> None:
    """The seal goes first, so that half a checkpoint is never taken for a whole one."""
    (checkpoint / SEAL).unlink(missing_ok=True)
    shutil.rmtree(checkpoint)


def write_final_model(base: BaseModel, method: Literal["qlora", "lora", "full"], best: Checkpoint, final_model: Path) -> None:
    """final_model/ from the best checkpoint, byte for byte, with the base model's own tokenizer files; complete or not at all."""
    names = [name for name in best.files if re.fullmatch(r"(adapter_model|model).*\.safetensors(\.index\.json)?", name)]
    with complete_directory(final_model) as directory:
        for name in names:
            shutil.copyfile(best.path / name, directory / name)
        for name in TOKENIZER_FILES:
            if (base.path / name).is_file():
                shutil.copyfile(base.path / name, directory / name)
        if method == "full":
            dtype = "dtype" if "dtype" in base.config else "torch_dtype"
            name, config = "config.json", base.config | {dtype: "float32"}
        else:
            name, config = "adapter_config.json", json.loads((best.path / "adapter_config.json").read_text(encoding="utf-8"))
            # PEFT writes the modules as a set, in any order; a path of this machine has no place in a model.
            config |= {"base_model_name_or_path": str(base.path), "target_modules": sorted(config["target_modules"])}
        (directory / name).write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


BYTES_A_TRAINED_PARAMETER = 4 + 8
"""The weight and two moments of AdamW in fp32; an optimizer of 8 bits takes less."""
BESIDE = 32 * 2**20
"""Bytes of the other files in a first checkpoint, at most: the tokenizer (Llama 3: 17 MB), random states, the Trainer's state."""
GROWTH = 4 * 2**20
"""Bytes by which a checkpoint may be larger than the one before (its log has more lines), with the lines of metrics.jsonl and log.txt."""
WRITERS_WORDS = ("inline_container", "PytorchStreamWriter", "iostream error")
"""torch's own words for a file that it could not write: it keeps the system's reason to itself."""


def expected_bytes(directory: Path, model: Any) -> int:
    """Upper bound of the next checkpoint: by the one before, of a run without one by the model's trained parameters."""
    if steps := sealed_steps(directory):
        return sum(path.stat().st_size for path in (directory / f"checkpoint-{steps[-1]}").rglob("*") if path.is_file()) + GROWTH
    return sum(p.numel() for p in model.parameters() if p.requires_grad) * BYTES_A_TRAINED_PARAMETER + BESIDE


def make_room(directory: Path, needed: int, metrics: Metrics, writing: str) -> None:
    """Removes checkpoints, the oldest first, until `needed` bytes are free; never the newest nor its best one, from which a run resumes.

    writing: the name of what is to be written. Raises TweetstyleError where that does not make enough room; the newest stays whole.
    """
    steps = sealed_steps(directory)
    best = metrics.best(steps[-1]) if steps else None
    for step in steps[:-1]:
        if shutil.disk_usage(directory).free >= needed:
            return
        if best is None or step != best["step"]:
            remove(directory / f"checkpoint-{step}")
    if shutil.disk_usage(directory).free < needed:
        raise disk_is_full(directory, needed, writing)


def failed_write(error: BaseException, directory: Path, needed: int, writing: str | None) -> TweetstyleError | None:
    """The message for an error about a file that could not be written, or None for any other error.

    torch, safetensors and tokenizers each have an error of their own for it, and none is an OSError. writing: the checkpoint's name.
    """
    chain = causes(error)
    full = any(e.errno in (errno.ENOSPC, errno.EDQUOT) for e in chain if isinstance(e, OSError))
    full = full or any(f"(os error {number})" in str(e) for e in chain for number in (errno.ENOSPC, errno.EDQUOT))
    by_torch = any(word in str(e) for e in chain for word in WRITERS_WORDS)
    if full or (writing and by_torch and shutil.disk_usage(directory).free < needed):
        return disk_is_full(directory, needed, writing or _("metrics.jsonl or log.txt"))
    if writing and (by_torch or isinstance(error, OSError) or "(os error " in str(error)):
        reason = _("torch gives no reason") if by_torch else str(error).splitlines()[0]
        hint = _("check the disk and run the same command again: {next}", next=_goes_on(directory))
        return TweetstyleError(_("{file} could not be written: {why}", file=writing, why=reason), where=str(directory), hint=hint)
    return None


def disk_is_full(directory: Path, needed: int, writing: str) -> TweetstyleError:
    values = {"free": size(shutil.disk_usage(directory).free), "needed": size(needed), "next": _goes_on(directory)}
    hint = _("make room ({free} free, up to {needed} needed) and run the same command again: {next}", **values)
    return TweetstyleError(_("the disk is full: {file} could not be written", file=writing), where=str(directory), hint=hint)


def _goes_on(directory: Path) -> str:
    steps = sealed_steps(directory)
    return _("it resumes from checkpoint-{step}", step=steps[-1]) if steps else _("it starts from the beginning")

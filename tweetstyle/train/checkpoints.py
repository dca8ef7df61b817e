"""Complete checkpoints, how runs resume from them, and the final model."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tweetstyle.console import say
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


def read_checkpoint(path: Path) -> Checkpoint | None:
    """The checkpoint in a directory; None where it has no seal, or a file is missing or other than sealed."""
    sealed = read_back(path / SEAL, Sealed)
    if sealed is None or any(not (path / name).is_file() or fingerprint(path / name) != digest for name, digest in sealed.files.items()):
        return None
    return Checkpoint(**vars(sealed), path=path)


def complete_checkpoints(directory: Path, say: Callable[[str], None] = say) -> list[Checkpoint]:
    """The complete checkpoints of a run, by step. What is not complete is removed, and reported by `say`."""
    found = []
    for path in directory.glob("checkpoint-*"):
        if not path.name.removeprefix("checkpoint-").isdecimal():
            continue
        if checkpoint := read_checkpoint(path):
            found.append(checkpoint)
        else:
            remove(path)
            say(_("{name} is incomplete and was removed", name=path.name))
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
        say(_("checkpoint-{step} was removed: the best one before it or its lines in metrics.jsonl are missing", step=newest))
        remove(found.pop().path)
    metrics.keep_until(found[-1].step if found else 0)
    return found[-1] if found else None


def prune(directory: Path, best_step: int, limit: int) -> None:
    """Keeps `limit` checkpoints: the best one and, beside it, the newest."""
    steps = sorted((int(seal.parent.name.split("-")[1]) for seal in directory.glob(f"checkpoint-*/{SEAL}")), reverse=True)
    kept = {best_step, *[step for step in steps if step != best_step][: limit - 1]}
    for step in set(steps) - kept:
        remove(directory / f"checkpoint-{step}")


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

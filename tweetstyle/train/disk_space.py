"""Room for the next checkpoint: checked, and made from older ones."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tweetstyle.errors import TweetstyleError
from tweetstyle.train.checkpoints import remove, sealed_steps
from tweetstyle.train.metrics import Metrics

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
        return size_of(directory / f"checkpoint-{steps[-1]}") + GROWTH
    return sum(p.numel() for p in model.parameters() if p.requires_grad) * BYTES_A_TRAINED_PARAMETER + BESIDE


def size_of(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


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

    torch, safetensors and tokenizers each have an error of their own for it, and none is an OSError. writing: the name of the
    checkpoint being written, if any. Call this before its partial files are removed.
    """
    chain = _chain(error)
    full = any(e.errno in (errno.ENOSPC, errno.EDQUOT) for e in chain if isinstance(e, OSError))
    full = full or any(f"(os error {number})" in str(e) for e in chain for number in (errno.ENOSPC, errno.EDQUOT))
    by_torch = any(word in str(e) for e in chain for word in WRITERS_WORDS)
    if full or (writing and by_torch and shutil.disk_usage(directory).free < needed):
        return disk_is_full(directory, needed, writing or "metrics.jsonl or log.txt")
    if writing and (by_torch or isinstance(error, OSError) or "(os error " in str(error)):
        reason = "torch does not say why" if by_torch else str(error).splitlines()[0]
        hint = f"see to the disk and run again: {_goes_on(directory)}"
        return TweetstyleError(f"{writing} could not be written: {reason}", where=str(directory), hint=hint)
    return None


@contextmanager
def one_message_where_the_disk_is_full(directory: Path) -> Iterator[None]:
    """Inside the block a full disk raises TweetstyleError, whoever of the libraries met it: they print to log.txt, and each print can."""
    try:
        yield
    except BaseException as error:
        reported = None if isinstance(error, TweetstyleError) else failed_write(error, directory, GROWTH, None)
        if reported:
            raise reported from error
        raise


def disk_is_full(directory: Path, needed: int, writing: str) -> TweetstyleError:
    free = shutil.disk_usage(directory).free
    hint = f"make room ({free / 2**20:,.0f} MiB are free, {needed / 2**20:,.0f} may be needed) and run again: {_goes_on(directory)}"
    return TweetstyleError(f"the disk is full: {writing} could not be written", where=str(directory), hint=hint)


def _goes_on(directory: Path) -> str:
    steps = sealed_steps(directory)
    return f"it resumes from checkpoint-{steps[-1]}" if steps else "it starts again"


def _chain(error: BaseException | None) -> list[BaseException]:
    """An error with those that it was raised from or while handling."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found

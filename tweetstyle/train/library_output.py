"""Sends the libraries' output to log.txt and keeps them off the network."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from tweetstyle.offline import keep_offline, without_triton_in_torch


def prepare_environment(directory: Path) -> None:
    """Sets what the training libraries read when they are imported: no network, no statistics, generated code into the run's directory."""
    keep_offline()
    without_triton_in_torch()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    # OpenMP's default, to spin for long, makes a step several times slower on a machine that has anything else to do.
    os.environ.setdefault("GOMP_SPINCOUNT", "5000")
    os.environ["UNSLOTH_COMPILE_LOCATION"] = str((directory / ".unsloth_compiled_cache").absolute())


@contextlib.contextmanager
def without_ldconfig() -> Iterator[None]:
    """Within it no library runs `ldconfig`, which changes the machine; Unsloth does when it is imported as root in many containers."""
    real = os.system

    def system(command: str) -> int:
        if "ldconfig" in command:
            print(f"not run: {command}", file=sys.stderr)
            return 1
        return real(command)

    os.system = system
    try:
        yield
    finally:
        os.system = real


@contextlib.contextmanager
def libraries_output_to(path: Path) -> Iterator[TextIO]:
    """Appends to a file what is written to stdout and stderr inside the block, by Python or by C; yields the screen.

    By the file descriptors 1 and 2, which compiled code writes to, and by sys.stdout and sys.stderr, which need not be those.
    """
    # Never closed: logging handlers that the libraries make inside the block keep it as their stream.
    log = path.open("a", encoding="utf-8", errors="replace", buffering=1)
    out, err = sys.stdout, sys.stderr
    out.flush()
    err.flush()
    saved = [os.dup(1), os.dup(2)]
    own_screen = _descriptor(err) != 2
    screen = err if own_screen else os.fdopen(os.dup(2), "w", encoding=err.encoding, errors="replace", buffering=1)
    try:
        for descriptor in (1, 2):
            os.dup2(log.fileno(), descriptor)
        sys.stdout = sys.stderr = log
        yield screen
    finally:
        sys.stdout, sys.stderr = out, err
        for descriptor, copy in zip((1, 2), saved, strict=True):
            os.dup2(copy, descriptor)
            os.close(copy)
        if not own_screen:
            screen.close()


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, AttributeError, ValueError):
        return None

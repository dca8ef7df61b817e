"""Work in a fresh process, where training has imported Unsloth into this one: it rewrites transformers in place."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


def apart_from_unsloth(work: Callable[..., Result], *arguments: object) -> Result:
    """work(*arguments), here or in a process of its own; both can be sent there, and what comes back too."""
    if "unsloth" not in sys.modules:
        return work(*arguments)
    fresh = multiprocessing.get_context("spawn")
    # SIG_DFL: at Ctrl-C the child ends without a traceback of its own, and this process says what is to be said.
    with ProcessPoolExecutor(1, fresh, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_DFL)) as pool:
        return pool.submit(work, *arguments).result()

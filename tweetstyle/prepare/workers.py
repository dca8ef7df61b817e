"""Two processes for what is done tweet by tweet; in this one where the archive is small or there is a single core."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

MOST, FEWEST_BYTES = 2, 2_000_000
"""Processes; size of an archive from which starting them (a quarter of a second) pays."""


class Worker(Protocol):
    """Does one thing after another. What it is given stays in its process: a module's global there outlives the call."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Future: ...

    def shutdown(self, wait: bool = True) -> None: ...


class Here:
    """A worker in this process: the call has ended when `submit` returns."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Future:
        done: Future = Future()
        done.set_result(function(*arguments))
        return done

    def shutdown(self, wait: bool = True) -> None:
        """Nothing runs that could end."""


@contextmanager
def start_workers(archive_bytes: int) -> Iterator[list[Worker]]:
    """As many as there are cores, at most two; gone when the block ends, however it ends."""
    count = min(MOST, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    if count == 1 or archive_bytes < FEWEST_BYTES:
        yield [Here()]
        return
    from multiprocessing import get_context

    # Spawned, not forked: a forked copy of a process with threads (progress bars, Rust's pools) can hang in a lock.
    context = get_context("spawn")
    with ExitStack() as stack:
        pools = [ProcessPoolExecutor(1, mp_context=context, initializer=_begin) for _ in range(count)]
        for pool in pools:
            stack.callback(pool.shutdown, wait=True, cancel_futures=True)
        yield pools


def _begin() -> None:
    """Leaves Ctrl-C to the parent, and exits when the parent is gone."""
    from multiprocessing.util import Finalize

    from tweetstyle.inference.child_process import exit_with_parent

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The last thing a worker does. To free the words of 100,000 tweets one by one would take it a quarter of a second.
    Finalize(None, os._exit, args=(0,), exitpriority=-1000)
    exit_with_parent()

"""Reads the archive and cleans its tweets in worker processes."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count, islice
from typing import TYPE_CHECKING, Any, Protocol

from tweetstyle.cleaning.clean import Cleaned, clean
from tweetstyle.progress import Progress
from tweetstyle.records import TWEET, SourceTweet

if TYPE_CHECKING:
    from tweetstyle.recipe import Data
    from tweetstyle.sources import Archive

CHUNK = 4_000
"""Tweets in one task."""


def read_and_clean(archive: Archive, data: Data, workers: list[Worker], progress: Progress) -> tuple[list[SourceTweet], list[Cleaned]]:
    """Every tweet of the archive in its order, and what the rules for a single tweet say of it."""
    read: list[SourceTweet] = []
    cleaned: list[Cleaned] = []
    pending: deque[Future] = deque()

    def take() -> None:
        verdicts, first = map(Cleaned._make, pending.popleft().result()), len(cleaned)
        cleaned.extend(map(_without_copy, read[first : first + CHUNK], verdicts))

    with progress.of_bytes(archive.size, "reading") as advance:
        tweets = archive.tweets(advance)
        for number in count():
            if not (chunk := list(islice(tweets, CHUNK))):
                break
            read += chunk
            pending.append(workers[number % len(workers)].submit(clean_plain, list(map(tuple, chunk)), data))
            while pending and pending[0].done():
                take()
    for _ in progress.over(range(len(pending)), "cleaning", unit=f"× {CHUNK:,} tweets"):
        take()
    return read, cleaned


def clean_plain(tweets: Sequence[tuple], data: Data) -> list[tuple]:
    """`clean_all` of and as plain tuples, which travel between processes in a quarter of the time."""
    return list(map(tuple, clean_all(list(map(SourceTweet._make, tweets)), data)))


def clean_all(tweets: Sequence[SourceTweet], data: Data) -> list[Cleaned]:
    """`clean` for each; what the source itself refused is passed through."""
    return [Cleaned(tweet.text, TWEET, tweet.reason, tweet.evidence, ()) if tweet.reason else clean(tweet, data) for tweet in tweets]


def _without_copy(tweet: SourceTweet, cleaned: Cleaned) -> Cleaned:
    """With the text as it was read where nothing changed in it: what comes from another process is a second copy."""
    return cleaned._replace(text=tweet.text) if cleaned.text == tweet.text else cleaned


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

    from tweetstyle.inference.clean_process import exit_with_parent

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The last thing a worker does. To free the words of 100,000 tweets one by one would take it a quarter of a second.
    Finalize(None, os._exit, args=(0,), exitpriority=-1000)
    exit_with_parent()

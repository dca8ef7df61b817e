"""Reads the archive here and cleans it in the workers at the same time."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from itertools import count, islice
from typing import TYPE_CHECKING

from tweetstyle.prepare.clean import Cleaned, clean
from tweetstyle.prepare.progress import Progress
from tweetstyle.prepare.workers import Worker
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
    """`clean` for each; what the source itself refused is not looked at."""
    return [Cleaned(tweet.text, TWEET, tweet.reason, tweet.evidence, ()) if tweet.reason else clean(tweet, data) for tweet in tweets]


def _without_copy(tweet: SourceTweet, cleaned: Cleaned) -> Cleaned:
    """With the text as it was read where nothing changed in it: what comes from another process is a second copy."""
    return cleaned._replace(text=tweet.text) if cleaned.text == tweet.text else cleaned

"""From the archive to data to learn from: read, clean, drop duplicates, split, choose topics, write."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tweetstyle.errors import TweetstyleError
from tweetstyle.prepare.clean import RULES, read_tweet, reason_to_drop
from tweetstyle.prepare.csv_source import read_rows
from tweetstyle.prepare.duplicates import without_duplicates
from tweetstyle.prepare.outputs import output_paths, write_outputs
from tweetstyle.prepare.progress import Progress
from tweetstyle.prepare.report import Prepared, dropped_in_words, funnel
from tweetstyle.prepare.split import FEWEST, split
from tweetstyle.prepare.topics import learn_archive, topic_of
from tweetstyle.prepare.words import words_of
from tweetstyle.records import REPLY, TWEET, Dropped, Tweet

if TYPE_CHECKING:
    from tweetstyle.recipe import Data, Prompt
    from tweetstyle.template import Template

__all__ = ["Prepared", "funnel", "prepare"]

DUPLICATE_ID, DUPLICATE = "duplicate id", "duplicate"
REASONS = (DUPLICATE_ID, *RULES, DUPLICATE)
"""Every reason for which a tweet is dropped, in the order in which they are asked."""


def prepare(data: Data, prompt: Prompt, template: Template, directory: Path) -> Prepared:
    """Reads `data.source` and writes the cleaned CSVs, the splits and the dropped tweets into `directory`.

    The same source and settings give the same bytes. Nothing is written unless everything can be.
    Raises TweetstyleError for a source that cannot be read, and where too few tweets are left to split.
    """
    progress = Progress()
    _check_settings(data, directory)
    tweets, dropped = _read_and_clean(data, progress)
    _check_enough(tweets, dropped, data)
    splits = split(tweets, data.validation_fraction, data.test_fraction, data.mini_train, data.seed)
    if prompt.topic and template.has_topic:
        splits = _with_topics(splits, prompt.topic_dropout, data.seed, progress)

    def render(tweet: Tweet) -> str:
        return template.line(tweet.text, tweet.topic, tweet.type)

    outputs = write_outputs(directory, splits, dropped, render, progress.over)
    return Prepared(
        read=len(tweets) + len(dropped),
        kept=len(tweets),
        dropped=_counts(dropped),
        splits={name: len(part) for name, part in splits.items()},
        with_topic=sum(tweet.topic is not None for name in ("train", "validation", "test") for tweet in splits[name]),
        first_day=tweets[0].created_at[:10],
        last_day=tweets[-1].created_at[:10],
        outputs=outputs,
    )


def _check_settings(data: Data, directory: Path) -> None:
    if data.since and data.until and data.since > data.until:
        what = f"the period ends ({data.until}) before it begins ({data.since})"
        raise TweetstyleError(what, where="data.since", hint="exchange data.since and data.until")
    if data.source[0].resolve() in {path.resolve() for path in output_paths(directory)}:
        what = "the archive would be overwritten by the cleaned tweets"
        raise TweetstyleError(what, where=str(data.source[0]), hint="name another directory in data.processed, or copy the archive")


def _read_and_clean(data: Data, progress: Progress) -> tuple[list[Tweet], list[Dropped]]:
    """The kept tweets in order of time, and the others in the file's order."""
    candidates: list[Tweet] = []
    originals: dict[str, tuple[int, str]] = {}
    dropped: list[tuple[int, Dropped]] = []
    number = 0
    size = data.source[0].stat().st_size if data.source[0].is_file() else 0
    with progress.of_bytes(size, "reading") as advance:
        for number, row in enumerate(read_rows(data.source[0], advance), 1):
            tweet = read_tweet(row.text)
            reason = DUPLICATE_ID if row.id in originals else reason_to_drop(tweet, row.created_at, data)
            originals.setdefault(row.id, (number, row.text))
            if reason:
                dropped.append((number, Dropped(row.id, reason, row.text)))
            else:
                candidates.append(Tweet(row.id, tweet.kept, row.created_at, REPLY if tweet.is_reply else TWEET))
    kept, repeated = without_duplicates(candidates)
    for tweet in repeated:
        place, text = originals[tweet.id]
        dropped.append((place, Dropped(tweet.id, DUPLICATE, text)))
    if len(kept) + len(dropped) != number:
        raise RuntimeError(f"{number} tweets were read, but {len(kept)} kept and {len(dropped)} dropped")
    return kept, [tweet for _, tweet in sorted(dropped, key=lambda entry: entry[0])]


def _check_enough(tweets: list[Tweet], dropped: list[Dropped], data: Data) -> None:
    if len(tweets) >= FEWEST:
        return
    read = len(tweets) + len(dropped)
    funnel_in_words = dropped_in_words(_counts(dropped))
    hints = {
        "outside the period": "widen data.since and data.until",
        "too short": "lower data.min_characters",
        "stock reply": "write data.stock_replies: keep",
    }
    most = max(_counts(dropped).items(), key=lambda entry: entry[1])[0]
    hint = hints.get(most, "a style is learned from some hundreds of one's own tweets")
    if not tweets:
        what = f"none of the {read:,} tweets was kept ({funnel_in_words})"
    else:
        what = f"too few tweets to split: {len(tweets)} of {read:,} were kept ({funnel_in_words}), at least {FEWEST} are needed"
    raise TweetstyleError(what, where=str(data.source[0]), hint=hint)


def _with_topics(splits: dict[str, list[Tweet]], dropout: float, seed: int, progress: Progress) -> dict[str, list[Tweet]]:
    """The same splits, each tweet with its topic; what a word weighs is learned on train alone."""
    with _no_cycle_search():
        topics = _topics(splits, dropout, seed, progress)
    return {name: [replace(tweet, topic=topics[tweet.id]) for tweet in part] for name, part in splits.items()}


def _topics(splits: dict[str, list[Tweet]], dropout: float, seed: int, progress: Progress) -> dict[str, str | None]:
    """id → topic."""
    tweets = [tweet for name in ("train", "validation", "test") for tweet in splits[name]]
    words = {tweet.id: words_of(tweet.text) for tweet in progress.over(tweets, "finding words")}
    archive = learn_archive([words[tweet.id] for tweet in splits["train"]])
    return {id: topic_of(id, *found, archive, dropout, seed) for id, found in progress.over(words.items(), "choosing topics")}


@contextmanager
def _no_cycle_search() -> Iterator[None]:
    """Millions of small tuples without a cycle among them: searching them for cycles took a third of the whole time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _counts(dropped: list[Dropped]) -> dict[str, int]:
    counts = Counter(tweet.reason for tweet in dropped)
    return {reason: counts[reason] for reason in REASONS}

"""Figures of the archive and of what was kept."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from tweetstyle.cleaning.archive_rules import DUPLICATE, NEAR_DUPLICATE, Candidate
from tweetstyle.cleaning.clean import Cleaned
from tweetstyle.cleaning.dropped import REASONS, counts
from tweetstyle.cleaning.scrub import scrub
from tweetstyle.prepare.report import Prepared
from tweetstyle.prepare.split import Splits, leak
from tweetstyle.records import Dropped, SourceTweet, Tweet, seeded_bytes

if TYPE_CHECKING:
    from tweetstyle.recipe import Data
    from tweetstyle.sources import Archive


DROPPED_SAMPLES, KEPT_SAMPLES = 5, 10
LENGTH_BIN = 20
"""Characters."""

_Sampled = TypeVar("_Sampled", Dropped, Tweet)


def describe(
    archive: Archive,
    read: list[SourceTweet],
    cleaned: list[Cleaned],
    kept: list[Candidate],
    dropped: list[Dropped],
    splits: Splits,
    data: Data,
) -> Prepared:
    """All figures of the report but the leak, which `leak_of` counts; an archive that has been read to its end."""
    tweets = [tweet for name in ("train", "validation", "test") for tweet in splits.parts[name]]
    first_day, last_day = _days(tweets)
    sizes = Counter(candidate.cluster for candidate in kept)
    scrubbed: Counter[str] = Counter()
    for candidate in kept:
        scrubbed.update(dict(cleaned[candidate.place].scrubbed))
    samples = _with_duplicated_text(_samples(dropped, data.seed), read)
    return Prepared(
        read=len(read),
        kept=len(kept),
        dropped=counts(dropped),
        splits={name: len(part) for name, part in splits.parts.items()},
        with_topic=sum(tweet.topic is not None for tweet in tweets),
        first_day=first_day,
        last_day=last_day,
        outputs=[],
        sources=[(str(found.path), found.kind, found.count) for found in archive.kinds],
        notices=list(archive.notices),
        warnings=list(splits.warnings),
        scrubbed=dict(sorted(scrubbed.items())),
        leak=0,
        threads=len({tweet.thread for tweet in tweets if tweet.thread}),
        twin_clusters=sum(size > 1 for size in sizes.values()),
        months=_months(read, tweets),
        lengths=dict(sorted(Counter(len(tweet.text) // LENGTH_BIN * LENGTH_BIN for tweet in tweets).items())),
        languages=dict(Counter(tweet.language for tweet in tweets).most_common()),
        samples=samples if data.personal_data == "keep" else _without_personal_data(samples),
        kept_samples=_sample(tweets, KEPT_SAMPLES, data.seed),
        split_days={name: period for name, part in splits.parts.items() if (period := _days(part)) != ("", "")},
    )


def _days(tweets: list[Tweet]) -> tuple[str, str]:
    """The first and the last day (UTC), empty where none has a date."""
    days = [tweet.created_at[:10] for tweet in tweets if tweet.created_at]
    return (min(days), max(days)) if days else ("", "")


def leak_of(texts: dict[str, list[str]], threshold: float) -> int:
    """`leak` of texts alone, which travel to a worker in a fifth of the time of whole tweets."""
    return leak({name: [Tweet("", text, "") for text in part] for name, part in texts.items()}, threshold)


def _months(read: list[SourceTweet], kept: list[Tweet]) -> dict[str, tuple[int, int]]:
    """Month → tweets read and kept; undated ones under the empty name."""
    before, after = (Counter(tweet.created_at[:7] for tweet in tweets) for tweets in (read, kept))
    return {month: (before[month], after[month]) for month in sorted(before)}


def _samples(dropped: list[Dropped], seed: int) -> dict[str, list[Dropped]]:
    by_reason: dict[str, list[Dropped]] = {reason: [] for reason in REASONS}
    for tweet in dropped:
        by_reason[tweet.reason].append(tweet)
    return {reason: _sample(tweets, DROPPED_SAMPLES, seed) for reason, tweets in by_reason.items() if tweets}


def _with_duplicated_text(samples: dict[str, list[Dropped]], read: list[SourceTweet]) -> dict[str, list[Dropped]]:
    """Adds the text of the kept tweet to a duplicate's evidence, which ends with that tweet's id, so that both can be compared."""
    kept = {tweet.evidence.rpartition(" ")[2] for reason in (DUPLICATE, NEAR_DUPLICATE) for tweet in samples.get(reason, [])}
    texts = {tweet.id: tweet.text for tweet in read if tweet.id in kept and not tweet.reason}

    def with_text(tweet: Dropped) -> Dropped:
        return replace(tweet, evidence=f"{tweet.evidence}, “{texts[tweet.evidence.rpartition(' ')[2]]}”")

    return {reason: list(map(with_text, found)) if reason in (DUPLICATE, NEAR_DUPLICATE) else found for reason, found in samples.items()}


def _without_personal_data(samples: dict[str, list[Dropped]]) -> dict[str, list[Dropped]]:
    """What is shown to others says no more of others than what is learned does."""
    return {
        reason: [replace(tweet, text=scrub(tweet.text)[0], evidence=scrub(tweet.evidence)[0]) for tweet in found]
        for reason, found in samples.items()
    }


def _sample(tweets: Iterable[_Sampled], count: int, seed: int) -> list[_Sampled]:
    """A seeded sample of different texts that does not depend on the order of the tweets."""
    drawn: dict[str, tuple[bytes, str, _Sampled]] = {}
    for tweet in tweets:
        lot = (seeded_bytes(seed, tweet.id, b"sample"), tweet.id, tweet)
        if tweet.text not in drawn or lot[:2] < drawn[tweet.text][:2]:
            drawn[tweet.text] = lot
    return [tweet for _, _, tweet in heapq.nsmallest(count, drawn.values(), key=lambda lot: lot[:2])]

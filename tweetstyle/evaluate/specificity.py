"""Did it learn this author, or only how tweets are? The gain on the author against the gain on other people's tweets."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from tweetstyle.errors import TweetstyleError
from tweetstyle.evaluate.intervals import Interval, Sample, bootstrap_t, difference_of_ratios
from tweetstyle.records import SourceTweet, Tweet
from tweetstyle.sources import open_archive

NEUTRAL, OTHER_TIMES = "the neutral set", "of other or unknown times"
FEWEST_OTHERS = 20


@dataclass(frozen=True)
class Specificity:
    """Gains in bits per byte, base minus tuned: on the author's held-out tweets, on other people's, and the one minus the other."""

    author: Interval
    others: Interval
    difference: Interval
    tweets: int
    source: str


def specificity(author: Sample, others: Sample, source: str, *, confidence: float, resamples: int, seed: int) -> Specificity:
    """author, others: (bits gained, bytes, clusters) of each tweet. A model that only learned what a tweet looks like gains on both."""
    settings = {"confidence": confidence, "resamples": resamples, "seed": seed}
    gains = [bootstrap_t(*sample, **settings) for sample in (author, others)]
    return Specificity(*gains, difference_of_ratios(author, others, **settings), len(others[0]), source)


def other_people(
    path: Path | None, author: Sequence[Tweet], clean: Callable[[SourceTweet], str], most: int, seed: int
) -> tuple[list[str], str]:
    """At most `most` different texts of other people, a seeded choice, and what they are.

    path: a file in any form that `data.source` may have, or None for the neutral set in the language of most of the author's tweets.
    clean: what is learned of a tweet, or nothing where it is dropped: retweets and links would make the others strange in ways that
    are not the author's style. Of a file with dates, tweets of the author's own time, where these are enough.
    Raises TweetstyleError for a file with too few tweets.
    """
    if path is None:
        lines = (files("tweetstyle.evaluate") / f"neutral_{_language(author)}.txt").read_text(encoding="utf-8").splitlines()
        return _some([line for line in lines if line], most, seed), NEUTRAL
    read = list(open_archive((path,), None).tweets())
    dated = {text: tweet.created_at for tweet in read if (text := clean(tweet).strip())}
    if len(dated) < FEWEST_OTHERS:
        what = f"there are {len(dated)} tweets of other people once cleaned ({len(read)} were read), at least {FEWEST_OTHERS} are needed"
        raise TweetstyleError(what, where=str(path), hint="give a longer file, or leave evaluation.others out")
    days = [tweet.created_at[:10] for tweet in author if tweet.created_at]
    of_its_time = [text for text, when in dated.items() if days and min(days) <= when[:10] <= max(days)]
    if len(of_its_time) >= FEWEST_OTHERS:
        return _some(of_its_time, most, seed), path.name
    return _some(list(dated), most, seed), f"{path.name}, {OTHER_TIMES}"


def _some(texts: list[str], most: int, seed: int) -> list[str]:
    return [texts[place] for place in sorted(random.Random(seed).sample(range(len(texts)), min(most, len(texts))))]


def _language(author: Sequence[Tweet]) -> str:
    """That of most tweets, as far as there is a neutral set in it."""
    counted = Counter(tweet.language for tweet in author if tweet.language)
    first = counted.most_common(1)[0][0] if counted else "en"
    return first if first in ("fr", "en") else "en"

"""Did it learn this author, or only how tweets are? The gain on the author against the gain on other people's tweets."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from tweetstyle.errors import TweetstyleError
from tweetstyle.evaluate.intervals import Interval, Sample, bootstrap_t, difference_of_ratios
from tweetstyle.sources import open_archive

NEUTRAL = "the neutral set"
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


def other_people(path: Path | None, language: str) -> tuple[list[str], str]:
    """Texts of other people and what they are: a file in any form that `data.source` may have, or the neutral set in that language.

    Raises TweetstyleError for a file with too few tweets.
    """
    if path is None:
        name = f"neutral_{language if language in ('fr', 'en') else 'en'}.txt"
        return [line for line in (files("tweetstyle.evaluate") / name).read_text(encoding="utf-8").splitlines() if line], NEUTRAL
    texts = [tweet.text for tweet in open_archive((path,), None).tweets() if tweet.text.strip()]
    if len(texts) < FEWEST_OTHERS:
        what = f"there are {len(texts)} tweets of other people, at least {FEWEST_OTHERS} are needed"
        raise TweetstyleError(what, where=str(path), hint="give a longer file, or leave evaluation.others out")
    return texts, path.name

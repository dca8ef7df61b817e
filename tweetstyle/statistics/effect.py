"""Which differences count: one decision for verdict, warnings and compare."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

from tweetstyle.statistics.intervals import Interval

WORSE = 1.05
"""Times the untrained model's bits per byte above which a training has clearly made the model worse: some 0.13 bits, what q4_k_m may lose
at most (verify.checks)."""
SMALLEST_GAIN = 0.01
"""Bits per byte: one bit for a tweet of 100 bytes, 2 to 5% of what some of the author's tweets in the prompt gain (docs/evaluation.md)."""
SMALLEST_SHARE = 0.05
"""Of shares of tweets, and of the style gap: one tweet of twenty, the least that somebody who reads twenty could see."""


class Effect(Enum):
    """What an interval says of a difference. NONE: too small to count, for certain; UNKNOWN: the interval is too wide to say."""

    MORE = "more"
    LESS = "less"
    NONE = "none"
    UNKNOWN = "unknown"


def effect(found: Interval | Mapping[str, Any], smallest: float) -> Effect:
    """The effect of a difference, for which `smallest` is the least that counts.

    It counts where 0 lies outside the interval and the estimate is at least `smallest`; there is none where the whole interval lies
    within ±`smallest` (a region of practical equivalence: Lakens, Social Psychological and Personality Science 8(4), 2017).

    Args:
        found: an Interval, or one as evaluation.json holds it.
    """
    of = found if isinstance(found, Interval) else Interval(**found)
    if of.low is None or of.high is None:
        return Effect.UNKNOWN
    if -smallest <= of.low and of.high <= smallest:
        return Effect.NONE
    if abs(of.estimate) < smallest:
        return Effect.UNKNOWN
    return {1: Effect.MORE, -1: Effect.LESS}.get(of.sign, Effect.UNKNOWN)

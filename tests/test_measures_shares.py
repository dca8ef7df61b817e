"""Intervals of shares and of differences: they cover what they promise, and agree with scipy and with published figures."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tweetstyle.statistics.intervals import bootstrap_t, difference_of_ratios, effective_size, share, share_difference


def hits(successes: int, count: int) -> np.ndarray:
    return np.arange(count) < successes


def clustered(random: np.random.Generator, days: int, mean: float, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Hits of one to six tweets a day; each day has its own chance, beta-distributed around the mean."""
    day = np.repeat(np.arange(days), random.integers(1, 7, size=days))
    chance = random.beta(mean / spread, (1 - mean) / spread, days)
    return random.random(len(day)) < chance[day], day


def test_of_1000_intervals_of_clustered_shares_and_their_difference_95_percent_hold_them() -> None:
    random, held = np.random.default_rng(5), np.zeros(2)
    for _ in range(1000):
        one, two = clustered(random, 50, 0.3, 0.1), clustered(random, 80, 0.1, 0.1)
        found = share(*one, confidence=0.95), share_difference(*one, *two, confidence=0.95)
        held += [interval.low <= truth <= interval.high for interval, truth in zip(found, (0.3, 0.2), strict=True)]
    assert held / 1000 == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(("successes", "count"), [(0, 300), (3, 500), (600, 600)])
def test_of_independent_tweets_it_is_wilsons_interval(successes: int, count: int) -> None:
    interval = share(hits(successes, count), range(count), confidence=0.95)
    expected = stats.binomtest(successes, count).proportion_ci(0.95, "wilson")
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=4e-4)


def test_newcombes_own_example_comes_out() -> None:
    """Newcombe 1998, p. 875: 56/70 against 48/80 gives 0.0524 to 0.3339 (method 10), with the normal quantile."""
    interval = share_difference(hits(56, 70), range(70), hits(48, 80), range(80), confidence=0.95)
    assert interval.estimate == pytest.approx(0.2)
    assert (interval.low, interval.high) == pytest.approx((0.0524, 0.3339), abs=0.004)


def test_pairs_that_go_together_show_a_smaller_difference() -> None:
    base, tuned = hits(100, 200), hits(120, 200)
    paired = share_difference(tuned, range(200), base, range(200), confidence=0.95, paired=True)
    expected = 0.1 + np.array([-1, 1]) * 1.96 * np.sqrt((0.1 - 0.1**2) / 200)
    assert (paired.low, paired.high) == pytest.approx(expected, abs=0.01)


def test_tweets_of_a_day_that_all_agree_count_as_one() -> None:
    days = np.repeat(np.arange(60), 10)
    assert effective_size(np.repeat(hits(30, 60), 10), days) == pytest.approx(60, rel=0.03)
    assert effective_size(hits(0, 600), days) == 60


def test_of_too_little_there_is_no_interval_or_no_share() -> None:
    found, day = hits(10, 40), np.arange(40) % 4
    assert share(found, day, confidence=0.95).low is None
    assert share_difference(found, day, found, range(40), confidence=0.95).high is None
    with pytest.raises(ValueError, match="at least one tweet"):
        share([], [], confidence=0.95)
    with pytest.raises(ValueError, match="same prompts"):
        share_difference(hits(5, 10), range(10), hits(5, 11), range(11), confidence=0.95, paired=True)


# -- difference of two gains --------------------------------------------------------------------------------


def gains(random: np.random.Generator, days: int, mean: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    day = np.repeat(np.arange(days), random.integers(1, 6, size=days))
    size = random.integers(20, 200, size=len(day)).astype(float)
    return size * (mean + random.normal(0, 0.1, days)[day] + random.normal(0, 0.2, len(day))), size, day


def test_of_1000_intervals_of_a_planted_difference_of_gains_95_percent_hold_it() -> None:
    random, held = np.random.default_rng(8), 0
    for run in range(1000):
        one, two = gains(random, 40, 0.25), gains(random, 90, 0.1)
        interval = difference_of_ratios(one, two, confidence=0.95, resamples=499, seed=run)
        held += interval.low <= 0.15 <= interval.high
    assert held / 1000 == pytest.approx(0.95, abs=0.02)


def test_against_a_side_that_does_not_vary_it_is_the_one_sided_interval() -> None:
    one = gains(np.random.default_rng(9), 80, 0.2)
    still = (np.full(50, 3.0), np.full(50, 30.0), np.arange(50))
    settings = {"confidence": 0.95, "resamples": 20_000, "seed": 1}
    alone, against = bootstrap_t(*one, **settings), difference_of_ratios(one, still, **settings)
    assert against.estimate == pytest.approx(alone.estimate - 0.1)
    assert (against.low, against.high) == pytest.approx((alone.low - 0.1, alone.high - 0.1), abs=0.005)
    same = difference_of_ratios(still, still, **settings)
    assert (same.low, same.estimate, same.high) == (0, 0, 0)
    few = gains(np.random.default_rng(9), 4, 0.2)
    assert difference_of_ratios(one, few, **settings).low is None

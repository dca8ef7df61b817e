"""Intervals cover what they promise, agree with scipy and published figures, and say when they know too little; which differences count."""

import numpy as np
import pytest
from scipy import stats

from tweetstyle.statistics.intervals import Effect, Interval, bootstrap_t, difference_of_ratios, effect, share, share_difference

SETTINGS = {"confidence": 0.95, "resamples": 999, "seed": 0}


def gains_of_days(random: np.random.Generator, days: int, mean: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tweets of 20 to 200 bytes, one to seven a day, whose gains are skewed and share something of their day; bits, bytes, day."""
    day = np.repeat(np.arange(days), random.integers(1, 8, size=days))
    size = random.integers(20, 200, size=len(day)).astype(float)
    gain = mean + random.normal(0, 0.15, days)[day] + random.gamma(2, 0.2, len(day)) - 0.4
    return size * gain, size, day


def test_of_600_intervals_at_95_percent_as_many_hold_the_truth() -> None:
    random, held = np.random.default_rng(2024), 0
    for run in range(600):
        interval = bootstrap_t(*gains_of_days(random, 30, 0.3), **SETTINGS | {"seed": run})
        held += interval.low <= 0.3 <= interval.high
    assert held / 600 == pytest.approx(0.95, abs=0.025)


def test_with_many_clusters_of_one_size_it_is_students_interval() -> None:
    gains = np.random.default_rng(1).normal(0.2, 0.5, 400)
    size = np.full(400, 50.0)
    interval = bootstrap_t(gains * size, size, np.arange(400), **SETTINGS | {"resamples": 20_000})
    expected = stats.t.interval(0.95, 399, gains.mean(), stats.sem(gains))
    assert interval.estimate == pytest.approx(gains.mean())
    assert (interval.low, interval.high) == pytest.approx(expected, abs=0.03 * (expected[1] - expected[0]))


def test_the_estimate_is_the_ratio_of_the_sums_and_of_a_few_days_there_is_no_interval() -> None:
    interval = bootstrap_t(np.array([1.0, 30.0, 2.0]), np.array([10.0, 10.0, 100.0]), ["a", "b", "c"], **SETTINGS)
    assert interval == Interval(pytest.approx(33 / 120), None, None, 0.95, 3) and interval.sign == 0


def test_where_nothing_varies_the_interval_is_the_point() -> None:
    size = np.random.default_rng(0).integers(1, 280, 50).astype(float)
    for rate in (0.0, 0.1, -1 / 3):
        interval = bootstrap_t(size * rate, size, np.arange(50) // 5, **SETTINGS)
        assert interval.low == interval.high == interval.estimate == pytest.approx(rate)


def test_draws_whose_clusters_are_all_alike_leave_no_rounding_error_behind_as_their_spread() -> None:
    """Of twelve equal clusters and two others a ninth of the draws are equal ones only: a spread of 1e-16 there made an end of -2e7."""
    values = np.array([1.0] * 12 + [1 / 2, 1 / 5])
    for seed in range(20):
        interval = bootstrap_t(values, np.ones(14), np.arange(14), **SETTINGS | {"seed": seed})
        assert interval.estimate - 2 < interval.low < interval.estimate < interval.high < interval.estimate + 2


def test_against_a_side_that_does_not_vary_the_difference_has_the_one_sided_interval() -> None:
    one, still = gains_of_days(np.random.default_rng(9), 80, 0.2), (np.full(50, 3.0), np.full(50, 30.0), np.arange(50))
    settings = SETTINGS | {"resamples": 20_000}
    alone, against = bootstrap_t(*one, **settings), difference_of_ratios(one, still, **settings)
    ends = [(of.estimate, of.low, of.high) for of in (against, alone)]
    assert ends[0] == pytest.approx([end - 0.1 for end in ends[1]], abs=0.005)
    same = difference_of_ratios(still, still, **settings)
    assert (same.low, same.estimate, same.high) == (0, 0, 0)
    assert difference_of_ratios(one, gains_of_days(np.random.default_rng(9), 4, 0.2), **settings).low is None


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


def test_of_too_little_there_is_no_interval_or_no_share() -> None:
    found, day = hits(10, 40), np.arange(40) % 4
    assert share(found, day, confidence=0.95).low is None
    assert share_difference(found, day, found, range(40), confidence=0.95).high is None
    with pytest.raises(ValueError, match="at least one tweet"):
        share([], [], confidence=0.95)
    with pytest.raises(ValueError, match="same prompts"):
        share_difference(hits(5, 10), range(10), hits(5, 11), range(11), confidence=0.95, paired=True)


@pytest.mark.parametrize(
    ("estimate", "low", "high", "found"),
    [
        (0.34, 0.29, 0.40, Effect.MORE),
        (0.05, 0.005, 0.095, Effect.MORE),  # 0 is outside, and the estimate counts
        (-0.34, -0.40, -0.29, Effect.LESS),
        (0.0003, 0.0001, 0.0006, Effect.NONE),  # surely above 0, and surely too small to be noticed
        (0.0, -0.01, 0.01, Effect.NONE),
        (0.008, 0.002, 0.014, Effect.UNKNOWN),  # surely above 0, but it may be too small
        (0.02, -0.01, 0.05, Effect.UNKNOWN),
        (0.34, None, None, Effect.UNKNOWN),
    ],
)
def test_a_difference_counts_by_its_interval_and_its_size(estimate, low, high, found):
    interval = Interval(estimate, low, high, 0.95, 40)
    assert effect(interval, 0.01) is found
    assert effect(vars(interval), 0.01) is found, "as evaluation.json holds it"

"""Intervals of shares and of differences: they cover what they promise, and agree with published formulas and figures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tweetstyle.statistics.intervals import bootstrap_t, difference_of_ratios
from tweetstyle.statistics.shares import effective_size, mean_between, share, share_difference


def hits(successes: int, count: int) -> np.ndarray:
    return np.arange(count) < successes


def clustered(random: np.random.Generator, days: int, mean: float, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Hits of one to six tweets a day; each day has its own chance, beta-distributed around the mean."""
    day = np.repeat(np.arange(days), random.integers(1, 7, size=days))
    chance = random.beta(mean / spread, (1 - mean) / spread, days)
    return random.random(len(day)) < chance[day], day


@pytest.mark.parametrize(("mean", "spread"), [(0.3, 0.2), (0.05, 0.1), (0.9, 0.2)])
def test_of_2000_intervals_of_a_clustered_share_95_percent_hold_it(mean: float, spread: float) -> None:
    random, held = np.random.default_rng(5), 0
    for _ in range(2000):
        interval = share(*clustered(random, 60, mean, spread), confidence=0.95)
        held += interval.low <= mean <= interval.high
    assert held / 2000 == pytest.approx(0.95, abs=0.015)


def test_of_2000_intervals_of_a_planted_difference_95_percent_hold_it() -> None:
    random, held = np.random.default_rng(6), 0
    for _ in range(2000):
        one, two = clustered(random, 50, 0.3, 0.1), clustered(random, 80, 0.1, 0.1)
        interval = share_difference(*one, *two, confidence=0.95)
        held += interval.low <= 0.2 <= interval.high
    assert held / 2000 == pytest.approx(0.95, abs=0.015)


def test_leaving_out_the_clusters_would_cover_too_little() -> None:
    random, held = np.random.default_rng(5), 0
    for _ in range(500):
        found, day = clustered(random, 60, 0.3, 0.4)
        interval = share(found, range(len(day)), confidence=0.95)
        held += interval.low <= 0.3 <= interval.high
    assert held / 500 < 0.9


@pytest.mark.parametrize(("successes", "count"), [(0, 300), (3, 500), (250, 400), (600, 600)])
def test_of_independent_tweets_it_is_wilsons_interval(successes: int, count: int) -> None:
    interval = share(hits(successes, count), range(count), confidence=0.95)
    expected = stats.binomtest(successes, count).proportion_ci(0.95, "wilson")
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=4e-4)


def test_newcombes_own_example_comes_out() -> None:
    """Newcombe 1998, p. 875: 56/70 against 48/80 gives 0.0524 to 0.3339 (method 10), with the normal quantile."""
    interval = share_difference(hits(56, 70), range(70), hits(48, 80), range(80), confidence=0.95)
    assert interval.estimate == pytest.approx(0.2)
    assert (interval.low, interval.high) == pytest.approx((0.0524, 0.3339), abs=0.004)


def test_pairs_that_go_together_tell_a_smaller_difference() -> None:
    base, tuned = hits(100, 200), hits(120, 200)
    apart = share_difference(tuned, range(200), base, range(200), confidence=0.95)
    paired = share_difference(tuned, range(200), base, range(200), confidence=0.95, paired=True)
    assert paired.high - paired.low < 0.5 * (apart.high - apart.low)
    expected = 0.1 + np.array([-1, 1]) * 1.96 * np.sqrt((0.1 - 0.1**2) / 200)
    assert (paired.low, paired.high) == pytest.approx(expected, abs=0.01)


def test_no_hit_at_all_still_leaves_a_doubt() -> None:
    interval = share_difference(hits(0, 100), range(100), hits(0, 100), range(100), confidence=0.95)
    assert interval.low < -0.02 and interval.high > 0.02


def test_tweets_of_a_day_that_all_agree_count_as_one() -> None:
    found = np.repeat(hits(30, 60), 10)
    assert effective_size(found, np.repeat(np.arange(60), 10)) == pytest.approx(60, rel=0.03)
    assert effective_size(hits(0, 600), np.repeat(np.arange(60), 10)) == 60


@pytest.mark.parametrize("clusters", [1, 4])
def test_of_a_handful_of_days_there_is_no_interval(clusters: int) -> None:
    found, day = hits(10, 40), np.arange(40) % clusters
    assert share(found, day, confidence=0.95).low is None
    assert share_difference(found, day, found, range(40), confidence=0.95).high is None


def test_without_a_tweet_there_is_no_share() -> None:
    with pytest.raises(ValueError, match="at least one tweet"):
        share([], [], confidence=0.95)


def test_pairs_must_be_pairs() -> None:
    with pytest.raises(ValueError, match="same prompts"):
        share_difference(hits(5, 10), range(10), hits(5, 11), range(11), confidence=0.95, paired=True)


# -- difference of two gains --------------------------------------------------------------------------------


def gains(random: np.random.Generator, days: int, mean: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    day = np.repeat(np.arange(days), random.integers(1, 6, size=days))
    size = random.integers(20, 200, size=len(day)).astype(float)
    return size * (mean + random.normal(0, 0.1, days)[day] + random.normal(0, 0.2, len(day))), size, day


def test_of_2000_intervals_of_a_planted_difference_of_gains_95_percent_hold_it() -> None:
    random, held = np.random.default_rng(8), 0
    for run in range(2000):
        one, two = gains(random, 40, 0.25), gains(random, 90, 0.1)
        interval = difference_of_ratios(one, two, confidence=0.95, resamples=499, seed=run)
        held += interval.low <= 0.15 <= interval.high
    assert held / 2000 == pytest.approx(0.95, abs=0.015)


def test_against_a_side_that_does_not_vary_it_is_the_one_sided_interval() -> None:
    one = gains(np.random.default_rng(9), 80, 0.2)
    still = (np.full(50, 3.0), np.full(50, 30.0), np.arange(50))
    settings = {"confidence": 0.95, "resamples": 20_000, "seed": 1}
    alone, against = bootstrap_t(*one, **settings), difference_of_ratios(one, still, **settings)
    assert against.estimate == pytest.approx(alone.estimate - 0.1)
    assert (against.low, against.high) == pytest.approx((alone.low - 0.1, alone.high - 0.1), abs=0.005)


def test_a_difference_needs_days_on_both_sides() -> None:
    one, few = gains(np.random.default_rng(9), 80, 0.2), gains(np.random.default_rng(9), 4, 0.2)
    assert difference_of_ratios(one, few, confidence=0.95, resamples=99, seed=0).low is None
    still = (np.full(50, 3.0), np.full(50, 30.0), np.arange(50))
    same = difference_of_ratios(still, still, confidence=0.95, resamples=99, seed=0)
    assert (same.low, same.estimate, same.high) == (0, 0, 0)


# -- means of values between two bounds ---------------------------------------------------------------------------------


@given(st.lists(st.sampled_from([1, 2, 3, 4, 5]), min_size=5, max_size=40))
def test_a_mean_of_reciprocal_places_never_has_an_interval_outside_the_places(places: list[int]) -> None:
    values = 1 / np.array(places)
    found = mean_between(values, range(len(values)), least=0.2, most=1, confidence=0.95)
    assert found.estimate == pytest.approx(values.mean())
    assert 0.2 - 1e-12 <= found.low <= found.estimate + 1e-12 and found.estimate - 1e-12 <= found.high <= 1 + 1e-12
    assert found.high - found.low > 0.05, "even where all are alike nothing is certain"


@pytest.mark.parametrize("chances", [[0.2] * 5, [0.6, 0.2, 0.1, 0.05, 0.05], [0.9, 0.05, 0.03, 0.01, 0.01]])
@pytest.mark.parametrize("tweets", [14, 60])
def test_the_interval_of_a_mean_between_bounds_holds_it_at_least_as_often_as_promised(chances: list[float], tweets: int) -> None:
    random, held = np.random.default_rng(8), 0
    true = sum(chance / place for place, chance in enumerate(chances, 1))
    for _ in range(1000):
        values = 1 / random.choice([1, 2, 3, 4, 5], size=tweets, p=chances)
        found = mean_between(values, range(tweets), least=0.2, most=1, confidence=0.95)
        held += found.low <= true <= found.high
    assert held / 1000 >= 0.95


def test_the_ends_of_a_mean_between_bounds_are_the_roots_of_wilsons_equation() -> None:
    values = [1.0] * 12 + [1 / 2, 1 / 5]
    found = mean_between(values, range(14), least=0.2, most=1, confidence=0.95)
    mean, z = (np.mean(values) - 0.2) / 0.8, stats.t.ppf(0.975, 13)
    roots = np.roots([1 + z**2 / 14, -(2 * mean + z**2 / 14), mean**2])  # (mean - p)^2 = z^2 p (1 - p) / 14
    assert [found.low, found.high] == pytest.approx(sorted(0.2 + 0.8 * roots))

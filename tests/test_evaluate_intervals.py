"""Intervals: they cover what they promise, agree with a formula where there is one, and say when they know too little."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tweetstyle.statistics.intervals import Interval, bootstrap_t

SETTINGS = {"confidence": 0.95, "resamples": 999, "seed": 0}


def gains_of_days(random: np.random.Generator, days: int, mean: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tweets of 20 to 200 bytes, one to seven a day, whose gains are skewed and share something of their day; bits, bytes, day."""
    day = np.repeat(np.arange(days), random.integers(1, 8, size=days))
    size = random.integers(20, 200, size=len(day)).astype(float)
    gain = mean + random.normal(0, 0.15, days)[day] + random.gamma(2, 0.2, len(day)) - 0.4
    return size * gain, size, day


def covered(days: int, runs: int, **settings) -> float:
    """Share of simulated archives whose interval holds the true gain."""
    random = np.random.default_rng(2024)
    hits = 0
    for run in range(runs):
        interval = bootstrap_t(*gains_of_days(random, days, 0.3), **SETTINGS | {"seed": run} | settings)
        hits += interval.low <= 0.3 <= interval.high
    return hits / runs


def test_of_600_intervals_at_95_percent_as_many_hold_the_truth() -> None:
    assert covered(30, 600) == pytest.approx(0.95, abs=0.025)


def test_with_many_clusters_of_one_size_it_is_students_interval() -> None:
    gains = np.random.default_rng(1).normal(0.2, 0.5, 400)
    size = np.full(400, 50.0)
    interval = bootstrap_t(gains * size, size, np.arange(400), **SETTINGS | {"resamples": 20_000})
    expected = stats.t.interval(0.95, 399, gains.mean(), stats.sem(gains))
    assert interval.estimate == pytest.approx(gains.mean())
    assert (interval.low, interval.high) == pytest.approx(expected, abs=0.03 * (expected[1] - expected[0]))


def test_the_estimate_is_the_ratio_of_the_sums_not_the_mean_of_ratios() -> None:
    interval = bootstrap_t(np.array([1.0, 30.0, 2.0]), np.array([10.0, 10.0, 100.0]), ["a", "b", "c"], **SETTINGS)
    assert interval.estimate == pytest.approx(33 / 120)


def test_the_seed_and_the_number_of_resamples_decide_the_draws() -> None:
    data = gains_of_days(np.random.default_rng(3), 40, 0.1)
    assert bootstrap_t(*data, **SETTINGS) == bootstrap_t(*data, **SETTINGS)
    assert bootstrap_t(*data, **SETTINGS | {"seed": 1}).low != bootstrap_t(*data, **SETTINGS).low
    assert bootstrap_t(*data, **SETTINGS | {"resamples": 500}).low != bootstrap_t(*data, **SETTINGS).low


def test_where_nothing_varies_the_interval_is_the_point() -> None:
    size = np.random.default_rng(0).integers(1, 280, 50).astype(float)
    for rate in (0.0, 0.1, -1 / 3):
        interval = bootstrap_t(size * rate, size, np.arange(50) // 5, **SETTINGS)
        assert interval.low == interval.high == interval.estimate == pytest.approx(rate)


@pytest.mark.parametrize("days", [1, 2, 4])
def test_a_few_days_give_no_interval_rather_than_a_certain_one(days: int) -> None:
    bits, size = np.arange(1.0, 9.0), np.full(8, 9.0)
    interval = bootstrap_t(bits, size, np.arange(8) % days, **SETTINGS)
    assert (interval.low, interval.high, interval.sign, interval.clusters) == (None, None, 0, days)
    assert interval.estimate == pytest.approx(0.5)


@pytest.mark.parametrize(("low", "high", "sign"), [(0.1, 0.2, 1), (-0.2, -0.1, -1), (-0.1, 0.1, 0), (0.0, 0.0, 0), (None, None, 0)])
def test_the_sign_is_told_only_where_the_whole_interval_has_it(low: float | None, high: float | None, sign: int) -> None:
    assert Interval(0.15, low, high, 0.95, 40).sign == sign


def test_draws_whose_clusters_are_all_alike_leave_no_rounding_error_behind_as_their_spread() -> None:
    """Of twelve equal clusters and two others a ninth of the draws are equal ones only: a spread of 1e-16 there made an end of -2e7."""
    values = np.array([1.0] * 12 + [1 / 2, 1 / 5])
    for seed in range(20):
        interval = bootstrap_t(values, np.ones(14), np.arange(14), **SETTINGS | {"seed": seed})
        assert interval.estimate - 2 < interval.low < interval.estimate < interval.high < interval.estimate + 2

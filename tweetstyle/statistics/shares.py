"""Intervals for shares, valid at 0% and 100% too."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from tweetstyle.statistics.intervals import FEWEST_CLUSTERS, Interval, cluster_sums


def share(hits: Sequence[bool] | np.ndarray, clusters: Sequence[Hashable], *, confidence: float) -> Interval:
    """Share of the hits, 0 to 1, with Wilson's score interval at the effective sample size of clustered tweets.

    hits: bool [n]; clusters: [n] labels, for example days (each tweet its own where they are independent). Under five clusters
    there is no interval. Source: Wilson, JASA 22(158), 1927; n over the design effect and Student's t for the normal quantile:
    Korn and Graubard, Survey Methodology 24(2), 1998. Raises ValueError without any tweet.
    """
    found, mean, groups = _counted(hits, clusters)
    if groups < FEWEST_CLUSTERS:
        return Interval(mean, None, None, confidence, groups)
    low, high = wilson(mean, effective_size(found, clusters), _quantile(confidence, groups))
    return Interval(mean, low, high, confidence, groups)


def exact_share(hits: Sequence[bool] | np.ndarray, clusters: Sequence[Hashable], *, confidence: float) -> Interval:
    """Share of the hits, 0 to 1, with the exact binomial interval at the effective sample size of clustered tweets.

    It never promises more than it keeps, and so serves where a share is compared with chance. Where each tweet is a cluster of its own,
    Clopper and Pearson's, Biometrika 26(4), 1934; else, at fewer tweets, as Korn and Graubard do (Survey Methodology 24(2), 1998).
    Under five clusters there is no interval. Raises ValueError without any tweet.
    """
    found, mean, groups = _counted(hits, clusters)
    if groups < FEWEST_CLUSTERS:
        return Interval(mean, None, None, confidence, groups)
    size = float(len(found)) if groups == len(found) else effective_size(found, clusters)
    low, high = _clopper_pearson(mean * size, size, confidence)
    return Interval(mean, low, high, confidence, groups)


def mean_between(
    values: Sequence[float] | np.ndarray, clusters: Sequence[Hashable], *, least: float, most: float, confidence: float
) -> Interval:
    """Mean of values that cannot lie outside least and most, with an interval that does not either.

    values: float [n]; clusters: [n] labels. The values are moved to 0 … 1 and treated as `share` treats hits: of all that have one mean
    those that are 0 or 1 vary the most, so that the interval is too wide rather than too narrow; where all values are alike it still has
    a width. A bootstrap-t has none there, and no bounds. Under five clusters there is no interval. Raises ValueError without any value.
    """
    moved = share((np.asarray(values, dtype=float) - least) / (most - least), clusters, confidence=confidence)
    back = [None if end is None else least + end * (most - least) for end in (moved.low, moved.high)]
    return Interval(least + moved.estimate * (most - least), *back, confidence, moved.clusters)


def share_difference(
    first: Sequence[bool] | np.ndarray,
    first_clusters: Sequence[Hashable],
    second: Sequence[bool] | np.ndarray,
    second_clusters: Sequence[Hashable],
    *,
    confidence: float,
    paired: bool = False,
) -> Interval:
    """First share minus second, -1 to 1, by Newcombe's hybrid of the two score intervals.

    paired: hit i of both is of the same prompt; the correlation then narrows the interval (or widens it). Without it the two count as
    independent. Source: Newcombe, Statistics in Medicine 17, 1998, 873-890 (method 10) and 2635-2650 (method 10, paired).
    """
    one, two = share(first, first_clusters, confidence=confidence), share(second, second_clusters, confidence=confidence)
    estimate, groups = one.estimate - two.estimate, min(one.clusters, two.clusters)
    if one.low is None or one.high is None or two.low is None or two.high is None:
        return Interval(estimate, None, None, confidence, groups)
    phi = _correlation(np.asarray(first, float), np.asarray(second, float)) if paired else 0.0
    down = _hybrid(one.estimate - one.low, two.high - two.estimate, phi)
    up = _hybrid(one.high - one.estimate, two.estimate - two.low, phi)
    return Interval(estimate, estimate - down, estimate + up, confidence, groups)


def _counted(hits: Sequence[bool] | np.ndarray, clusters: Sequence[Hashable]) -> tuple[np.ndarray, float, int]:
    """The hits as 0.0 and 1.0 [n], their share, and the number of clusters. Raises ValueError without any tweet."""
    found = np.asarray(hits, dtype=float)
    if not len(found):
        raise ValueError("a share needs at least one tweet")
    return found, float(found.mean()), len(set(clusters))


def effective_size(found: np.ndarray, clusters: Sequence[Hashable]) -> float:
    """How many independent tweets these clustered ones are worth: n over the design effect, at most n.

    Where all tweets agree, the correlation within clusters is unknown, and each counts as one tweet: the most conservative choice.
    """
    count, mean = len(found), float(found.mean())
    sums, sizes = cluster_sums(found, np.ones(count), clusters)
    groups = len(sums)
    if mean in (0.0, 1.0):
        return float(groups)
    variance = groups / (groups - 1) * float(((sums - mean * sizes) ** 2).sum()) / count**2
    return min(float(count), mean * (1 - mean) / variance) if variance else float(count)


def wilson(mean: float, size: float, z: float) -> tuple[float, float]:
    """Ends of Wilson's score interval for a share of `size` tweets, z standard errors to either side."""
    centre = (mean + z**2 / (2 * size)) / (1 + z**2 / size)
    half = z / (1 + z**2 / size) * np.sqrt(mean * (1 - mean) / size + z**2 / (4 * size**2))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def _clopper_pearson(hits: float, size: float, confidence: float) -> tuple[float, float]:
    """Ends of the exact interval for `hits` of `size`, which need not be whole numbers: quantiles of beta distributions."""
    from scipy.stats import beta

    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, hits, size - hits + 1)) if hits > 0 else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, size - hits)) if hits < size else 1.0
    return low, high


def _quantile(confidence: float, groups: int) -> float:
    from scipy.stats import t

    return float(t.ppf(0.5 + confidence / 2, groups - 1))


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    if len(first) != len(second):
        raise ValueError("paired shares need the same prompts on both sides")
    spread = first.std() * second.std()
    return float(((first - first.mean()) * (second - second.mean())).mean() / spread) if spread else 0.0


def _hybrid(one: float, two: float, phi: float) -> float:
    return float(np.sqrt(max(0.0, one**2 - 2 * phi * one * two + two**2)))

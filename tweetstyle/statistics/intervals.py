"""Confidence intervals over clusters of tweets, and which differences count."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

Sample = tuple[np.ndarray, np.ndarray, Sequence[Hashable]]
"""Numerator float [n], denominator float [n], labels of clusters [n]."""
Hits = Sequence[bool] | np.ndarray

FEW_CLUSTERS = 30
"""Below it the interval may be too narrow: in simulation 95% then cover about 93."""
FEWEST_CLUSTERS = 5
"""Below it there is none: of two clusters every draw that has both is the data itself, and would promise certainty."""
TINY = 1e-12
WORSE = 1.05
"""Times the untrained model's bits per byte above which a training has clearly made the model worse: some 0.13 bits, what q4_k_m may lose
at most (verify.checks)."""
SMALLEST_GAIN = 0.01
"""Bits per byte: one bit for a tweet of 100 bytes, 2 to 5% of what some of the author's tweets in the prompt gain (docs/evaluation.md)."""
SMALLEST_SHARE = 0.05
"""Of shares of tweets, and of the style gap: one tweet of twenty, the least that somebody who reads twenty could see."""


@dataclass(frozen=True)
class Interval:
    """low and high are None below FEWEST_CLUSTERS."""

    estimate: float
    low: float | None
    high: float | None
    confidence: float
    clusters: int

    @property
    def sign(self) -> int:
        """1 or -1 where the whole interval lies on that side of 0, else 0: the sign is not known."""
        if self.low is None or self.high is None:
            return 0
        return int(self.low > 0) - int(self.high < 0)


# -- ratios of sums -----------------------------------------------------------------------------------------


def bootstrap_t(
    numerator: np.ndarray, denominator: np.ndarray, clusters: Sequence[Hashable], *, confidence: float, resamples: int, seed: int
) -> Interval:
    """Interval of Σ numerator / Σ denominator, by the bootstrap-t over whole clusters.

    Each draw is studentised by its own linearised standard error (Efron and Tibshirani, An Introduction to the Bootstrap, 1993,
    §12.5; for clusters Cameron, Gelbach and Miller, Review of Economics and Statistics 90(3), 2008; for the ratio's standard error
    Cochran, Sampling Techniques, 1977, §6.4). The percentile bootstrap covers less with few clusters.

    Args:
        numerator, denominator: float [n].
        clusters: [n] labels, for example days: tweets of a day are related, so days are drawn and not tweets.
        resamples: how many times clusters are drawn.
    """
    return _studentised([(numerator, denominator, clusters)], confidence, resamples, seed)


def difference_of_ratios(first: Sample, second: Sample, *, confidence: float, resamples: int, seed: int) -> Interval:
    """Interval of the first sample's Σ numerator / Σ denominator minus the second's, of which no cluster is in both.

    Each side's clusters are drawn on their own. `clusters` of the result is the smaller of the two counts.
    """
    return _studentised([first, second], confidence, resamples, seed)


def cluster_sums(numerator: np.ndarray, denominator: np.ndarray, clusters: Sequence[Hashable]) -> tuple[np.ndarray, np.ndarray]:
    """The two sums within each cluster, float [clusters] each."""
    _, index = np.unique(np.asarray(clusters), return_inverse=True)
    return np.bincount(index, weights=numerator), np.bincount(index, weights=denominator)


def _studentised(samples: Sequence[Sample], confidence: float, resamples: int, seed: int) -> Interval:
    """Of the first sample's ratio, or of the first minus the second."""
    sides = [cluster_sums(*sample) for sample in samples]
    clusters = min(len(tops) for tops, _ in sides)
    estimate = float(np.subtract.reduce([tops.sum() / bottoms.sum() for tops, bottoms in sides]))
    if clusters < FEWEST_CLUSTERS:
        return Interval(estimate, None, None, confidence, clusters)
    random = np.random.default_rng(seed)
    error, shifts, errors = zip(*(_resampled(*side, resamples, random) for side in sides), strict=True)
    whole, shift, spread = np.hypot.reduce(error), np.subtract.reduce(shifts), np.hypot.reduce(errors)
    if whole == 0:
        return Interval(estimate, estimate, estimate, confidence, clusters)
    usable = spread > 0  # clusters that are all alike have no spread, and no t
    tail = (1 - confidence) / 2
    lower, upper = np.quantile(shift[usable] / spread[usable], [tail, 1 - tail])
    return Interval(estimate, float(estimate - upper * whole), float(estimate - lower * whole), confidence, clusters)


def _resampled(tops: np.ndarray, bottoms: np.ndarray, resamples: int, random: np.random.Generator) -> tuple[float, np.ndarray, np.ndarray]:
    """A ratio's standard error, and of each draw the shift from the ratio and the standard error."""
    count, estimate = len(tops), float(tops.sum() / bottoms.sum())
    # What each cluster has above its share at the estimate: 0 everywhere where nothing varies.
    excess = tops - estimate * bottoms
    if np.abs(excess).max() <= TINY * np.abs(tops).max():
        excess[:] = 0
    error = float(_shift_and_error(np.ones((1, count)), excess, bottoms)[1][0])
    draws = random.multinomial(count, np.full(count, 1 / count), size=resamples)
    return error, *_shift_and_error(draws, excess, bottoms)


def _shift_and_error(weights: np.ndarray, excess: np.ndarray, bottoms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far each draw's ratio lies from the estimate, and its linearised standard error. Counts [draws, G] → [draws], [draws].

    Σ w (excess − shift · bottom)² is multiplied out, so that no array of draws × clusters is made besides the counts.
    The usual factor G / (G − 1) is left out: it divides each t and multiplies the interval. A draw whose clusters are all alike has the
    error 0: what the difference of such sums leaves in the last digits is no spread.
    """
    below = weights @ bottoms
    shift = (weights @ excess) / below
    whole = weights @ excess**2
    squares = whole - 2 * shift * (weights @ (excess * bottoms)) + shift**2 * (weights @ bottoms**2)
    return shift, np.sqrt(np.where(squares > TINY * whole, squares, 0)) / below


# -- shares -------------------------------------------------------------------------------------------------


def share(hits: Hits, clusters: Sequence[Hashable], *, confidence: float) -> Interval:
    """Share of the hits, 0 to 1, with Wilson's score interval at the effective sample size of clustered tweets.

    It is valid at 0% and 100% too. Source: Wilson, JASA 22(158), 1927; n over the design effect and Student's t for the normal
    quantile: Korn and Graubard, Survey Methodology 24(2), 1998.

    Args:
        hits: bool [n].
        clusters: [n] labels, for example days (each tweet its own where they are independent).

    Raises:
        ValueError: without any tweet.
    """
    found, groups = np.asarray(hits, dtype=float), len(set(clusters))
    if not len(found):
        raise ValueError("a share needs at least one tweet")
    mean = float(found.mean())
    if groups < FEWEST_CLUSTERS:
        return Interval(mean, None, None, confidence, groups)
    low, high = wilson(mean, effective_size(found, clusters), t_quantile(confidence, groups))
    return Interval(mean, low, high, confidence, groups)


def share_difference(
    first: Hits,
    first_clusters: Sequence[Hashable],
    second: Hits,
    second_clusters: Sequence[Hashable],
    *,
    confidence: float,
    paired: bool = False,
) -> Interval:
    """First share minus second, -1 to 1, by Newcombe's hybrid of the two score intervals.

    Source: Newcombe, Statistics in Medicine 17, 1998, 873-890 (method 10) and 2635-2650 (method 10, paired).

    Args:
        paired: hit i of both is of the same prompt; the correlation then narrows the interval (or widens it).
    """
    one, two = share(first, first_clusters, confidence=confidence), share(second, second_clusters, confidence=confidence)
    estimate, groups = one.estimate - two.estimate, min(one.clusters, two.clusters)
    if one.low is None or one.high is None or two.low is None or two.high is None:
        return Interval(estimate, None, None, confidence, groups)
    phi = _correlation(np.asarray(first, float), np.asarray(second, float)) if paired else 0.0
    down = _hybrid(one.estimate - one.low, two.high - two.estimate, phi)
    up = _hybrid(one.high - one.estimate, two.estimate - two.low, phi)
    return Interval(estimate, estimate - down, estimate + up, confidence, groups)


def effective_size(found: np.ndarray, clusters: Sequence[Hashable]) -> float:
    """How many independent tweets these clustered ones are worth: n over the design effect, at most n.

    Where all tweets agree, the correlation within clusters is unknown, and each cluster counts as one tweet: the most conservative
    choice.
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


def t_quantile(confidence: float, groups: int) -> float:
    """Student's t, in standard errors, for the upper end of an interval over this many clusters."""
    from scipy.stats import t

    return float(t.ppf(0.5 + confidence / 2, groups - 1))


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    if len(first) != len(second):
        raise ValueError("paired shares need the same prompts on both sides")
    spread = first.std() * second.std()
    return float(((first - first.mean()) * (second - second.mean())).mean() / spread) if spread else 0.0


def _hybrid(one: float, two: float, phi: float) -> float:
    return float(np.sqrt(max(0.0, one**2 - 2 * phi * one * two + two**2)))


# -- which differences count: for the verdict, warnings and compare ------------------------------------------


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


# -- the best of several ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Winner:
    """The candidate that is taken. gains: candidate → bits per byte that it saves against the usual one, of each of the others."""

    chosen: Any
    gains: dict[Any, Interval]


def choose(
    nats: Mapping[Any, np.ndarray], usual: Hashable, sizes: np.ndarray, clusters: Sequence[Hashable], **bootstrap: float | int
) -> Winner:
    """The candidate that predicts tweets best, where its gain over the usual one counts (`effect`, SMALLEST_GAIN); else the usual one.

    The best of several looks better than it is: their intervals share the confidence (Bonferroni), so that with no better one among
    them the usual one stays as often as the confidence says.

    Args:
        nats: candidate → losses of the same tweets, float [n].
        sizes: UTF-8 bytes of the tweets, float [n].
        clusters: [n] labels, of tweets that are related.
        bootstrap: confidence, resamples and seed of `bootstrap_t`.
    """
    others = [candidate for candidate in nats if candidate != usual]
    if others:
        bootstrap["confidence"] = 1 - (1 - bootstrap["confidence"]) / len(others)
    gains = {other: bootstrap_t((nats[usual] - nats[other]) / np.log(2), sizes, clusters, **bootstrap) for other in others}
    better = [other for other in others if effect(gains[other], SMALLEST_GAIN) is Effect.MORE]
    return Winner(max(better, key=lambda other: gains[other].estimate, default=usual), gains)

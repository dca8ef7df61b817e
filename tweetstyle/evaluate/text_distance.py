"""How far written tweets lie from real ones: habits, lengths, punctuation, word pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tweetstyle.evaluate.two_sample import Texts
from tweetstyle.statistics.intervals import FEWEST_CLUSTERS, Interval, t_quantile
from tweetstyle.text.copying import words_of
from tweetstyle.text.habits import RAREST, find_habits

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

LENGTHS = np.arange(0.1, 1, 0.1)
"""Quantiles of the author's lengths, beyond which a text's length is or is not."""
MOST_MARKS = 24
"""Signs whose number is compared, the author's most frequent."""
PAIRS = 2**18
"""Columns that word pairs are hashed into."""
HALVINGS = 200
FLOOR = 0.95
"""Quantile, over random halves of real tweets, of their distance."""


class TextDistance:
    """Squared distance between the mean features of two sides (maximum mean discrepancy with a linear kernel: Gretton et al., A Kernel
    Two-Sample Test, JMLR 13, 2012), without bias: only pairs of different clusters count, so that texts of one distribution are 0
    apart on average, and may be a little less.

    Four groups of features, which weigh alike: the author's habits; whether the length exceeds each tenth of the author's; log(1 +
    count) of each punctuation mark; word pairs, as a vector of length 1. Each group is scaled so that the variance within the author's
    own tweets is 1. A side that says the same again and again has many word pairs in common within itself, and lies far away.

    Args:
        train: texts of training tweets, by which features are chosen and scaled.
    """

    def __init__(self, train: Sequence[str]) -> None:
        self.habits = find_habits(train)
        self.quantiles = np.quantile([len(text) for text in train], LENGTHS)
        seen = Counter(sign for text in train for sign in set(text) if not (sign.isalnum() or sign == " "))
        self.marks = [sign for sign, count in seen.most_common(MOST_MARKS) if count >= RAREST * len(train)]
        groups = self._groups(train)
        self.scales = [1 / max(np.sqrt(group.var(axis=0).sum()), 1e-9) for group in groups]

    def features(self, texts: Sequence[str]) -> csr_matrix:
        """[texts, features], sparse."""
        from scipy.sparse import csr_matrix, hstack
        from sklearn.feature_extraction.text import HashingVectorizer

        pairs = HashingVectorizer(analyzer=word_pairs, n_features=PAIRS, alternate_sign=False).transform(texts)
        scaled = [scale * group for scale, group in zip(self.scales, self._groups(texts), strict=True)]
        return hstack([csr_matrix(np.column_stack(scaled)), pairs], format="csr") / np.sqrt(len(scaled) + 1)

    def _groups(self, texts: Sequence[str]) -> list[np.ndarray]:
        habits = [[habit.holds(text) for habit in self.habits] for text in texts]
        marks = [[text.count(sign) for sign in self.marks] for text in texts]
        lengths = np.array([len(text) for text in texts])[:, None] > self.quantiles
        return [np.array(group, dtype=float).reshape(len(texts), -1) for group in (habits, lengths, np.log1p(marks))]


def word_pairs(text: str) -> list[str]:
    words = words_of(text)
    return [f"{one} {two}" for one, two in zip(words, words[1:], strict=False)]


@dataclass(frozen=True)
class ClusterSums:
    """Sums over the clusters of one side, in an order that all sides have.

    features: [clusters, features]; counts: texts, float [clusters].
    """

    features: csr_matrix
    counts: np.ndarray

    @classmethod
    def of(cls, distance: TextDistance, side: Texts, clusters: Sequence[Hashable]) -> ClusterSums:
        """clusters: those of all sides, each once."""
        from scipy.sparse import csr_matrix

        places = {cluster: place for place, cluster in enumerate(clusters)}
        rows = [places[cluster] for cluster in side.clusters]
        members = csr_matrix((np.ones(len(rows)), (rows, range(len(rows)))), shape=(len(clusters), len(rows)))
        return cls(members @ distance.features(side.texts), np.bincount(rows, minlength=len(clusters)).astype(float))


@dataclass(frozen=True)
class Jackknifed:
    """A distance, and what it is without each of the clusters, float [clusters]."""

    estimate: float
    without: np.ndarray

    def interval(self, confidence: float, than: Jackknifed | None = None) -> Interval:
        """Of this distance, or of how much smaller it is `than` another one of the same real texts and prompts."""
        estimate = self.estimate if than is None else than.estimate - self.estimate
        without = self.without if than is None else than.without - self.without
        count = len(without)
        if count < FEWEST_CLUSTERS:
            return Interval(estimate, None, None, confidence, count)
        # Delete-one jackknife over clusters (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, §11.5).
        half = t_quantile(confidence, count) * float(np.sqrt((count - 1) * without.var()))
        return Interval(estimate, estimate - half, estimate + half, confidence, count)


def jackknifed(real: ClusterSums, written: ClusterSums) -> Jackknifed:
    """The squared distance of two sides."""
    sides = ((real, real, 1), (written, written, 1), (real, written, -2))
    whole, without = 0.0, np.zeros(len(real.counts))
    for one, other, factor in sides:
        sums = (one.features @ other.features.T).toarray()
        pairs = np.outer(one.counts, other.counts)
        (total, totals), (count, counts) = (_without_each(of) for of in (sums, pairs))
        whole += factor * total / count if count else 0.0
        without += factor * np.divide(totals, counts, out=np.zeros_like(totals), where=counts > 0)
    return Jackknifed(float(whole), without)


def _without_each(of: np.ndarray) -> tuple[float, np.ndarray]:
    """The sum of a square's values off the diagonal; and the same without each row with its column."""
    total, diagonal = of.sum() - np.trace(of), np.diag(of)
    return total, total - of.sum(axis=0) - of.sum(axis=1) + 2 * diagonal


def noise_floor(real: ClusterSums, seed: int) -> float:
    """What the distance of two random halves of the real texts exceeds in one case of twenty. Halves are noisier than the whole."""
    random, found = np.random.default_rng(seed), []
    sums, pairs = (real.features @ real.features.T).toarray(), np.outer(real.counts, real.counts)
    for of in (sums, pairs):
        np.fill_diagonal(of, 0)
    for _ in range(HALVINGS):
        half = random.permutation(len(real.counts)) % 2
        squared = 0.0
        for one, other, factor in ((half, half, 1), (1 - half, 1 - half, 1), (half, 1 - half, -2)):
            squared += factor * (one @ sums @ other) / max(one @ pairs @ other, 1)
        found.append(squared)
    return float(np.quantile(found, FLOOR))

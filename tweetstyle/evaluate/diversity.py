"""Does it say different things? Distinct word pairs and lengths, against as many real tweets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tweetstyle.evaluate.copying import words_of

DRAWS = 20
DECILES = tuple(range(10, 100, 10))


@dataclass(frozen=True)
class Diversity:
    """Of a model's texts against real ones. distinct_2: ratio of distinct-2 at equal numbers of words, 1 as varied as the author;
    None where there are no two words. lengths, real_lengths: deciles 10 to 90 in characters; length_ratio: of the medians;
    empty: share of texts without a word.
    """

    distinct_2: float | None
    lengths: list[float]
    real_lengths: list[float]
    length_ratio: float | None
    empty: float


def diversity(texts: Sequence[str], real: Sequence[str], *, seed: int) -> Diversity:
    """Source of distinct-2: Li et al., A Diversity-Promoting Objective Function, NAACL 2016: distinct word bigrams over bigrams.

    It falls with the number of bigrams, so both sides are cut to the same number, in `DRAWS` seeded orders whose mean is taken.
    Raises ValueError for an empty side.
    """
    if not texts or not real:
        raise ValueError("diversity needs generated and real tweets")
    mine, theirs = ([_bigrams(text) for text in side] for side in (texts, real))
    size = min(sum(map(len, mine)), sum(map(len, theirs)))
    ratio = distinct(mine, size, seed) / distinct(theirs, size, seed) if size else None
    lengths = [[float(d) for d in np.percentile([len(text) for text in side], DECILES)] for side in (texts, real)]
    medians = [side[len(DECILES) // 2] for side in lengths]
    empty = sum(not words_of(text) for text in texts) / len(texts)
    return Diversity(ratio, lengths[0], lengths[1], medians[0] / medians[1] if medians[1] else None, empty)


def distinct(bigrams: Sequence[Sequence[tuple[str, str]]], size: int, seed: int) -> float:
    """Distinct bigrams over bigrams, 0 to 1, of the first `size` bigrams of the texts in a random order; mean over the orders."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(DRAWS):
        taken = [pair for place in random.permutation(len(bigrams)) for pair in bigrams[place]][:size]
        found.append(len(set(taken)) / size)
    return float(np.mean(found))


def _bigrams(text: str) -> list[tuple[str, str]]:
    words = words_of(text)
    return list(zip(words, words[1:], strict=False))

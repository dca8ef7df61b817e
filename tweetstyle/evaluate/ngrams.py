"""An n-gram model of the training tweets' bytes: the baseline that knows no meaning."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

ORDER = 8
"""Bytes in the longest n-gram: what one machine word holds. Of 3 to 8, on 700 to 2,800 tweets of three authors, 8 predicts best."""
END, BEGIN = 0xFF, 0xFE
"""Two bytes that UTF-8 never uses: the end of a tweet, which is predicted, and the context of its first byte, which is not."""
SYMBOLS = 255
"""What may come next: every byte but BEGIN."""
ONE = np.uint64(8)


@dataclass(frozen=True)
class Level:
    """The n-grams of one length n. keys: uint64 [u], sorted, packed with the last byte lowest; contexts: uint64 [c], the same
    without it; own: float [u], discounted count over the context's total; back: float [c], the share that is left to shorter ones.
    """

    keys: np.ndarray
    contexts: np.ndarray
    own: np.ndarray
    back: np.ndarray


def train_ngrams(texts: Sequence[str], order: int = ORDER) -> list[Level]:
    """Counts the n-grams of 1, 2, … `order` bytes of the tweets (UTF-8) and smooths them.

    Interpolated modified Kneser-Ney: Chen and Goodman, An Empirical Study of Smoothing Techniques for Language Modeling, Computer
    Speech and Language 13(4), 1999, §3; below the single bytes comes a uniform distribution, so that no byte is impossible.
    """
    keys, counts = np.unique(_last(_windows(texts)[0], order), return_counts=True)
    levels = [_level(keys, counts)]
    for length in range(order - 1, 0, -1):
        counts = _continuations(keys, counts, length)
        keys = np.unique(_last(keys, length))
        levels.append(_level(keys, counts))
    return levels[::-1]


def ngram_bits(levels: Sequence[Level], texts: Sequence[str]) -> np.ndarray:
    """Bits that each tweet costs, its end included, float64 [n]. Over the tweet's UTF-8 bytes they compare with a language model's."""
    windows, owners = _windows(texts)
    return np.bincount(owners, weights=-np.log2(probabilities(levels, windows)), minlength=len(texts))


def probabilities(levels: Sequence[Level], windows: np.ndarray) -> np.ndarray:
    """Probability of the last byte of each window after those before it. windows: uint64 [n], packed; float64 [n]."""
    chance = np.full(len(windows), 1 / SYMBOLS)
    for length, level in enumerate(levels, 1):
        keys = _last(windows, length)
        known, at = _find(level.contexts, keys >> ONE)
        seen, place = _find(level.keys, keys)
        chance = np.where(known, np.where(seen, level.own[place], 0) + level.back[at] * chance, chance)
    return chance


def _windows(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """For each byte of each tweet, and its end: the eight bytes that end there, packed, last byte lowest; and the tweet's place."""
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    lengths = np.array([len(text) + 1 for text in encoded])
    stream = np.frombuffer(b"".join(text + bytes([END]) for text in encoded), dtype=np.uint8)
    owners = np.repeat(np.arange(len(texts)), lengths)
    within = np.arange(len(stream)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    windows = stream.astype(np.uint64)
    for back in range(1, 8):
        earlier = np.full(len(stream), BEGIN, dtype=np.uint8)
        earlier[back:] = np.where(within[back:] >= back, stream[:-back], BEGIN)
        windows |= earlier.astype(np.uint64) << np.uint64(8 * back)
    return windows, owners


def _last(windows: np.ndarray, length: int) -> np.ndarray:
    return windows & np.uint64(2 ** (8 * length) - 1)


def _continuations(keys: np.ndarray, counts: np.ndarray, length: int) -> np.ndarray:
    """Kneser and Ney's counts of the n-grams of `length` bytes: how many different bytes preceded each of them.

    At the beginning of a tweet nothing different can precede: there each n-gram keeps how often it was seen.
    """
    shorter = _last(keys, length)
    begins = shorter >> np.uint64(8 * (length - 1)) == BEGIN
    _, index = np.unique(shorter, return_inverse=True)
    return np.bincount(index, weights=np.where(begins, counts, 1)).astype(np.int64)


def _level(keys: np.ndarray, counts: np.ndarray) -> Level:
    contexts, index = np.unique(keys >> ONE, return_inverse=True)
    taken = _discounts(counts)[np.minimum(counts, 3)]
    totals = np.bincount(index, weights=counts)
    return Level(keys, contexts, (counts - taken) / totals[index], np.bincount(index, weights=taken) / totals)


def _discounts(counts: np.ndarray) -> np.ndarray:
    """What is taken from counts of 0, 1, 2 and 3 or more (Chen and Goodman 1999, equation 26); of few tweets, a half."""
    of = np.bincount(np.minimum(counts, 5), minlength=6)[1:5].astype(float)
    if not of.all():
        return np.array([0, 0.5, 0.5, 0.5])
    share = of[0] / (of[0] + 2 * of[1])
    taken = [n - (n + 1) * share * of[n] / of[n - 1] for n in (1, 2, 3)]
    # A byte in nearly every context can have fewer singles than doubles: what is taken stays within what is there.
    return np.array([0.0, *(min(max(d, 0.05), n - 0.05) for n, d in zip((1, 2, 3), taken, strict=True))])


def _find(sorted_keys: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether each wanted key is there, and where (anywhere, if not)."""
    at = np.minimum(np.searchsorted(sorted_keys, wanted), len(sorted_keys) - 1)
    return sorted_keys[at] == wanted, at

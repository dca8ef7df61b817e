"""Near-duplicates: MinHash over character 5-grams, compared exactly; the first stays."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

from tweetstyle.cleaning.normalise import LINK_PLACEHOLDER, without_links

if TYPE_CHECKING:
    import numpy as np

SEED = 1
"""Of the signatures. Fixed: which pairs are found is no matter of taste."""
KEPT, LATEST = 16, 4
"""In a crowd a text is compared with the first kept texts, and with those just before it: slowly changing templates stay connected."""
CACHED = 4096
"""Texts whose sets of 5-grams are in memory, about 8 KB each."""


class DuplicatePair(NamedTuple):
    """Two texts at least as similar as the threshold. later, earlier: positions; jaccard: of their 5-grams, 1.0 for the same text."""

    later: int
    earlier: int
    jaccard: float


class Dated(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def created_at(self) -> str: ...


def folded(text: str) -> str:
    """The text by which duplicates are known: without case, links, spacing, and punctuation or emoji at its end.

    A text without any letter or digit (only emoji) is compared as it is, and one of nothing but links by its links.
    """
    original = text
    if LINK_PLACEHOLDER in text:
        text = text.replace(LINK_PLACEHOLDER, " ")
    plain = " ".join(without_links(text).casefold().split())
    end = len(plain)
    while end and not plain[end - 1].isalnum():
        end -= 1
    return plain[:end] or plain or " ".join(original.split())


def chronological(tweet: Dated) -> tuple[str, int, str]:
    """Sort key: time, then id as a number (a longer snowflake is a later one)."""
    return tweet.created_at, len(tweet.id), tweet.id


def grams(text: str) -> frozenset[str]:
    """The character 5-grams of a folded text; of a shorter one, itself."""
    return frozenset(text[i : i + GRAM] for i in range(len(text) - GRAM + 1)) or frozenset((text,))


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


def near_duplicate_groups(texts: Sequence[str], threshold: float) -> list[DuplicatePair]:
    """The pairs of texts, in chronological order, whose folded 5-grams have a Jaccard similarity of `threshold` or more.

    Ordered by the later text. Every pair is verified by its true similarity. A text that repeats another is in one pair only,
    with its first occurrence, whose near-duplicates hold for all copies. A text shorter than 5 characters, and with a threshold of 1
    every text, has exact duplicates only. Of the near-duplicates 99.95% are found at the threshold and more above it, except in
    a crowd (more than 16 texts in one bucket, such as a template): there a text is paired with the first 16 kept texts and with the
    4 texts before it, which is enough to drop it and to know its cluster.
    """
    keys = list(map(folded, texts))
    firsts: dict[str, int] = {}
    pairs = [DuplicatePair(place, first, 1.0) for place, key in enumerate(keys) if (first := firsts.setdefault(key, place)) != place]
    if threshold < 1:
        places = [place for key, place in firsts.items() if len(key) >= GRAM]
        near = _near([keys[place] for place in places], threshold)
        pairs += [DuplicatePair(places[later], places[earlier], similarity) for later, earlier, similarity in near]
    return sorted(pairs)


def to_drop(near_duplicate_groups: Iterable[DuplicatePair], count: int) -> dict[int, DuplicatePair]:
    """Position of each text to drop → the pair with its most similar kept near-duplicate, the earliest of several.

    The earliest of a group is kept. A text with the same 5-grams as a dropped one is dropped for the same reason.
    """
    by_later: dict[int, list[DuplicatePair]] = defaultdict(list)
    for pair in near_duplicate_groups:
        by_later[pair.later].append(pair)
    dropped: dict[int, DuplicatePair] = {}
    for later in sorted(by_later):
        reasons = [pair for pair in by_later[later] if pair.earlier not in dropped]
        reasons += [
            dropped[pair.earlier]._replace(later=later) for pair in by_later[later] if pair.jaccard == 1 and pair.earlier in dropped
        ]
        if reasons:
            dropped[later] = min(reasons, key=lambda pair: (-pair.jaccard, pair.earlier))
    return dropped


def clusters(near_duplicate_groups: Iterable[DuplicatePair], count: int) -> list[int]:
    """The cluster of each of `count` texts, as the position of its first: texts joined by near-duplicates, directly or through others."""
    return connected([(pair.earlier, pair.later) for pair in near_duplicate_groups], count)


def connected(links: Iterable[tuple[int, int]], count: int) -> list[int]:
    """The connected component of each of `count` nodes, as its smallest node (union-find with path halving)."""
    parents = list(range(count))

    def root(node: int) -> int:
        while parents[node] != node:
            parents[node] = parents[parents[node]]
            node = parents[node]
        return node

    for one, other in links:
        one, other = root(one), root(other)
        parents[max(one, other)] = min(one, other)
    return [root(node) for node in range(count)]


def _near(texts: list[str], threshold: float) -> list[tuple[int, int, float]]:
    """Later, earlier, similarity of the near-duplicates among folded texts that are all different and of 5 characters or more."""
    signed = signatures(texts, threshold, SEED)
    pairs, crowds = candidates(signed, threshold)
    earlier_ones: dict[int, list[int]] = defaultdict(list)
    for earlier, later in pairs.tolist():
        earlier_ones[later].append(earlier)
    return _verified(texts, earlier_ones, _Crowds(crowds, signed, threshold), threshold)


def _verified(texts: list[str], earlier_ones: dict[int, list[int]], crowds: _Crowds, threshold: float) -> list[tuple[int, int, float]]:
    """In order of time, because whether a text is kept decides whether later ones of its crowd are compared with it."""

    @lru_cache(CACHED)
    def of(text: int) -> frozenset[str]:
        return grams(texts[text])

    found, dropped = [], set()
    for later in sorted(earlier_ones.keys() | crowds.of.keys()):
        compared = sorted({*earlier_ones.get(later, ()), *crowds.earlier(later)})
        similar = [(later, earlier, j) for earlier in compared if (j := jaccard(of(later), of(earlier))) >= threshold]
        if any(earlier not in dropped for _, earlier, _ in similar):
            dropped.add(later)
        crowds.pass_by(later, later not in dropped)
        found += similar
    return found


class _Crowds:
    """Buckets with too many texts for all pairs, filled as the texts pass by in order of time."""

    def __init__(self, crowds: list[np.ndarray], signed: np.ndarray, threshold: float) -> None:
        self.of: dict[int, list[int]] = defaultdict(list)
        for number, crowd in enumerate(crowds):
            for text in crowd.tolist():
                self.of[text].append(number)
        self._kept: list[list[int]] = [[] for _ in crowds]
        self._latest: list[list[int]] = [[] for _ in crowds]
        self._signed, self._least = signed, threshold - SURE

    def earlier(self, text: int) -> list[int]:
        """The texts before `text` in its crowds that may be similar."""
        crowds = self.of.get(text, ())
        others = sorted({other for crowd in crowds for other in (*self._kept[crowd], *self._latest[crowd])})
        if not others:
            return []
        similar = (self._signed[others] == self._signed[text]).mean(axis=1) >= self._least
        return [other for other, is_similar in zip(others, similar, strict=True) if is_similar]

    def pass_by(self, text: int, kept: bool) -> None:
        for crowd in self.of.get(text, ()):
            if kept and len(self._kept[crowd]) < KEPT:
                self._kept[crowd].append(text)
            self._latest[crowd] = [*self._latest[crowd][1 - LATEST :], text]


GRAM = 5
"""Characters in a shingle. A shorter text has no shingles, and only exact copies are its duplicates."""
MISSED = 0.0005
"""Share of the pairs at the threshold itself that no band finds; above it fewer, at 0.05 above it hardly any."""
ROWS, FEWEST_BANDS, MOST_PERMUTATIONS = (4, 3, 2), 16, 256
"""With four rows unrelated tweets, alike to 0.05 at most, meet in one of 20 bands once in 8,000 pairs; for a low threshold fewer
rows, as the permutations allow."""
CROWD = 16
"""A bucket with more texts is a crowd: all its pairs would be quadratic in number."""
CHUNK = 5_000
"""Texts or pairs at one time; signatures are Python integers for a moment."""
SURE = 0.2
"""A pair whose estimate is this far below the threshold is not compared: four standard errors of an estimate from 80 permutations."""
SLOT_BITS = 22
_FACTOR, _MIXER = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93


def bands_and_rows(threshold: float) -> tuple[int, int]:
    """How a signature is cut so that all but `MISSED` of the pairs at `threshold` (0.5 or more) meet.

    Two signatures agree in a row with a probability of their Jaccard similarity J, and so in all the rows of some band with a
    probability of 1 − (1 − J^rows)^bands.
    """
    for rows in ROWS:
        bands = max(FEWEST_BANDS, math.ceil(math.log(MISSED) / math.log1p(-min(threshold**rows, 0.99))))
        if bands * rows <= MOST_PERMUTATIONS:
            break
    return bands, rows


def gram_hashes(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """A 64-bit hash of every 5-gram of every text, one text after the other, and how many each has. No text is shorter than 5.

    A polynomial in the code points, mixed; it depends on the characters alone, so that every Python and machine has the same.
    """
    import numpy as np

    factor, half = np.uint64(_FACTOR), np.uint64(32)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    characters = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    count = max(0, len(characters) - GRAM + 1)
    hashes = characters[:count].copy()
    for offset in range(1, GRAM):
        hashes *= factor
        hashes += characters[offset : offset + count]
    hashes ^= hashes >> half
    hashes *= np.uint64(_MIXER)
    hashes ^= hashes >> half
    within = np.ones(len(characters), bool)
    for offset in range(1, GRAM):  # these grams would run over into the next text
        within[np.cumsum(lengths) - offset] = False
    return hashes[within[:count]], lengths - GRAM + 1


def signatures(texts: Sequence[str], threshold: float, seed: int) -> np.ndarray:
    """uint32, a row for each text, a column for each permutation."""
    import numpy as np
    from rensa import RMinHash

    bands, rows = bands_and_rows(threshold)
    made = np.empty((len(texts), bands * rows), np.uint32)
    for first in range(0, len(texts), CHUNK):
        hashes, counts = gram_hashes(texts[first : first + CHUNK])
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint64)
        digests = RMinHash.digest_matrix_from_flat_token_hashes(hashes, starts, bands * rows, seed)
        made[first : first + CHUNK] = np.array(digests.to_rows(), np.uint32)
    return made


def candidates(signatures: np.ndarray, threshold: float) -> tuple[np.ndarray, list[np.ndarray]]:
    """Pairs of rows that share a bucket and look alike, and the buckets too full for all their pairs.

    The pairs: int64 [n, 2], each once, the smaller row first, ascending; their similarity as the signatures estimate it is not
    `SURE` below the threshold. Of those that only share a bucket, which grow with the square of the number of texts, none is kept from
    one band to the next. The crowds: of each bucket of more than `CROWD` its rows, ascending.
    """
    import numpy as np

    texts = len(signatures)
    bands, rows = bands_and_rows(threshold)
    found, crowds = [np.zeros(0, np.int64)], []
    for band in range(bands):
        keys = _keys(signatures[:, band * rows : (band + 1) * rows])
        met = _may_share(keys)
        keys = keys[met]
        order = np.argsort(keys, kind="stable")
        starts = np.flatnonzero(np.concatenate([[True], np.diff(keys[order]) != 0]))[: len(keys)]
        sizes = np.diff(starts, append=len(keys))
        order = met[order]
        for size in range(2, CROWD + 1):
            members = order[starts[sizes == size][:, None] + np.arange(size)]
            one, other = np.triu_indices(size, 1)
            pairs = np.stack([members[:, one].ravel(), members[:, other].ravel()], axis=1)
            alike = pairs[estimates(signatures, pairs) >= threshold - SURE]
            found.append(alike[:, 0] * texts + alike[:, 1])
        full = np.flatnonzero(sizes > CROWD)
        crowds += [order[starts[bucket] : starts[bucket] + sizes[bucket]] for bucket in full]
    pairs = np.unique(np.concatenate(found))
    return np.stack(np.divmod(pairs, max(1, texts)), axis=1), crowds


def _may_share(keys: np.ndarray) -> np.ndarray:
    """Positions, ascending, of all keys that occur twice and of few others: a count by their first bits is quicker than a sort."""
    import numpy as np

    slots = keys >> np.uint64(64 - SLOT_BITS)
    return np.flatnonzero(np.bincount(slots.astype(np.int64), minlength=1)[slots] > 1)


def _keys(band: np.ndarray) -> np.ndarray:
    """A 64-bit hash of each row of a band."""
    import numpy as np

    keys = np.zeros(len(band), np.uint64)
    for column in range(band.shape[1]):
        keys ^= band[:, column]
        keys *= np.uint64(_FACTOR)
        keys ^= keys >> np.uint64(29)
    return keys


def estimates(signatures: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Jaccard similarity of each pair of rows as the signatures have it, float [n]."""
    import numpy as np

    estimated = np.empty(len(pairs))
    for first in range(0, len(pairs), CHUNK):
        chunk = pairs[first : first + CHUNK]
        estimated[first : first + CHUNK] = (signatures[chunk[:, 0]] == signatures[chunk[:, 1]]).mean(axis=1)
    return estimated

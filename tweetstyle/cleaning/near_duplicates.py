"""Near-duplicates: MinHash over character 5-grams, compared exactly; the first stays."""

from __future__ import annotations

import math
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from tweetstyle.cleaning.normalise import LINK_PLACEHOLDER, without_links

if TYPE_CHECKING:
    import numpy as np

    from tweetstyle.records import SourceTweet, Tweet

GRAM = 5
"""Characters in a shingle. A shorter text has no shingles, and only exact copies are its duplicates."""
SEED = 1
"""Of the signatures. Fixed: which pairs are found is no matter of taste."""
MISSED = 0.0005
"""Share of the pairs at the threshold itself that no band finds; above it fewer, at 0.05 above it hardly any."""
ROWS, FEWEST_BANDS, MOST_PERMUTATIONS = (4, 3, 2), 16, 256
"""With four rows unrelated tweets, alike to 0.05 at most, meet in one of 20 bands once in 8,000 pairs; for a low threshold fewer
rows, as the permutations allow."""
CROWD, LATEST = 16, 4
"""A text is compared with at most CROWD texts of a bucket, LATEST of them those just before it: slowly changing templates stay
connected, and a template that is filled in thousands of times costs no more than any text."""
SURE = 0.2
"""A pair whose estimate is this far below the threshold is not compared: four standard errors of an estimate from 80 permutations."""
MOST_COMPARED = 16
"""Earlier texts that a text is compared with, the likeliest: among thousands nearly equal, they show where it belongs."""
CLEAR = 0.1
"""An estimate this far above the threshold is hardly ever wrong: of so clear candidates the earliest are compared, which stay."""
PORTION = 500_000
"""Characters of the texts signed at one time: each is a Python object of its own for a moment."""
CACHED = 4_000_000
"""5-grams of compared texts that are remembered."""
MIXES = 0x9E3779B97F4A7C15
"""An odd number of 64 bits without a pattern."""


class DuplicatePair(NamedTuple):
    """Two texts at least as similar as the threshold. later, earlier: positions; jaccard: of their 5-grams, 1.0 for the same text."""

    later: int
    earlier: int
    jaccard: float


def folded(text: str) -> str:
    """The text by which duplicates are known: without case, links, spacing, and punctuation or emoji at its end.

    A text without any letter or digit (only emoji) is compared as it is, and one of nothing but links by its links.
    """
    plain = " ".join(without_links(text.replace(LINK_PLACEHOLDER, " ")).casefold().split())
    end = len(plain)
    while end and not plain[end - 1].isalnum():
        end -= 1
    return plain[:end] or plain or " ".join(text.split())


def chronological(tweet: SourceTweet | Tweet) -> tuple[str, int, str]:
    """Sort key: time, then id as a number (a longer snowflake is a later one)."""
    return tweet.created_at, len(tweet.id), tweet.id


def grams(text: str) -> np.ndarray:
    """The character 5-grams of a folded text, each once and as a number of 64 bits, in order; of a shorter text, itself."""
    import numpy as np

    characters = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    count = max(len(characters) - GRAM + 1, 1)
    numbers = np.zeros(count, np.uint64)
    for place in range(min(GRAM, len(characters))):
        numbers = numbers * np.uint64(MIXES) + characters[place : place + count]
    return _each_once(numbers)


def jaccard(one: np.ndarray, other: np.ndarray) -> float:
    import numpy as np

    both = np.concatenate((one, other))
    both.sort(kind="stable")  # merges what is in order already
    shared = int(np.count_nonzero(both[1:] == both[:-1]))
    return shared / (len(one) + len(other) - shared)


class NearDuplicates(NamedTuple):
    """pairs: verified, ordered by the later text; crowds: positions, two and two, in families too large for every pair to be compared."""

    pairs: list[DuplicatePair]
    crowds: array[int]

    def clusters(self, count: int) -> list[int]:
        """The cluster of each of `count` texts, joined by near-duplicates directly or through others, as the position of its first."""
        crowds = zip(self.crowds[::2], self.crowds[1::2], strict=True)
        return connected(chain(((pair.earlier, pair.later) for pair in self.pairs), crowds), count)


def near_duplicates(texts: Sequence[str], threshold: float, seed: int = SEED) -> NearDuplicates:
    """The near-duplicates among texts in order of time: their folded 5-grams have a Jaccard similarity of `threshold` or more.

    A text that repeats another is in one pair only, with its first occurrence, whose near-duplicates hold for all copies. A text
    shorter than 5 characters, and with a threshold of 1 every text, has exact duplicates only. Of the near-duplicates 99.95%
    are found at the threshold and more above it; of thousands of nearly equal texts, enough to drop all but the first, and
    those that may be near-duplicates are in one cluster. Time and memory are linear in the texts.

    Args:
        threshold: 0.5 to 1.
        seed: of the signatures; another one misses other pairs.
    """
    keys = list(map(folded, texts))
    firsts: dict[str, int] = {}
    pairs = [DuplicatePair(place, first, 1.0) for place, key in enumerate(keys) if (first := firsts.setdefault(key, place)) != place]
    places = [place for key, place in firsts.items() if len(key) >= GRAM] if threshold < 1 else []

    grams_at = lru_cache(CACHED // max(map(len, keys), default=1) + 1)(lambda place: grams(keys[place]))
    earliest: dict[int, int] = {}
    crowds = array("q")
    for one, group in groupby(_candidates(_signatures([keys[place] for place in places], threshold, seed), threshold), itemgetter(0)):
        later, compared = places[one], {places[other] for _, other in group}
        found = {place: jaccard(grams_at(later), grams_at(place)) for place in compared}
        near = {place for place, similarity in found.items() if similarity >= threshold}
        # Where thousands are nearly equal, the text that stays may be known through those that it is near to alone.
        found |= {place: jaccard(grams_at(later), grams_at(place)) for place in {earliest.get(p, p) for p in near} - compared}
        pairs += [DuplicatePair(later, place, similarity) for place, similarity in found.items() if similarity >= threshold]
        if len(compared) == MOST_COMPARED:
            crowds.extend(chain.from_iterable((place, later) for place in compared))
        if near:
            earliest[later] = min(earliest.get(p, p) for p in near)
    pairs.sort()
    return NearDuplicates(pairs, crowds)


def to_drop(pairs: Iterable[DuplicatePair], every_second: bool = False) -> dict[int, DuplicatePair]:
    """Position of each text to drop → the pair with its most similar kept near-duplicate, the earliest of several.

    The earliest of a group is kept. A text with the same 5-grams as a dropped one is dropped for the same reason. every_second: a kept
    text takes one repetition with it and the next one stays, so that of n copies (n + 1) // 2 stay, and of all texts at least half.
    """
    by_later: dict[int, list[DuplicatePair]] = defaultdict(list)
    for pair in pairs:
        by_later[pair.later].append(pair)
    dropped: dict[int, DuplicatePair] = {}
    last_copy: dict[int, int] = {}
    spent: set[int] = set()
    for later in sorted(by_later):
        found = [pair._replace(earlier=last_copy.get(pair.earlier, pair.earlier)) for pair in by_later[later]]
        reasons = [pair for pair in found if pair.earlier not in dropped]
        same = (pair.earlier for pair in found if pair.jaccard == 1 and pair.earlier in dropped)
        reasons += [dropped[earlier]._replace(later=later) for earlier in same]
        if reasons := [pair for pair in reasons if pair.earlier not in spent]:
            dropped[later] = min(reasons, key=lambda pair: (-pair.jaccard, pair.earlier))
            if every_second:
                spent.add(dropped[later].earlier)
        elif every_second:
            last_copy |= {pair.earlier: later for pair in by_later[later] if pair.jaccard == 1}
    return dropped


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


def _signatures(texts: Sequence[str], threshold: float, seed: int) -> np.ndarray:
    """uint32, a row for each text, a column for each permutation."""
    import numpy as np
    from rensa import RMinHash

    bands, rows = bands_and_rows(threshold)
    made, first = np.empty((len(texts), bands * rows), np.uint32), 0
    while first < len(texts):
        last, size = first, 0
        while last < len(texts) and (last == first or size < PORTION):
            size, last = size + len(texts[last]), last + 1
        # In UTF-32 a 5-gram is 20 bytes, and half a surrogate pair is a character like any other.
        encoded = (text.encode("utf-32-le", "surrogatepass") for text in texts[first:last])
        tokens = [[text[i : i + 4 * GRAM] for i in range(0, len(text) - 4 * GRAM + 1, 4)] for text in encoded]
        digests = RMinHash.digest_matrix_from_token_byte_sets(tokens, bands * rows, seed)
        made[first:last], first = np.array(digests.to_rows(), np.uint32), last
    return made


def _candidates(signatures: np.ndarray, threshold: float) -> Iterator[list[int]]:
    """Later and earlier row of the pairs that share a bucket and, as their signatures estimate it, may reach the threshold.

    In order of the later row; there are `MOST_COMPARED` at most of each.
    """
    import numpy as np

    bands, rows = bands_and_rows(threshold)
    most, clear = ((1 - threshold + margin) * bands * rows for margin in (SURE, -CLEAR))
    found, wanted = np.empty(0, np.int64), np.ones(len(signatures), bool)
    low = signatures.astype(np.uint8)  # enough to estimate: of what differs one in 256 looks equal
    for band in range(bands):
        later, earlier = _met(signatures[:, band * rows : (band + 1) * rows], wanted)
        unlike = np.empty(len(later), np.int64)
        for first in range(0, len(later), PORTION // 8):
            part = slice(first, first + PORTION // 8)
            unlike[part] = np.count_nonzero(low[later[part]] != low[earlier[part]], axis=1)
        likely = unlike <= most
        unlike = np.maximum(unlike[likely], int(max(clear, 0)))
        # One number for a pair, in whose order each later row's likeliest pairs are first, and of equal ones the earliest.
        found = _each_once(np.concatenate((found, later[likely] << 33 | unlike << 24 | earlier[likely])))
        rank = _ranks(found >> 33)
        wanted[found[(rank == MOST_COMPARED - 1) & (found >> 24 & 511 <= clear)] >> 33] = False
        found = found[rank < MOST_COMPARED]
    for first in range(0, len(found), PORTION // 8):
        part = found[first : first + PORTION // 8]
        yield from np.stack([part >> 33, part & 0xFFFFFF], axis=1).tolist()


def _met(columns: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of later and earlier rows that are equal in the columns: with the first of all, and where wanted with `CROWD` at most."""
    import numpy as np

    keys = np.zeros(len(columns), np.uint64)
    for column in columns.T:
        keys = (keys ^ column) * np.uint64(MIXES)
    order = np.argsort(keys, kind="stable")
    rank, first = _ranks(keys[order]), CROWD - LATEST
    start = np.arange(len(order)) - rank
    rank = np.where(wanted[order], rank, np.minimum(rank, 1))
    pairs = [(at, start[at] + nth) for nth in range(first) for at in [np.flatnonzero(rank > nth)]]
    pairs += [(at, at - nth) for nth in range(1, LATEST + 1) for at in [np.flatnonzero(rank - nth >= first)]]
    return order[np.concatenate([at for at, other in pairs])], order[np.concatenate([other for at, other in pairs])]


def _each_once(values: np.ndarray) -> np.ndarray:
    """The values in order, each once. On numbers such as these np.unique is ten times slower."""
    values.sort()
    return values[_ranks(values) == 0]


def _ranks(values: np.ndarray) -> np.ndarray:
    """Of each of the sorted values, how many equal ones are before it."""
    import numpy as np

    place = np.arange(len(values))
    begins = np.ones(len(values), bool)
    begins[1:] = values[1:] != values[:-1]
    return place - np.maximum.accumulate(np.where(begins, place, 0))

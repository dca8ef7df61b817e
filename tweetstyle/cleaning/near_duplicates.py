"""Near-duplicates: MinHash over character 5-grams, compared exactly; the first stays."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
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
CHUNK = 5_000
"""Texts signed at one time: signatures are Python integers for a moment."""


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


def grams(text: str) -> frozenset[str]:
    """The character 5-grams of a folded text; of a shorter one, itself."""
    return frozenset(text[i : i + GRAM] for i in range(len(text) - GRAM + 1)) or frozenset((text,))


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


def near_duplicate_pairs(texts: Sequence[str], threshold: float, seed: int = SEED) -> list[DuplicatePair]:
    """The pairs of near-duplicates among texts in order of time: their folded 5-grams have a Jaccard similarity of `threshold` or more.

    Every pair is verified by its true similarity. A text that repeats another is in one pair only, with its first occurrence, whose
    near-duplicates hold for all copies. A text shorter than 5 characters, and with a threshold of 1 every text, has exact
    duplicates only. Of the near-duplicates 99.95% are found at the threshold and more above it; of a template in many
    texts enough pairs are found to drop all but the first and to know its cluster.

    Args:
        threshold: 0.5 to 1.
        seed: of the signatures; another one misses other pairs.

    Returns:
        The pairs, ordered by the later text.
    """
    keys = list(map(folded, texts))
    firsts: dict[str, int] = {}
    pairs = [DuplicatePair(place, first, 1.0) for place, key in enumerate(keys) if (first := firsts.setdefault(key, place)) != place]
    places = [place for key, place in firsts.items() if len(key) >= GRAM] if threshold < 1 else []

    grams_at = lru_cache(4096)(lambda place: grams(keys[place]))
    for one, other in sorted(_candidates(_signatures([keys[place] for place in places], threshold, seed), threshold)):
        later, earlier = places[one], places[other]
        if (similarity := jaccard(grams_at(later), grams_at(earlier))) >= threshold:
            pairs.append(DuplicatePair(later, earlier, similarity))
    return sorted(pairs)


def to_drop(pairs: Iterable[DuplicatePair]) -> dict[int, DuplicatePair]:
    """Position of each text to drop → the pair with its most similar kept near-duplicate, the earliest of several.

    The earliest of a group is kept. A text with the same 5-grams as a dropped one is dropped for the same reason.
    """
    by_later: dict[int, list[DuplicatePair]] = defaultdict(list)
    for pair in pairs:
        by_later[pair.later].append(pair)
    dropped: dict[int, DuplicatePair] = {}
    for later in sorted(by_later):
        reasons = [pair for pair in by_later[later] if pair.earlier not in dropped]
        same = (pair.earlier for pair in by_later[later] if pair.jaccard == 1 and pair.earlier in dropped)
        if reasons := reasons + [dropped[earlier]._replace(later=later) for earlier in same]:
            dropped[later] = min(reasons, key=lambda pair: (-pair.jaccard, pair.earlier))
    return dropped


def clusters(pairs: Iterable[DuplicatePair], count: int) -> list[int]:
    """The cluster of each of `count` texts, as the position of its first: texts joined by near-duplicates, directly or through others."""
    return connected([(pair.earlier, pair.later) for pair in pairs], count)


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
    made = np.empty((len(texts), bands * rows), np.uint32)
    for first in range(0, len(texts), CHUNK):
        # In UTF-32 a 5-gram is 20 bytes, and half a surrogate pair is a character like any other.
        encoded = (text.encode("utf-32-le", "surrogatepass") for text in texts[first : first + CHUNK])
        tokens = [[text[i : i + 4 * GRAM] for i in range(0, len(text) - 4 * GRAM + 1, 4)] for text in encoded]
        digests = RMinHash.digest_matrix_from_token_byte_sets(tokens, bands * rows, seed)
        made[first : first + CHUNK] = np.array(digests.to_rows(), np.uint32)
    return made


def _candidates(signatures: np.ndarray, threshold: float) -> set[tuple[int, int]]:
    """Later and earlier row of the pairs that share a bucket and, as their signatures estimate it, may reach the threshold."""
    import numpy as np

    bands, rows = bands_and_rows(threshold)
    found: set[tuple[int, int]] = set()
    for band in range(bands):
        keys = np.ascontiguousarray(signatures[:, band * rows : (band + 1) * rows]).view(f"V{4 * rows}").ravel().tolist()
        buckets: defaultdict[bytes, list[int]] = defaultdict(list)
        met: list[tuple[int, int]] = []
        for later, key in enumerate(keys):
            bucket = buckets[key]
            met += [(later, earlier) for earlier in bucket]
            if len(bucket) == CROWD:
                del bucket[CROWD - LATEST]
            bucket.append(later)
        pairs = np.array(met, np.int64).reshape(-1, 2)
        alike = (signatures[pairs[:, 0]] == signatures[pairs[:, 1]]).mean(axis=1) >= threshold - SURE
        found.update(map(tuple, pairs[alike].tolist()))
    return found

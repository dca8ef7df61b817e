"""Texts that may be near-duplicates: those that share a bucket of MinHash signatures over their character 5-grams.

Locality-sensitive hashing as in Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, chapter 3: a signature is cut into
bands, and two texts that agree in all rows of one band are candidates. rensa makes the signatures. The buckets are found here by
sorting: rensa's own index answers a text with all its like, which of a template repeated 5,000 times are 25 million.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

GRAM = 5
"""Characters in a shingle. A text with fewer has none, and is a twin of its like only."""
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
"""A pair whose estimate is so far below the threshold is not looked at: four standard errors of an estimate from 80 permutations."""
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

"""Near-duplicates on both sides of a split."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tweetstyle.cleaning.near_duplicates import GRAM, SURE, candidates, estimates, folded, grams, jaccard, signatures

if TYPE_CHECKING:
    import numpy as np

SEED = 2
"""Seed of the signatures, other than that of near_duplicates.py, so that the two do not miss the same pairs."""
ACROSS = 64
"""Texts with other labels with which a text is compared where a template, say, brings more than 16 into one bucket."""


def with_near_duplicate_elsewhere(texts: Sequence[str], labels: Sequence[int], threshold: float) -> set[int]:
    """Positions of the texts that have a near-duplicate with another label, in any order of the texts.

    Independent of `near_duplicate_groups`: other signatures, and in a crowd every pair across labels, up to `ACROSS`.
    """
    keys = list(map(folded, texts))
    by_key: dict[str, list[int]] = defaultdict(list)
    for place, key in enumerate(keys):
        by_key[key].append(place)
    found = {place for places in by_key.values() if len({labels[place] for place in places}) > 1 for place in places}
    if threshold < 1:
        # A near-duplicate of one text is one of all its copies; one copy per label is enough.
        one_each = [places for key, places in by_key.items() if len(key) >= GRAM]
        rows = [{labels[place]: place for place in reversed(places)} for places in one_each]
        singles = [place for row in rows for place in row.values()]
        for place in _near_elsewhere([keys[place] for place in singles], [labels[place] for place in singles], threshold):
            key = keys[singles[place]]
            found.update(other for other in by_key[key] if labels[other] == labels[singles[place]])
    return found


def _near_elsewhere(texts: list[str], labels: list[int], threshold: float) -> set[int]:
    """Positions of the texts that have a near-duplicate with another label."""
    import numpy as np

    label = np.asarray(labels)
    signed = signatures(texts, threshold, SEED)
    pairs, crowds = candidates(signed, threshold)
    pairs = np.concatenate([pairs, *(_across(crowd, label) for crowd in crowds)])
    pairs = np.unique(pairs[label[pairs[:, 0]] != label[pairs[:, 1]]], axis=0)
    pairs = pairs[estimates(signed, pairs) >= threshold - SURE]
    near = [pair for pair in pairs.tolist() if jaccard(grams(texts[pair[0]]), grams(texts[pair[1]])) >= threshold]
    return {text for pair in near for text in pair}


def _across(crowd: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Pairs of a crowd's texts across labels, [n, 2]: each text with the `ACROSS` texts of another label that are nearest in the crowd."""
    import numpy as np

    labels = label[crowd]
    pairs = [np.zeros((0, 2), np.int64)]
    for one in np.unique(labels):
        inside, outside = crowd[labels == one], crowd[labels != one]
        if len(outside):
            first = np.clip(np.searchsorted(outside, inside) - ACROSS // 2, 0, max(0, len(outside) - ACROSS))
            others = outside[np.minimum(first[:, None] + np.arange(min(ACROSS, len(outside))), len(outside) - 1)]
            pairs.append(np.stack([np.repeat(inside, others.shape[1]), others.ravel()], axis=1))
    return np.sort(np.concatenate(pairs), axis=1)

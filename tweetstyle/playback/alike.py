"""Messages that say the same in nearly the same words."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from itertools import combinations

THRESHOLD = 0.75
"""Share of common different words (Jaccard) from which two messages are near-duplicates."""
KEY_WORDS = 3
"""Fewer words are a near-duplicate of the very same only: of three, one that differs is more than a quarter."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W\d_]*)?")


def bare_words(text: str) -> list[str]:
    """Lower-case words and numbers, apostrophes straight; an elision ("l'", "qu'") is a word of its own."""
    found: list[str] = []
    for word in _WORD.findall(text.lower().replace("’", "'")):
        head, apostrophe, tail = word.partition("'")
        found.append(head + apostrophe)
        if tail:
            found.append(tail)
    return found


class Alike:
    """Counts how many of the messages taken in so far are near-duplicates of another.

    Prefix filtering (Bayardo, Ma and Srikant, Scaling up all pairs similarity search, 2007), for k common words: two sets whose
    Jaccard similarity is t or more have ⌈t·|s|⌉ words in common, of either's size |s|, and so, in any fixed order, k among the
    first |s| − ⌈t·|s|⌉ + k of both. The order is longest first: long words are rare. Some are not, and so the index is by k of them.
    """

    def __init__(self, messages: list[str] | None = None) -> None:
        self._places: dict[tuple[str, ...], list[int]] = defaultdict(list)
        self._sets: list[frozenset[str]] = []
        for message in messages or ():
            self.add(bare_words(message))

    def add(self, words: list[str]) -> None:
        """Takes a message in."""
        as_set = frozenset(words)
        for key in _keys(as_set):
            self._places[key].append(len(self._sets))
        self._sets.append(as_set)

    def count(self, words: list[str]) -> int:
        """How many of those taken in share `THRESHOLD` of their words with these."""
        as_set = frozenset(words)
        candidates = {place for key in _keys(as_set) for place in self._places.get(key, ())}
        return sum(_jaccard(as_set, self._sets[place]) >= THRESHOLD for place in candidates)


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    common = len(one & other)
    return common / (len(one) + len(other) - common)


def _keys(words: frozenset[str]) -> list[tuple[str, ...]]:
    """What two near-duplicates have at least one of in common; fewer words than a key has are like themselves only."""
    ordered = sorted(words, key=lambda word: (-len(word), word))
    if len(ordered) < KEY_WORDS:
        return [tuple(ordered)]
    return list(combinations(ordered[: len(ordered) - math.ceil(THRESHOLD * len(ordered)) + KEY_WORDS], KEY_WORDS))

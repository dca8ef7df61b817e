"""Messages that say the same in nearly the same words."""

from __future__ import annotations

import math
import re
from collections import defaultdict

THRESHOLD = 0.75
"""Share of common different words (Jaccard) from which two messages are near-duplicates."""

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

    An index of prefixes: two sets whose Jaccard similarity is t or more share one of the first |s| − ⌈t·|s|⌉ + 1 of their words in
    any fixed order (Bayardo, Ma and Srikant, Scaling up all pairs similarity search, 2007). The order is longest first: long
    words are rare.
    """

    def __init__(self, messages: list[str] | None = None) -> None:
        self._places: dict[str, list[int]] = defaultdict(list)
        self._sets: list[frozenset[str]] = []
        for message in messages or ():
            self.add(bare_words(message))

    def add(self, words: list[str]) -> None:
        """Takes a message in."""
        as_set = frozenset(words)
        for word in _prefix(as_set):
            self._places[word].append(len(self._sets))
        self._sets.append(as_set)

    def count(self, words: list[str]) -> int:
        """How many of those taken in share `THRESHOLD` of their words with these."""
        as_set = frozenset(words)
        candidates = {place for word in _prefix(as_set) for place in self._places.get(word, ())}
        return sum(_jaccard(as_set, self._sets[place]) >= THRESHOLD for place in candidates)


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    common = len(one & other)
    return common / (len(one) + len(other) - common)


def _prefix(words: frozenset[str]) -> list[str]:
    ordered = sorted(words, key=lambda word: (-len(word), word))
    return ordered[: len(ordered) - math.ceil(THRESHOLD * len(ordered)) + 1]

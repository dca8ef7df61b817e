"""Tweets that say the same, word for word or nearly: the earliest stays."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

from tweetstyle.prepare.minhash import GRAM, SURE, candidates, signatures
from tweetstyle.prepare.normalise import LINK_PLACEHOLDER, without_links

if TYPE_CHECKING:
    import numpy as np

SEED = 1
"""Of the signatures. Fixed: which pairs are found is no matter of taste."""
KEPT, LATEST = 16, 4
"""In a crowd a text is compared with the first kept texts, and with those just before it: a template that changes slowly hangs together."""
CACHED = 4096
"""Texts whose sets of 5-grams are in memory, about 8 KB each."""


class Twin(NamedTuple):
    """Two texts at least as similar as asked. later, earlier: positions; jaccard: of their 5-grams, 1.0 for the same text."""

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


def twins(texts: Sequence[str], threshold: float) -> list[Twin]:
    """The pairs of texts, in chronological order, whose folded 5-grams have a Jaccard similarity of `threshold` or more.

    Ordered by the later text. Every pair is verified by its true similarity. A text that repeats another stands in one pair only,
    with the first of its like; what that is a near twin of, all its like are. A text shorter than 5 characters, and with a threshold of 1
    every text, has exact twins only. Of the near twins 99.95% are found at the threshold and more above it, except in
    a crowd (more than 16 texts in one bucket, such as a template): there a text stands in pairs with the first 16 kept texts and with the
    4 texts before it, which is enough to drop it and to know its cluster.
    """
    keys = list(map(folded, texts))
    firsts: dict[str, int] = {}
    pairs = [Twin(place, first, 1.0) for place, key in enumerate(keys) if (first := firsts.setdefault(key, place)) != place]
    if threshold < 1:
        places = [place for key, place in firsts.items() if len(key) >= GRAM]
        near = _near([keys[place] for place in places], threshold)
        pairs += [Twin(places[later], places[earlier], similarity) for later, earlier, similarity in near]
    return sorted(pairs)


def to_drop(twins: Iterable[Twin], count: int) -> dict[int, Twin]:
    """Position → why it goes: the pair with its most similar kept twin, of several the earliest. The earliest of twins is kept.

    A text with the very same 5-grams as one that goes is as similar to what that one goes for, and goes for it.
    """
    by_later: dict[int, list[Twin]] = defaultdict(list)
    for twin in twins:
        by_later[twin.later].append(twin)
    dropped: dict[int, Twin] = {}
    for later in sorted(by_later):
        reasons = [twin for twin in by_later[later] if twin.earlier not in dropped]
        reasons += [
            dropped[twin.earlier]._replace(later=later) for twin in by_later[later] if twin.jaccard == 1 and twin.earlier in dropped
        ]
        if reasons:
            dropped[later] = min(reasons, key=lambda twin: (-twin.jaccard, twin.earlier))
    return dropped


def clusters(twins: Iterable[Twin], count: int) -> list[int]:
    """The cluster of each of `count` texts, as the position of its first: texts joined by twins, directly or by others between them."""
    return connected([(twin.earlier, twin.later) for twin in twins], count)


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
    """Later, earlier, similarity of the near twins among folded texts that are all different and of 5 characters or more."""
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

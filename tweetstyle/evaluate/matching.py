"""Texts of several writers at equal numbers, lengths and periods."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

BEGINNING = 0.75
"""Of the shortest text that is compared: none of them shows its end, so that a cut gives nothing away."""
SHORTEST = 10
"""Characters of a beginning below which it says nothing of a style."""
LENGTHS = (20, 40, 60, 80, 100, 120, 140, 180, 220, 280, 400)
"""Upper ends, in characters, of the groups within which lengths count as equal."""
BEGIN, END = "\x02", "\x03"
URL = re.compile(r"https?://\S+")
MENTION = re.compile(r"@\w+")


@dataclass(frozen=True)
class Texts:
    """texts [n]; clusters [n]: what is related and stays in one fold (a day, a thread; a generated tweet has its prompt's);
    periods [n]: what must be equal on both sides (a year, say), or None.
    """

    texts: Sequence[str]
    clusters: Sequence[Hashable]
    periods: Sequence[Hashable] | None = None

    def __post_init__(self) -> None:
        if len(self.clusters) != len(self.texts) or (self.periods is not None and len(self.periods) != len(self.texts)):
            raise ValueError("every text needs its cluster, and its period where there are any")


def masked(text: str) -> str:
    """Every URL and mention replaced by one sign for its kind."""
    return MENTION.sub("@…", URL.sub("http…", text))


def beginnings(sides: Sequence[Texts], *, seed: int) -> list[Texts]:
    """As many texts of every side, one of each put together by their rank in length, and cut to one length: masked, without their ends.

    All sides are met at the same lengths, and the first side with the same texts. Periods are equal within a group where there are any.
    Two sides of the same texts are drawn alike, so that they lie equally far from the first.
    """
    randoms = [np.random.default_rng(seed) for _ in sides]
    texts = [[masked(text.strip()) for text in side.texts] for side in sides]
    periods: list[dict[Hashable, list[int]]] = [{} for _ in sides]
    for side, of, by_period in zip(sides, texts, periods, strict=True):
        for index in range(len(of)):
            if of[index]:
                by_period.setdefault(side.periods[index] if side.periods is not None else None, []).append(index)
    kept: list[list[int]] = [[] for _ in sides]
    for period in sorted(set.intersection(*(set(of) for of in periods)), key=repr):
        count = min(len(of[period]) for of in periods)
        for place, of in enumerate(periods):
            drawn = randoms[place].permutation(of[period])[:count].tolist()
            kept[place].extend(sorted(drawn, key=lambda index: len(texts[place][index])))
    groups = [
        (group, math.ceil(BEGINNING * min(len(texts[place][i]) for place, i in enumerate(group)))) for group in zip(*kept, strict=True)
    ]
    groups = [(group, cut) for group, cut in groups if cut >= SHORTEST]
    return [
        Texts([BEGIN + texts[place][group[place]][:cut] for group, cut in groups], [side.clusters[group[place]] for group, _ in groups])
        for place, side in enumerate(sides)
    ]


def match(real: Texts, other: Texts, *, seed: int, size: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Indices of as many texts on either side, with the same lengths and periods: of each group the smaller number, drawn at random."""
    random = np.random.default_rng(seed)
    groups = [_groups(real), _groups(other)]
    sides: tuple[list[int], list[int]] = ([], [])
    for key in sorted(groups[0].keys() & groups[1].keys(), key=repr):
        count = min(len(group[key]) for group in groups)
        for side, group in zip(sides, groups, strict=True):
            side.extend(random.permutation(group[key])[:count].tolist())
    kept = random.permutation(len(sides[0]))[:size]
    return tuple(np.array(side, dtype=int)[kept] for side in sides)


def _groups(side: Texts) -> dict[tuple[int, Hashable], list[int]]:
    found: dict[tuple[int, Hashable], list[int]] = {}
    lengths = np.digitize([len(text) for text in side.texts], LENGTHS, right=True).tolist()
    for index, length in enumerate(lengths):
        if side.texts[index].strip():
            found.setdefault((length, side.periods[index] if side.periods is not None else None), []).append(index)
    return found

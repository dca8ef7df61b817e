"""Many documents in one row, with each common beginning once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tweetstyle.model.tokenizer import Encoded


@dataclass(frozen=True)
class Pack:
    """Documents as a tree in one row; the tokens that all documents begin with precede it and are not in it.

    ids: int64 [n], each token's parent comes before it; positions: int64 [n], its place in its document;
    sees: bool [n, n], whether a token (row) sees another (column): itself and its ancestors, so that documents do not see each other;
    targets: int64 [m], the scored tokens of all documents; sources: int64 [m], the index in `ids` of the token before each, -1 where
    that is the last token before the row; rows: int64 [m], the document of each, as an index in `documents`;
    documents: their indices in the list that was packed.
    """

    documents: list[int]
    ids: np.ndarray
    positions: np.ndarray
    sees: np.ndarray
    targets: np.ndarray
    sources: np.ndarray
    rows: np.ndarray


def first_scored(document: Encoded) -> int:
    """Index of the first scored token: the answer's first, but never one with nothing before it to be predicted from."""
    return max(document.prompt_length, 1)


def common_beginning(documents: Sequence[Encoded], begun: bool = False) -> list[int]:
    """The longest run of ids with which all documents begin, as far as no token in it is scored.

    begun: tokens precede the documents, so that even their first token can be scored.
    """
    if not documents:
        return []
    most = min(document.prompt_length if begun else first_scored(document) for document in documents)
    return common_prefix([document.ids for document in documents])[:most]


def packs(documents: Sequence[Encoded], skipped: int, before: int, budget: int) -> Iterator[Pack]:
    """The documents without their first `skipped` ids, in packs of at most `budget` tokens (or one document).

    before: tokens before each pack, the skipped ones among them; 0: none. In alphabetical order, so that what
    documents share falls into one pack. A document's last id is only ever predicted, and takes no room.
    """
    group: list[int] = []
    size, previous = 0, []
    for index in sorted(range(len(documents)), key=lambda i: documents[i].ids):
        ids = documents[index].ids[skipped:-1]
        new = len(ids) - shared_length(ids, previous)
        if group and size + new > budget:
            yield _pack(documents, group, skipped, before)
            group, size, new = [], 0, len(ids)
        group.append(index)
        size, previous = size + new, ids
    if group:
        yield _pack(documents, group, skipped, before)


def _pack(documents: Sequence[Encoded], group: list[int], skipped: int, before: int) -> Pack:
    places: dict[tuple[int, int], int] = {}
    parents: list[int] = []
    depths: list[int] = []
    scored: list[tuple[int, int, int]] = []
    for row, index in enumerate(group):
        document, parent = documents[index], -1
        first = (document.prompt_length if before else first_scored(document)) - skipped
        for depth, id in enumerate(document.ids[skipped:]):
            if depth >= first:
                scored.append((parent, id, row))
            if depth == len(document.ids) - skipped - 1:
                break
            place = places.setdefault((parent, id), len(places))
            if place == len(parents):
                parents.append(parent)
                depths.append(depth)
            parent = place
    sees = np.eye(len(parents), dtype=bool)
    for place, parent in enumerate(parents):
        if parent >= 0:
            sees[place] |= sees[parent]
    sources, targets, rows = np.array(scored, dtype=np.int64).reshape(-1, 3).T
    ids = np.array([id for _, id in places], dtype=np.int64)
    return Pack(group, ids, before + np.array(depths, dtype=np.int64), sees, targets, sources, rows)


def shared_length(one: Sequence[int], other: Sequence[int]) -> int:
    """How many ids both begin with."""
    return next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def common_prefix(sequences: Sequence[list[int]]) -> list[int]:
    """The ids that all of them begin with; there is at least one sequence."""
    first, last = min(sequences), max(sequences)
    # What the smallest and the largest of sorted sequences share is shared by all between them.
    return first[: shared_length(first, last)]

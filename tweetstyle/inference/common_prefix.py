"""What sequences of token ids begin with in common."""

from __future__ import annotations

from collections.abc import Sequence


def shared_length(one: Sequence[int], other: Sequence[int]) -> int:
    """How many ids both begin with."""
    return next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def common_prefix(sequences: Sequence[list[int]]) -> list[int]:
    """The ids that all of them begin with; there is at least one sequence."""
    first, last = min(sequences), max(sequences)
    # What the smallest and the largest of sorted sequences share is shared by all between them.
    return first[: shared_length(first, last)]

"""The card that a run is planned for."""

from __future__ import annotations

import os
from dataclasses import dataclass

from tweetstyle.nvidia import observe_card

GIB = 2**30
DISPLAY = 256 * 2**20
"""What a desktop takes of a card that is not here to be asked."""


@dataclass(frozen=True)
class Card:
    """total: bytes of the card; others: what desktop, driver and other programs hold of it; seen: it is here, not only named; trouble:
    why one that is built in could not be asked, in nvidia-smi's words."""

    total: int
    others: int = DISPLAY
    name: str = "a card"
    seen: bool = False
    trouble: str | None = None

    def __str__(self) -> str:
        return f"{self.name}, {self.total / GIB:.1f} GiB" if self.seen else self.name


def named_card(gib: float) -> Card:
    """A card of so many GiB, which need not be here."""
    return Card(round(gib * GIB), name=f"a card of {gib:g} GiB")


def find_card() -> Card | None:
    """The card that a training here would take, as CUDA_VISIBLE_DEVICES chooses; None without one, or where its memory cannot be told."""
    return look_for_card()[0]


def look_for_card() -> tuple[Card | None, str | None]:
    """The same, and where there is none nvidia-smi's words, if it failed."""
    state = observe_card(os.environ)
    if not state.cards:
        return None, None if state.hidden else state.trouble
    card = state.cards[0]
    return Card(card.total, card.total - card.free, card.name, seen=True), None

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
    """total: bytes of the card; others: what desktop, driver and other programs hold of it; seen: it is here, not only named."""

    total: int
    others: int = DISPLAY
    name: str = "a card"
    seen: bool = False

    def __str__(self) -> str:
        return f"{self.name}, {self.total / GIB:.1f} GiB" if self.seen else self.name


def named_card(gib: float) -> Card:
    """A card of so many GiB, which need not be here."""
    return Card(round(gib * GIB), name=f"a card of {gib:g} GiB")


def find_card() -> Card | None:
    """The card that a training here would take, as CUDA_VISIBLE_DEVICES chooses; None without one, or where its memory cannot be told."""
    cards = observe_card(os.environ).cards
    return Card(cards[0].total, cards[0].total - cards[0].free, cards[0].name, seen=True) if cards else None

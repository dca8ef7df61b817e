"""The card that a run is planned for: here, named, or assumed."""

from __future__ import annotations

import os
from dataclasses import dataclass

from tweetstyle.hardware.gpu import observe_card

WITHOUT_CARD = "base: model/smollm2-135m-instruct and method: lora (make base-model makes that model)"
"""What a recipe for a machine without a card says."""


GIB = 2**30
DISPLAY = 256 * 2**20
"""What a desktop is assumed to use of a card that is not in this machine."""
REPORTED = {6: 5.8, 8: 7.6, 12: 11.6, 16: 15.6, 24: 23.6}
"""GB of a card as it is sold → GiB that CUDA reports of it: the driver keeps the rest. 12: from 11.5 to 11.76, by card and driver."""


@dataclass(frozen=True)
class Card:
    """total: bytes of the card; others: what desktop, driver and other programs hold of it; seen: it is in this machine; assumed: it is
    neither in this machine nor named by anybody; trouble: why one that is built in could not be queried, in nvidia-smi's words;
    training_only: the evaluation and the export are not planned for; unused: bytes that the run has to leave free."""

    total: int
    others: int = DISPLAY
    name: str = "a card"
    seen: bool = False
    trouble: str | None = None
    assumed: bool = False
    training_only: bool = False
    unused: int = 0

    def __str__(self) -> str:
        return f"{self.name}, {self.total / GIB:.1f} GiB" if self.seen else self.name


def named_card(size: float) -> Card:
    """A card that need not be here: of the GB it is sold with (6, 8, 12, 16, 24), for which it reports fewer GiB, or of this many GiB."""
    if (reported := REPORTED.get(size)) is not None:
        return Card(round(reported * GIB), name=f"a card sold as {size:g} GB ({reported:g} GiB)")
    return Card(round(size * GIB), name=f"a card of {size:g} GiB")


def find_card() -> Card | None:
    """The card that a training here would take, as CUDA_VISIBLE_DEVICES chooses; None without one, or where its memory is not known."""
    return look_for_card()[0]


def look_for_card() -> tuple[Card | None, str | None]:
    """The same, and where there is none nvidia-smi's words, if it failed."""
    state = observe_card(os.environ)
    if not state.cards:
        return None, None if state.hidden else state.trouble
    card = state.cards[0]
    return Card(card.total, card.total - card.free, card.name, seen=True), None

"""The card that a run would take, as nvidia-smi tells it: no torch is imported and nothing on the card is touched."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass

GIB = 2**30
DISPLAY = 256 * 2**20
"""What a desktop takes of a card that is not here to be asked."""
QUERY = ("nvidia-smi", "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits")
SECONDS = 20
"""After which nvidia-smi, which waits for a driver that does not answer, is given up."""


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
    """The first card that a training here would take; None without one, or where nvidia-smi cannot tell its memory.

    Of several, CUDA_VISIBLE_DEVICES names it, by number or UUID; an empty one hides all.
    """
    program = shutil.which(QUERY[0])
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    first = None if visible is None else visible.split(",")[0].strip()
    if program is None or first in ("", "-1"):
        return None
    chosen = () if first is None else ("--id=" + first,)
    try:
        done = subprocess.run([program, *QUERY[1:], *chosen], capture_output=True, text=True, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return None
    lines = done.stdout.strip().splitlines()
    return _read_line(lines[0]) if done.returncode == 0 and lines else None


def _read_line(line: str) -> Card | None:
    """`name, total, free` in MiB; a card that shares the machine's memory says [N/A]."""
    name, *numbers = (part.strip() for part in line.rsplit(",", 2))
    if len(numbers) != 2 or not all(number.isdigit() for number in numbers):
        return None
    total, free = (int(number) * 2**20 for number in numbers)
    return Card(total, max(total - free, 0), name, seen=True)

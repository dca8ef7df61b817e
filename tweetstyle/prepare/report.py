"""What prepare did, for the screen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tweetstyle.records import SPLITS

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class Prepared:
    """Counts of tweets. dropped: rule → count, in the order of the rules; first_day, last_day: of the kept tweets (UTC)."""

    read: int
    kept: int
    dropped: dict[str, int]
    splits: dict[str, int]
    with_topic: int
    first_day: str
    last_day: str
    outputs: list[Path]


def funnel(prepared: Prepared) -> Table:
    """A rich table: tweets read, what each rule dropped, tweets kept, their splits, the share with a topic."""
    from rich.table import Table

    table = Table(title=f"Tweets from {prepared.first_day} to {prepared.last_day}", title_justify="left")
    table.add_column("", min_width=20)
    table.add_column("tweets", justify="right")
    table.add_column("share", justify="right")

    def add(name: str, count: int, of: int, style: str | None = None) -> None:
        table.add_row(name, f"{count:,}", f"{count / of:.1%}" if of else "", style=style)

    add("read", prepared.read, prepared.read, "bold")
    for rule, count in prepared.dropped.items():
        if count:
            add(f"  {rule}", -count, prepared.read)
    add("kept", prepared.kept, prepared.read, "bold")
    table.add_section()
    for split in SPLITS:
        add(f"  {split}", prepared.splits[split], prepared.kept)
    add("with a topic", prepared.with_topic, prepared.kept)
    return table


def dropped_in_words(dropped: dict[str, int]) -> str:
    """The funnel in one line, the largest loss first: for messages."""
    losses = sorted(((count, rule) for rule, count in dropped.items() if count), key=lambda loss: -loss[0])
    return ", ".join(f"{rule} {count:,}" for count, rule in losses) or "nothing was dropped"

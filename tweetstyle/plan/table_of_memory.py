"""The memory plan for a person: a table of its parts and a bar against the card."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tweetstyle.hardware.card import Card
from tweetstyle.plan.memory import MemoryPlan
from tweetstyle.plan.phases import TRAINING

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, Group, RenderableType
    from rich.text import Text

COLOURS = ("blue", "cyan", "green", "magenta", "yellow", "bright_blue", "bright_cyan", "bright_green", "bright_magenta", "bright_yellow")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
WIDTH = 60
"""Characters of the bar that are the card, at most."""


def memory_table(plan: MemoryPlan, card: Card) -> Group:
    """A table of what is on the card at the peak of the run, a bar of it against the card, each phase's peak, the RAM, the notes."""
    from rich.console import Group
    from rich.table import Table

    table = Table("", "on the card", "GiB", "share", title=f"memory at the peak of the run: {_peak(plan)}", title_justify="left")
    for letter, colour, (name, size) in _lettered(plan):
        table.add_row(f"[{colour}]{letter}[/]", name, f"{size / 2**30:,.2f}", f"{size / card.total:.1%}")
    table.add_section()
    table.add_row("", "all", f"{plan.card / 2**30:,.2f}", f"{plan.card / card.total:.1%}")
    ram = ", ".join(f"{name} {size / 2**30:,.1f}" for name, size in plan.host.items())
    rest = sum(plan.reserve.values())
    phases = ", ".join(f"{phase} {(sum(parts.values()) + rest) / 2**30:,.1f}" for phase, parts in plan.phases.items())
    lines: list[RenderableType] = [table, _Bar(plan, card), _verdict(plan, card), f"GiB by phase: {phases}"]
    return Group(*lines, f"RAM: {plan.ram / 2**30:,.1f} GiB ({ram})", *plan.notes)


@dataclass(frozen=True)
class _Bar:
    """The bar, drawn when the width of the terminal is known."""

    plan: MemoryPlan
    card: Card

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        yield memory_bar(self.plan, self.card, options.max_width)


def memory_bar(plan: MemoryPlan, card: Card, room: int = 2 * WIDTH) -> Text:
    """Each part in its colour and letter, dots what stays free, red what is beyond the card, to half a card and then …

    The card is WIDTH characters; fewer, where the line of `room` characters would not hold what is beyond it too.
    """
    from rich.text import Text

    beyond = max(plan.card - card.total, 0) / card.total
    widths = range(WIDTH, 1, -1)
    width = next((width for width in widths if width + 2 + min(round(width * beyond), width // 2) <= room), 1)
    bar, end, drawn = Text("│", no_wrap=True), 0, 0
    for letter, colour, (_, size) in _lettered(plan):
        end += size
        until = round(width * end / card.total)
        inside = max(min(until, width) - drawn, 0)
        bar.append(letter * inside, style=f"black on {colour}")
        drawn += inside
    bar.append("·" * (width - drawn), style="dim")
    bar.append("│")
    over, most = round(width * beyond), width // 2
    bar.append("!" * over if over <= most else "!" * (most - 1) + "…", style="white on red")
    return bar


def _peak(plan: MemoryPlan) -> str:
    """The phase with the peak, of a training step the moment too."""
    return f"{TRAINING}, {plan.peak_moment}" if plan.peak_phase == TRAINING else plan.peak_phase


def _lettered(plan: MemoryPlan) -> list[tuple[str, str, tuple[str, int]]]:
    parts = list(plan.parts.items())
    return [(LETTERS[n % len(LETTERS)], COLOURS[n % len(COLOURS)], part) for n, part in enumerate(parts)]


def _verdict(plan: MemoryPlan, card: Card) -> Text:
    from rich.text import Text

    free = card.total - plan.card
    if free < 0:
        return Text(f"{-free / 2**30:,.1f} GiB more than the card's {card.total / 2**30:,.1f}", style="red")
    return Text(f"fits: {free / 2**30:,.1f} GiB of the card's {card.total / 2**30:,.1f} stay free", style="green")

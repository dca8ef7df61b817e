"""The memory plan for a person: a table of its parts and a bar against the card."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tweetstyle.memory.card import Card
from tweetstyle.memory.plan import MemoryPlan

if TYPE_CHECKING:
    from rich.console import Group, RenderableType
    from rich.text import Text

COLOURS = ("blue", "cyan", "green", "magenta", "yellow", "bright_blue", "bright_cyan", "bright_green", "bright_magenta", "bright_yellow")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
WIDTH = 60
"""Characters of the bar that are the card."""


def memory_table(plan: MemoryPlan, card: Card) -> Group:
    """A table of what stands on the card at the peak, a bar of it against the card, the RAM, and what is not measured."""
    from rich.console import Group
    from rich.table import Table

    table = Table("", "on the card", "GiB", "share", title=f"memory, at its peak: {plan.peak_moment}", title_justify="left")
    for letter, colour, (name, size) in _lettered(plan):
        table.add_row(f"[{colour}]{letter}[/]", name, f"{size / 2**30:,.2f}", f"{size / card.total:.1%}")
    table.add_section()
    table.add_row("", "all", f"{plan.card / 2**30:,.2f}", f"{plan.card / card.total:.1%}")
    ram = ", ".join(f"{name} {size / 2**30:,.1f}" for name, size in plan.host.items())
    lines: list[RenderableType] = [table, memory_bar(plan, card), _verdict(plan, card)]
    return Group(*lines, f"RAM: {plan.ram / 2**30:,.1f} GiB ({ram})", *plan.notes)


def memory_bar(plan: MemoryPlan, card: Card) -> Text:
    """WIDTH characters are the card: each part in its colour and letter, dots what stays free, red what is beyond the card."""
    from rich.text import Text

    bar, end, drawn = Text("│"), 0, 0
    for letter, colour, (_, size) in _lettered(plan):
        end += size
        until = round(WIDTH * end / card.total)
        inside = max(min(until, WIDTH) - drawn, 0)
        bar.append(letter * inside, style=f"black on {colour}")
        drawn += inside
    bar.append("·" * (WIDTH - drawn), style="dim")
    bar.append("│")
    # Beyond half a card too much a longer bar tells nothing more, and would not fit a terminal's line.
    over = min(round(WIDTH * max(end - card.total, 0) / card.total), WIDTH // 2)
    bar.append("!" * over, style="white on red")
    return bar


def _lettered(plan: MemoryPlan) -> list[tuple[str, str, tuple[str, int]]]:
    parts = list(plan.parts.items())
    return [(LETTERS[n % len(LETTERS)], COLOURS[n % len(COLOURS)], part) for n, part in enumerate(parts)]


def _verdict(plan: MemoryPlan, card: Card) -> Text:
    from rich.text import Text

    free = card.total - plan.card
    if free < 0:
        return Text(f"{-free / 2**30:,.1f} GiB more than the card's {card.total / 2**30:,.1f}", style="red")
    return Text(f"fits: {free / 2**30:,.1f} GiB of the card's {card.total / 2**30:,.1f} stay free", style="green")

"""The plan as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tweetstyle.console import size
from tweetstyle.hardware.gpu import Card
from tweetstyle.model.base import BaseConfig
from tweetstyle.model.hub import how_to_complete
from tweetstyle.plan.estimate import ResourceEstimate
from tweetstyle.plan.memory import TRAINING, MemoryPlan, duration

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, Group, RenderableType
    from rich.table import Table
    from rich.text import Text

COLOURS = ("blue", "cyan", "green", "magenta", "yellow", "bright_blue", "bright_cyan", "bright_green", "bright_magenta", "bright_yellow")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
WIDTH = 60
"""Characters of the bar that are the card, at most."""


def needs_table(needs: ResourceEstimate) -> Group:
    """The whole plan of `tweetstyle plan`."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    head = f"{needs.name}: {needs.shape.parameters / 1e6:,.0f} M parameters, {needs.trained / 1e6:,.1f} M of them trained"
    lines = [Text(head, style="bold"), *(Text(line, style="yellow") for line in remarks(needs)), Text("")]
    if not needs.fits:
        for line in needs.advice.text.splitlines():
            indent = len(line) - len(line.lstrip())
            lines.append(Padding(Text(line.strip(), style="red"), (0, 0, 0, indent), expand=False))
    return Group(*lines, memory_table(needs.memory, needs.card), Text(""), further_table(needs))


def remarks(needs: ResourceEstimate) -> list[str]:
    """What of the base model is missing, and what card is meant."""
    base, found = needs.base, []
    if isinstance(base, BaseConfig) and base.known_as:
        found.append(f"{base.path} is not there yet: planned by the shape of {base.known_as}")
    elif isinstance(base, BaseConfig) and base.missing:
        found.append(f"{base.path} lacks {', '.join(base.missing)}: planned from config.json alone; {how_to_complete(base.path)}")
    if (reduced := needs.speed.reduced) is not None:
        parts = f"{reduced.per_device_train_batch_size} × gradient_accumulation_steps {reduced.gradient_accumulation_steps}"
        found.append(
            f"this run ran out of memory before: it continues with per_device_train_batch_size {parts}; planned with the recipe's own"
        )
    if needs.card.assumed:
        found.append(f"this machine has no card and none was named (--card): planned for {needs.card.name}, an assumption")
    elif not needs.card.seen:
        found.append(f"planned for {needs.card.name}, which is not in this machine")
    if needs.card.trouble:
        found.append(f"nvidia-smi finds no usable card here ({needs.card.trouble}): see tweetstyle doctor")
    return found


def further_table(needs: ResourceEstimate) -> Table:
    """What else would fit, RAM, disk and time, a line each."""
    from rich.table import Table

    table = Table("", "planned", title=str(needs.card), title_justify="left")
    for name, value in further_rows(needs).items():
        table.add_row(name, value)
    return table


def further_rows(needs: ResourceEstimate) -> dict[str, str]:
    """name → value, in words."""
    rows = {}
    if (largest := _largest(needs)) is not None:
        rows["the most that fits"] = largest
    if (probe := needs.speed.probe) is not None:
        planned = "" if probe.predicted_bytes is None else f", {size(probe.predicted_bytes)} were planned ({probe.error:+.1%})"
        rows["probe"] = f"{size(probe.peak_bytes)} at its peak on {probe.device}{planned}"
    for part, value in needs.ram.items():
        rows[f"RAM: {part}"] = f"{size(value)} of {size(needs.ram_there)}" + ("" if value <= needs.ram_there else ": too much")
    if needs.base_bytes:
        rows["disk: base model, there already"] = size(needs.base_bytes)
    rows |= {f"disk: {part}": size(value) for part, value in needs.disk.parts.items()}
    rows["disk: all"] = disk_in_words(needs)
    return rows | {"time": time_in_words(needs)}


def disk_in_words(needs: ResourceEstimate) -> str:
    """What may be written against what is free; and what is to be freed first."""
    short = f": too little, free {size(needs.disk.missing)} more" if needs.disk.missing else ""
    return f"at most {size(needs.disk.to_come)} more; {size(needs.disk.free)} are free{short}"


def _largest(needs: ResourceEstimate) -> str | None:
    largest = needs.advice.largest
    parts = [
        f"max_length {largest.max_length:,}" if largest.max_length else None,
        f"per_device_train_batch_size {largest.batch:,}" if largest.batch else None,
        f"r {largest.rank:,}" if largest.rank else None,
    ]
    options = [part for part in parts if part]
    return ", or ".join(options) + " (each by itself)" if options else None


def time_in_words(needs: ResourceEstimate) -> str:
    """Hours, or why there are none."""
    if needs.train_tokens is None:
        return f"tokens unknown, for there is no archive yet (--tweets N estimates them); speed {needs.speed.in_words()}"
    train_tokens = needs.train_tokens
    about = "" if train_tokens.counted else "about "
    tokens = f"{about}{train_tokens.tokens:,} tokens of {train_tokens.tweets:,} tweets"
    if needs.hours is None:
        return f"{tokens}; speed {needs.speed.in_words()}"
    return f"{about}{duration(needs.hours)} of training: {tokens} at {needs.speed.in_words()}"


def start_summary(needs: ResourceEstimate) -> str:
    """At the start of a run, a line each: the card's memory, RAM, disk, and the speed where a probe has measured it."""
    where = needs.card.name if needs.card.seen else f"no card here; on {needs.card.name}"
    fits = "" if needs.fits else ", which does not fit (tweetstyle plan says what to write instead)"
    lines = [f"memory    {where}: {size(needs.memory.card)} of {size(needs.card.total)}, by formula{fits}"]
    if needs.card.seen:
        part, most = max(needs.ram.items(), key=lambda item: item[1])
        lines.append(f"RAM       {size(most)} of {size(needs.ram_there)} ({part})")
    lines.append(f"disk      {disk_in_words(needs)}")
    if needs.speed.probe or needs.card.seen:
        lines.append(f"speed     {needs.speed.in_words()}")
    return "\n".join(lines)


def memory_table(plan: MemoryPlan, card: Card) -> Group:
    """A table of what is on the card at the peak of the run, a bar of it against the card, each phase's peak, the notes."""
    from rich.console import Group
    from rich.table import Table

    peak = f"{TRAINING}, {plan.peak_moment}" if plan.peak_phase == TRAINING else plan.peak_phase
    table = Table("", "on the card", "GiB", "share", title=f"memory at the peak of the run: {peak}", title_justify="left")
    for letter, colour, (name, count) in _lettered(plan):
        table.add_row(f"[{colour}]{letter}[/]", name, f"{count / 2**30:,.2f}", f"{count / card.total:.1%}")
    table.add_section()
    table.add_row("", "all", f"{plan.card / 2**30:,.2f}", f"{plan.card / card.total:.1%}")
    rest = sum(plan.reserve.values())
    phases = ", ".join(f"{phase} {(sum(parts.values()) + rest) / 2**30:,.1f}" for phase, parts in plan.phases.items())
    lines: list[RenderableType] = [table, _Bar(plan, card), _verdict(plan, card), f"GiB by phase: {phases}"]
    return Group(*lines, *plan.notes)


@dataclass(frozen=True)
class _Bar:
    """The bar, drawn when the width of the terminal is known."""

    plan: MemoryPlan
    card: Card

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        yield memory_bar(self.plan, self.card, options.max_width)


def memory_bar(plan: MemoryPlan, card: Card, room: int = 2 * WIDTH) -> Text:
    """Each part in its colour and letter, dots what stays free, red what is beyond the card, to half a card and then …

    The card is WIDTH characters, or two thirds of the line of `room` characters, so that half a card fits beside it.
    """
    from rich.text import Text

    width = max(min(WIDTH, (room - 2) * 2 // 3), 1)
    bar, end, drawn = Text("│", no_wrap=True), 0, 0
    for letter, colour, (_, count) in _lettered(plan):
        end += count
        inside = max(min(round(width * end / card.total), width) - drawn, 0)
        bar.append(letter * inside, style=f"black on {colour}")
        drawn += inside
    bar.append("·" * (width - drawn), style="dim")
    bar.append("│")
    over, most = round(width * max(plan.card - card.total, 0) / card.total), width // 2
    bar.append("!" * over if over <= most else "!" * (most - 1) + "…", style="white on red")
    return bar


def _lettered(plan: MemoryPlan) -> list[tuple[str, str, tuple[str, int]]]:
    """(letter, colour, (part, bytes)) of each part at the peak."""
    parts = list(plan.parts.items())
    return [(LETTERS[n % len(LETTERS)], COLOURS[n % len(COLOURS)], part) for n, part in enumerate(parts)]


def _verdict(plan: MemoryPlan, card: Card) -> Text:
    from rich.text import Text

    free = card.total - plan.card
    if free < 0:
        return Text(f"{-free / 2**30:,.1f} GiB more than the card's {card.total / 2**30:,.1f}", style="red")
    return Text(f"fits: {free / 2**30:,.1f} GiB of the card's {card.total / 2**30:,.1f} stay free", style="green")

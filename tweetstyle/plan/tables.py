"""The plan as tables for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tweetstyle.console import size
from tweetstyle.hardware.gpu import Card
from tweetstyle.model.base import BaseConfig
from tweetstyle.model.hub import how_to_complete
from tweetstyle.plan.estimate import ResourceEstimate
from tweetstyle.plan.memory import TRAINING, MemoryPlan, duration
from tweetstyle.plan.probe import in_words

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

COLOURS = 3 * ("blue", "cyan", "green", "magenta", "yellow", "bright_blue", "bright_cyan", "bright_green", "bright_magenta")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
WIDTH = 60
"""Characters of the bar that are the card."""


def needs_table(needs: ResourceEstimate) -> Group:
    """The whole plan of `tweetstyle plan`."""
    from rich.console import Group
    from rich.text import Text

    head = f"{needs.name}: {needs.shape.parameters / 1e6:,.0f} M parameters, {needs.trained / 1e6:,.1f} M of them trained"
    lines = [Text(head, style="bold"), *(Text(line, style="yellow") for line in remarks(needs)), Text("")]
    if not needs.fits:
        lines.append(Text(needs.advice.text, style="red"))
    return Group(*lines, memory_table(needs.memory, needs.card), Text(""), further_table(needs))


def remarks(needs: ResourceEstimate) -> list[str]:
    """What of the base model is missing, and what card is meant."""
    base, card, found = needs.base, needs.card, []
    if isinstance(base, BaseConfig) and base.known_as:
        found.append(f"{base.path} is not there yet: planned by the shape of {base.known_as}")
    elif isinstance(base, BaseConfig) and base.missing:
        found.append(f"{base.path} lacks {', '.join(base.missing)}: planned from config.json alone; {how_to_complete(base.path)}")
    if needs.speed.reduced is not None:
        found.append(f"this run ran out of memory before: it continues with {in_words(needs.speed.reduced)}; planned with the recipe's own")
    if card.assumed:
        found.append(f"this machine has no card and none was named (--card): planned for {card.name}, an assumption")
    elif not card.seen:
        found.append(f"planned for {card.name}, which is not in this machine")
    return found


def further_table(needs: ResourceEstimate) -> Table:
    """What else would fit, RAM, disk and time, a line each."""
    from rich.table import Table

    table, largest = Table("", "planned", title=str(needs.card), title_justify="left"), needs.advice.largest
    most = {"max_length": largest.max_length, "per_device_train_batch_size": largest.batch, "r": largest.rank}
    if options := ", or ".join(f"{name} {value:,}" for name, value in most.items() if value):
        table.add_row("the most that fits", f"{options} (each by itself)")
    if (probe := needs.speed.probe) is not None:
        peak, planned = probe.peak_bytes, probe.predicted_bytes
        beside = f", {size(planned)} were planned ({planned / peak - 1:+.1%})" if planned else ""
        table.add_row("probe", f"{size(peak)} at its peak on {probe.device}{beside}")
    for part, value in needs.ram.items():
        table.add_row(f"RAM: {part}", f"{size(value)} of {size(needs.ram_there)}" + ("" if value <= needs.ram_there else ": too much"))
    if needs.base_bytes:
        table.add_row("disk: base model, there already", size(needs.base_bytes))
    for part, value in needs.disk.parts.items():
        table.add_row(f"disk: {part}", size(value))
    table.add_row("disk: all", disk_in_words(needs))
    table.add_row("time", time_in_words(needs))
    return table


def disk_in_words(needs: ResourceEstimate) -> str:
    """What may be written against what is free; and what is to be freed first."""
    short = f": too little, free {size(needs.disk.missing)} more" if needs.disk.missing else ""
    return f"at most {size(needs.disk.to_come)} more; {size(needs.disk.free)} are free{short}"


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
    from rich.text import Text

    peak = f"{TRAINING}, {plan.peak_moment}" if plan.peak_phase == TRAINING else plan.peak_phase
    table = Table("", "on the card", "GiB", "share", title=f"memory at the peak of the run: {peak}", title_justify="left")
    for letter, colour, (name, count) in zip(LETTERS, COLOURS, plan.parts.items(), strict=False):
        table.add_row(f"[{colour}]{letter}[/]", name, f"{count / 2**30:,.2f}", f"{count / card.total:.1%}")
    table.add_section()
    table.add_row("", "all", f"{plan.card / 2**30:,.2f}", f"{plan.card / card.total:.1%}")
    rest, free = sum(plan.reserve.values()), (card.total - plan.card) / 2**30
    phases = ", ".join(f"{phase} {(sum(parts.values()) + rest) / 2**30:,.1f}" for phase, parts in plan.phases.items())
    fits = Text(f"fits: {free:,.1f} GiB of the card's {card.total / 2**30:,.1f} stay free", style="green")
    beyond = Text(f"{-free:,.1f} GiB more than the card's {card.total / 2**30:,.1f}", style="red")
    return Group(table, memory_bar(plan, card), fits if free >= 0 else beyond, f"GiB by phase: {phases}", *plan.notes)


def memory_bar(plan: MemoryPlan, card: Card) -> Text:
    """Each part in its colour and letter up to the card's end, dots what stays free."""
    from rich.text import Text

    bar, end, drawn = Text("│", no_wrap=True, overflow="crop"), 0, 0
    for letter, colour, count in zip(LETTERS, COLOURS, plan.parts.values(), strict=False):
        end += count
        inside = max(min(round(WIDTH * end / card.total), WIDTH) - drawn, 0)
        bar.append(letter * inside, style=f"black on {colour}")
        drawn += inside
    bar.append("·" * (WIDTH - drawn), style="dim")
    bar.append("│")
    return bar

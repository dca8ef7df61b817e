"""The plan as tables for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tweetstyle.console import percent, size
from tweetstyle.hardware.gpu import Card
from tweetstyle.inference.sampling_grid import GRID
from tweetstyle.locale import _, each_part, localised
from tweetstyle.model.base import BaseConfig
from tweetstyle.model.hub import how_to_complete
from tweetstyle.plan.estimate import ResourceEstimate
from tweetstyle.plan.memory import TRAINING, MemoryPlan, duration

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

COLOURS = 3 * ("blue", "cyan", "green", "magenta", "yellow", "bright_blue", "bright_cyan", "bright_green", "bright_magenta")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
WIDTH = 60
"""Characters of the bar that are the card."""


def plan_table(estimate: ResourceEstimate) -> Group:
    """The whole plan of `tweetstyle plan`."""
    from rich.console import Group
    from rich.text import Text

    millions = {"all": estimate.shape.parameters / 1e6, "trained": estimate.trained / 1e6}
    head = _("{name}: {all:,.0f} M parameters, {trained:,.1f} M of them trained", name=estimate.name, **millions)
    lines = [Text(head, style="bold"), *(Text(line, style="yellow") for line in remarks(estimate)), Text("")]
    if not estimate.fits:
        lines.append(Text(estimate.advice.text, style="red"))
    return Group(*lines, memory_table(estimate.memory, estimate.card), Text(""), further_table(estimate))


def remarks(estimate: ResourceEstimate) -> list[str]:
    """What of the base model is missing, and what card is meant."""
    base, card, found = estimate.base, estimate.card, []
    if isinstance(base, BaseConfig) and base.known_as:
        found.append(_("{path} is not there yet: planned with the sizes of {name}", path=base.path, name=base.known_as))
    elif isinstance(base, BaseConfig) and base.missing:
        missing, how = ", ".join(base.missing), how_to_complete(base.path)
        found.append(_("{path} lacks {files}: planned from config.json alone; {how}", path=base.path, files=missing, how=how))
    if card.assumed:
        found.append(_("no card in this machine and none named (--card): planned for {card}, an assumption", card=card.name))
    elif not card.seen:
        found.append(_("planned for {card}, which is not in this machine", card=card.name))
    return found


def further_table(estimate: ResourceEstimate) -> Table:
    """What else would fit, RAM, disk and time, a line each."""
    from rich.table import Table

    table, largest = Table("", _("planned"), title=str(estimate.card), title_justify="left"), estimate.advice.largest
    most = {"max_length": largest.max_length, "per_device_train_batch_size": largest.batch, "r": largest.rank}
    if options := [f"{name} {localised(f'{value:,}')}" for name, value in most.items() if value]:
        table.add_row(_("the most that fits"), _("{options} (each by itself)", options=_(", or ").join(options)))
    if (probe := estimate.speed.probe) is not None:
        table.add_row(_("probe"), probe.in_words())
    for part, value in estimate.ram.items():
        table.add_row(_("RAM: {part}", part=each_part(part)), _ram_in_words(value, estimate.ram_there))
    if estimate.base_bytes:
        table.add_row(_("disk: base model, there already"), size(estimate.base_bytes))
    for part, value in estimate.disk.parts.items():
        table.add_row(_("disk: {part}", part=each_part(part)), size(value))
    table.add_row(_("disk: all"), disk_in_words(estimate))
    if count := estimate.sampling_tweets:
        table.add_row("sampling: auto", _("{candidates} candidates write {count:,} tweets", candidates=len(GRID), count=count))
    table.add_row(_("time"), time_in_words(estimate))
    return table


def _ram_in_words(needed: int, there: int) -> str:
    if needed > there:
        return _("{needed} of {there}: too much", needed=size(needed), there=size(there))
    return _("{needed} of {there}", needed=size(needed), there=size(there))


def disk_in_words(estimate: ResourceEstimate) -> str:
    """What may be written against what is free; and what is to be freed first."""
    values = {"to_come": size(estimate.disk.to_come), "free": size(estimate.disk.free)}
    if missing := estimate.disk.missing:
        return _("at most {to_come} more; {free} are free: too little, free {missing} more", missing=size(missing), **values)
    return _("at most {to_come} more; {free} are free", **values)


def time_in_words(estimate: ResourceEstimate) -> str:
    """Hours, or why there are none."""
    speed = estimate.speed.text
    if estimate.train_tokens is None:
        return _("tokens unknown without an archive (--tweets N estimates them); speed {speed}", speed=speed)
    values = {"tokens": estimate.train_tokens.tokens, "tweets": estimate.train_tokens.tweets}
    exact = estimate.train_tokens.counted
    tokens = _("{tokens:,} tokens of {tweets:,} tweets", **values) if exact else _("some {tokens:,} tokens of {tweets:,} tweets", **values)
    if estimate.hours is None:
        return _("{tokens}; speed {speed}", tokens=tokens, speed=speed)
    return _("about {duration} of training: {tokens} at {speed}", duration=duration(estimate.hours), tokens=tokens, speed=speed)


def start_summary(estimate: ResourceEstimate) -> str:
    """At the start of a run, a line each: memory and RAM where there is a card, disk, and the speed where a probe has measured it."""
    rows = {}
    if estimate.card.seen:
        values = {"card": estimate.card.name, "needed": size(estimate.memory.card), "there": size(estimate.card.total)}
        memory = _("{card}: {needed} of {there}, calculated", **values)
        rows[_("memory")] = (
            memory if estimate.fits else _("{memory}, which does not fit (tweetstyle plan says what to change)", memory=memory)
        )
        part, most = max(estimate.ram.items(), key=lambda item: item[1])
        rows[_("RAM")] = _("{needed} of {there} ({part})", needed=size(most), there=size(estimate.ram_there), part=each_part(part))
    rows[_("disk")] = disk_in_words(estimate)
    if estimate.speed.probe or estimate.card.seen:
        rows[_("speed")] = estimate.speed.text
    return "\n".join(f"{name:<9} {text}" for name, text in rows.items())


def memory_table(plan: MemoryPlan, card: Card) -> Group:
    """A table of what is on the card at the peak of the run, a bar of it against the card, each phase's peak, the notes."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    peak = f"{TRAINING}, {plan.peak_moment}" if plan.peak_phase == TRAINING else plan.peak_phase
    title = _("memory at the peak of the run: {phase}", phase=each_part(peak))
    table = Table("", _("on the card"), _("GiB"), _("share"), title=title, title_justify="left")
    for letter, colour, (name, count) in zip(LETTERS, COLOURS, plan.parts.items(), strict=False):
        table.add_row(f"[{colour}]{letter}[/]", each_part(name), _gib(count, 2), percent(count / card.total))
    table.add_section()
    table.add_row("", _("all"), _gib(plan.card, 2), percent(plan.card / card.total))
    rest, free, total = sum(plan.reserve.values()), card.total - plan.card, size(card.total)
    phases = ", ".join(f"{_(phase)} {_gib(sum(parts.values()) + rest)}" for phase, parts in plan.phases.items())
    fits = Text(_("fits: {free} of the card's {total} stay free", free=size(free), total=total), style="green")
    beyond = Text(_("{more} more than the card's {total}", more=size(-free), total=total), style="red")
    return Group(table, memory_bar(plan, card), fits if free >= 0 else beyond, _("GiB by phase: {phases}", phases=phases), *plan.notes)


def _gib(count: int, digits: int = 1) -> str:
    return localised(f"{count / 2**30:,.{digits}f}")


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

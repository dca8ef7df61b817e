"""Tables for the terminal: an evaluation, what the models wrote, runs side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tweetstyle.evaluate.habits import name_and_example
from tweetstyle.statistics.effect import SMALLEST_GAIN, Effect, effect

if TYPE_CHECKING:
    from rich.table import Table

    from tweetstyle.evaluate import Evaluated
    from tweetstyle.evaluate.compare import ComparedRun
    from tweetstyle.evaluate.conversation import Relevance
    from tweetstyle.evaluate.scoring import SplitResult
    from tweetstyle.evaluate.style import Obedience, Style
    from tweetstyle.statistics.intervals import Interval

EFFECTS = {Effect.MORE: "better", Effect.LESS: "worse", Effect.NONE: "same", Effect.UNKNOWN: "unclear"}
"""Of a run against the first one."""


def evaluation_table(evaluated: Evaluated, begins: bool = False) -> Table:
    """Base against tuned for each split, the gain with its interval, also over the best baseline; relevance; the warnings beneath.

    Args:
        begins: whether prompts hold a tweet's first words in the place of its topic.
    """
    level = next(iter(evaluated.splits.values())).gain.confidence
    topic = "its first words" if begins else "a topic"
    prompts = "given the messages that they answer" if evaluated.conversation else f"each prompted without {topic}"
    drawn = _table(f"Held-out tweets, {prompts}", "", "base", "tuned", f"gain ({level:.0%} interval)")
    for name, split in evaluated.splits.items():
        _add_split(drawn, name, split, "with its first words, that come again" if begins else "with the tweet's topic")
    if evaluated.specificity:
        drawn.add_row(f"other people's tweets: {evaluated.specificity.tweets}", style="bold")
        drawn.add_row("  gain on them", "", "", _bits(evaluated.specificity.others))
    if evaluated.conversation and (relevance := evaluated.conversation.relevance):
        _add_shares(drawn, f"likeliest after its own of five messages: {relevance.tweets} test tweets", relevance)
    if evaluated.conversation and evaluated.style and (words := evaluated.style.obedience.get("key words")):
        _add_shares(drawn, "a word of the message comes back in what is written", words)
    return _with_caption(drawn, map(str, evaluated.warnings))


def style_table(style: Style, answers: bool = False) -> Table:
    """What the models wrote, against real tweets: distance and habits. answers: to messages, with the instruction baseline."""
    sides = ["real", *style.to]
    names = {
        "floor": "real, earlier",
        "examples": "base, told and shown your answers" if answers else "base, shown tweets",
        "tuned": "tuned, GGUF" if style.source == "gguf" else "tuned",
    }
    title = f"{style.samples} {'answers' if answers else 'tweets'} written by each model"
    drawn = _table(title, "", *(names.get(side, side) for side in sides))
    areas = (f"{d.auc.estimate:.2f}" if d else "?" for d in style.to.values())
    drawn.add_row("told from real (0.50: cannot be)", "", *areas)
    for habit in style.habits:
        drawn.add_row(name_and_example(habit.kind, habit.name, habit.example), *(f"{habit.shares[side].estimate:.0%}" for side in sides))
    return _with_caption(drawn, map(str, style.notes))


def comparison_table(compared: Sequence[ComparedRun]) -> Table:
    """A row a run; beneath it what each run's own evaluation says of it."""
    title = f"{compared[0].tweets:,} test tweets that every run was scored on, without a topic or first words"
    drawn = _table(title, "run", "base", "tuned", "bits per byte fewer than the first", "result", "gap closed", "copied")
    for one in compared:
        better = EFFECTS[effect(one.better, SMALLEST_GAIN)] if one.better else "–"
        shares = (_in_words(found, ".0%") for found in (one.gap_closed, one.copied))
        drawn.add_row(one.run, f"{one.base:.3f}", f"{one.bits_per_byte:.3f}", _bits(one.better), better, *shares)
    meaning = f"same: less than {SMALLEST_GAIN} bits per byte apart; unclear: too few tweets to tell"
    drawn.caption = "\n".join([*(f"{one.run}: {one.answer}" for one in compared if one.answer), meaning])
    return drawn


def _table(title: str, first: str, *columns: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    drawn = Table(title=title, title_justify="left", caption_justify="left", box=SIMPLE_HEAD)
    drawn.add_column(first)
    for column in columns:
        drawn.add_column(column, justify="left" if column == "result" else "right")
    return drawn


def _with_caption(drawn: Table, notes: Iterable[str]) -> Table:
    drawn.caption, drawn.caption_style = "\n".join(notes) or None, "yellow"
    return drawn


def _add_split(drawn: Table, name: str, split: SplitResult, topic: str) -> None:
    drawn.add_row(f"{name}: {split.tweets:,} tweets, {split.gain.clusters:,} days", style="bold")
    both = split.base, split.tuned
    drawn.add_row("  bits per byte", *(f"{found.bits_per_byte:.3f}" for found in both), _bits(split.gain))
    drawn.add_row("  perplexity per token", *(f"{found.perplexity:.1f}" for found in both), "")
    for baseline, found in split.baselines.items():
        drawn.add_row(f"  {baseline}", f"{found.bits_per_byte:.3f}", "", _bits(split.over_best) if baseline == split.best else "")
    if split.with_topic:
        drawn.add_row(f"  {topic}", *(f"{found.bits_per_byte:.3f}" for found in split.with_topic.values()), "")


def _add_shares(drawn: Table, heading: str, found: Relevance | Obedience) -> None:
    low, high = found.difference.low, found.difference.high
    ends = "" if low is None or high is None else f" ({100 * low:+.0f} to {100 * high:+.0f})"
    drawn.add_row(heading, style="bold")
    shares = (f"{share.estimate:.0%}" for share in (found.base, found.tuned))
    drawn.add_row(f"  share ({found.chance:.0%} by chance)", *shares, f"{100 * found.difference.estimate:+.0f} points{ends}")


def _bits(gain: Interval | None) -> str:
    return _in_words(gain, "+.3f")


def _in_words(interval: Interval | None, form: str) -> str:
    if interval is None:
        return "–"
    ends = "" if interval.low is None else f" ({interval.low:{form}} to {interval.high:{form}})"
    return f"{interval.estimate:{form}}{ends}"

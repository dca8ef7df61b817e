"""evaluation.json: figures by split, warnings, and tables for the terminal."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tweetstyle.evaluate.adherence import Specificity
from tweetstyle.evaluate.conversation import ConversationResult
from tweetstyle.evaluate.habits import name_and_example
from tweetstyle.evaluate.style import Style
from tweetstyle.statistics.effect import SMALLEST_GAIN, Effect, effect
from tweetstyle.statistics.intervals import Interval
from tweetstyle.wording.words import Note

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class Likelihood:
    """nats: summed over all scored tokens; bits_per_byte: of the tweets' UTF-8 text; perplexity: per token."""

    nats: float
    bits_per_byte: float
    perplexity: float


@dataclass(frozen=True)
class SplitResult:
    """tweets, tokens (end tokens included), bytes: what was scored; too_long: tweets left out because the model cannot hold them.

    gain: bits per byte of the base minus those of the tuned model on the same tweets; above 0 the tuning helped.
    baselines: what else the tuned model is compared with, in the order of the table, its name in words; best: the name of that which
    predicts the validation tweets best; over_best: the gain over it. with_topic: "base" and "tuned" where the prompt names the tweet's
    topic, which was taken from the tweet and gives a part of it away; None where prompts have no topic.
    """

    tweets: int
    tokens: int
    bytes: int
    too_long: int
    base: Likelihood
    tuned: Likelihood
    gain: Interval
    baselines: dict[str, Likelihood]
    best: str
    over_best: Interval
    with_topic: dict[str, Likelihood] | None


@dataclass(frozen=True)
class Sample:
    """One prompt of a test tweet: what the author wrote, and the models. examples: the base model shown tweets, None where that is none."""

    topic: str | None
    type: str
    real: str
    base: str
    examples: str | None
    tuned: str


@dataclass(frozen=True)
class Evaluated:
    """splits: "validation" and "test". The checkpoint was chosen on validation, so test is the one to believe.

    specificity: None where it was not measured; style: None where no tweets were written; samples: some of them, drawn by lot;
    conversation: None for a model that writes tweets and answers no messages.
    """

    splits: dict[str, SplitResult]
    warnings: list[Note]
    specificity: Specificity | None = None
    style: Style | None = None
    samples: list[Sample] = field(default_factory=list)
    conversation: ConversationResult | None = None


def figures(nats: np.ndarray, tokens: int, bytes: int) -> Likelihood:
    """nats / (ln 2 · bytes) compares models of any tokenizer; exp(nats / tokens) only those of the same."""
    total = float(nats.sum())
    return Likelihood(total, total / (math.log(2) * bytes), math.exp(total / tokens))


def warnings(splits: dict[str, SplitResult], validation_curve: list[tuple[int, float]]) -> list[Note]:
    """What a person should know before believing the figures. validation_curve: (step, bits per byte) as training went.

    No training tweets are scored for this: every tuned model knows those better, and that gap alone says nothing about new
    tweets. Overfitting is reported where it does harm: held-out tweets that the tuned model predicts worse than the base does,
    or worse again than it did earlier in the run.
    """
    said = []
    for name, split in splits.items():
        said += _on_split(name, split)
    if validation_curve:
        best_step, best = min(validation_curve, key=lambda point: point[1])
        last_step, last = validation_curve[-1]
        if last > 1.01 * best:
            said.append(Note("overfitting", {"best_step": best_step, "best": best, "last": last, "last_step": last_step}))
    return said


def _on_split(name: str, split: SplitResult) -> list[Note]:
    gain, days = split.gain, {"split": name, "days": split.gain.clusters}
    said, learned = [], effect(gain, SMALLEST_GAIN)
    if gain.low is None:
        said.append(Note("few_days", days))
    elif learned is Effect.LESS:
        said.append(Note("worse", {"split": name}))
    elif learned is Effect.NONE:
        said.append(Note("no_better", {"split": name}))
    elif learned is Effect.UNKNOWN:
        said.append(Note("unknown", {"split": name, "tweets": split.tweets}))
    elif effect(split.over_best, SMALLEST_GAIN) is Effect.LESS:
        said.append(Note("below_best", {"split": name, "baseline": split.best}))
    if gain.low is not None and gain.may_be_too_narrow:
        said.append(Note("narrow", days))
    if split.too_long:
        said.append(Note("too_long", {"split": name, "tweets": split.too_long}))
    return said


def table(evaluated: Evaluated, begins: bool = False) -> Table:
    """Base against tuned for each split, the gain with its interval, also over the best baseline; relevance; the warnings beneath.

    begins: prompts hold a tweet's first words in the place of its topic.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    level = next(iter(evaluated.splits.values())).gain.confidence
    topic = "its first words" if begins else "a topic"
    prompts = "given the messages that they answer" if evaluated.conversation else f"each prompted without {topic}"
    drawn = Table(title=f"Held-out tweets, {prompts}", title_justify="left", caption_justify="left", box=SIMPLE_HEAD)
    drawn.add_column("")
    for column in ("base", "tuned", f"gain ({level:.0%} interval)"):
        drawn.add_column(column, justify="right")
    for name, split in evaluated.splits.items():
        drawn.add_row(f"{name}: {split.tweets:,} tweets, {split.gain.clusters:,} days", style="bold")
        drawn.add_row("  bits per byte", *(f"{m.bits_per_byte:.3f}" for m in (split.base, split.tuned)), _in_words(split.gain))
        drawn.add_row("  perplexity per token", *(f"{m.perplexity:.1f}" for m in (split.base, split.tuned)), "")
        for baseline, likelihood in split.baselines.items():
            best = baseline == split.best
            drawn.add_row(f"  {baseline}", f"{likelihood.bits_per_byte:.3f}", "", _in_words(split.over_best) if best else "")
        if split.with_topic:
            name = "with its first words, that come again" if begins else "with the tweet's topic"
            drawn.add_row(f"  {name}", *(f"{m.bits_per_byte:.3f}" for m in split.with_topic.values()), "")
    if evaluated.specificity:
        drawn.add_row(f"other people's tweets: {evaluated.specificity.tweets}", style="bold")
        drawn.add_row("  gain on them", "", "", _in_words(evaluated.specificity.others))
    if evaluated.conversation and (relevance := evaluated.conversation.relevance):
        drawn.add_row(f"likeliest after its own of five messages: {relevance.tweets} test tweets", style="bold")
        shares = (f"{share.estimate:.0%}" for share in (relevance.base, relevance.tuned))
        drawn.add_row(f"  share ({relevance.chance:.0%} by chance)", *shares, _in_points(relevance.difference))
    words = evaluated.style.obedience.get("key words") if evaluated.conversation and evaluated.style else None
    if words:
        drawn.add_row("a word of the message comes back in what is written", style="bold")
        shares = (f"{share.estimate:.0%}" for share in (words.base, words.tuned))
        drawn.add_row(f"  share ({words.chance:.0%} by chance)", *shares, _in_points(words.difference))
    if evaluated.warnings:
        drawn.caption, drawn.caption_style = "\n".join(map(str, evaluated.warnings)), "yellow"
    return drawn


def style_table(style: Style, answers: bool = False) -> Table:
    """What the models wrote, against real tweets: distance and habits. answers: to messages, with the instruction baseline."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    drawn = Table(
        title=f"{style.samples} {'answers' if answers else 'tweets'} written by each model",
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
    )
    sides = ["real", *style.to]
    names = {
        "floor": "real, earlier",
        "examples": "base, told and shown your answers" if answers else "base, shown tweets",
        "tuned": "tuned, GGUF" if style.source == "gguf" else "tuned",
    }
    drawn.add_column("")
    for side in sides:
        drawn.add_column(names.get(side, side), justify="right")
    areas = {side: f"{d.auc.estimate:.2f}" if d else "?" for side, d in style.to.items()}
    drawn.add_row("told from real (0.50: cannot be)", "", *areas.values())
    for habit in style.habits:
        drawn.add_row(name_and_example(habit.kind, habit.name, habit.example), *(f"{habit.shares[side].estimate:.0%}" for side in sides))
    if style.notes:
        drawn.caption, drawn.caption_style = "\n".join(map(str, style.notes)), "yellow"
    return drawn


def _in_words(gain: Interval) -> str:
    return f"{gain.estimate:+.3f}" + ("" if gain.low is None else f" ({gain.low:+.3f} to {gain.high:+.3f})")


def _in_points(difference: Interval) -> str:
    ends = "" if difference.low is None else f" ({100 * difference.low:+.0f} to {100 * difference.high:+.0f})"
    return f"{100 * difference.estimate:+.0f} points{ends}"

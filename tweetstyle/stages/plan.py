"""The dry run: the plan of a run, from data prepared in a temporary directory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tweetstyle.console import Lines
from tweetstyle.dataset.threads import Message, is_answerable, messages_path, write_messages
from tweetstyle.errors import TweetstyleError
from tweetstyle.model.base import BaseModel, read_base_config
from tweetstyle.plan.disk import ExistingOutputs, refuse_too_small_a_disk
from tweetstyle.plan.estimate import (
    ResourceEstimate,
    TrainingTokens,
    card_for,
    estimate_resources,
    estimate_training_tokens,
    refuse_beyond_positions,
    refuse_method,
)
from tweetstyle.plan.schedule import as_rate, unusual_rate
from tweetstyle.plan.tables import needs_table
from tweetstyle.prompt.template import Template
from tweetstyle.recipe import Recipe
from tweetstyle.records import read_split
from tweetstyle.sources import open_archive

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from tweetstyle.train.inputs import FitPlan


FEW_PAIRS = 300
"""Fewer answers than this give a warning. A judgement, not a measurement: the "some hundreds" of docs/conversation.md."""
STAND_IN = "et toi, qu'est-ce que tu penses de tout ça aujourd'hui ?"
"""In a plan, the message of a tweet that has none yet."""


def check_before_start(recipe: Recipe, base: BaseModel, template: Template) -> None:
    """Refuses, before a minute is spent, what would fail after the training: an export that cannot be, packs beyond the model."""
    from tweetstyle.export import check_exportable
    from tweetstyle.export.modelfile import check_context

    run, weights = recipe.run_directory.resolve(), base.path.resolve()
    if run == weights or run in weights.parents or weights in run.parents:
        what = f"the run would be written to {recipe.run_directory}, where the base model is"
        raise TweetstyleError(what, where="model.base", hint="give the recipe's file another name: the run is named after it")
    others = recipe.evaluation.others
    if others and not others.exists():
        hint = "write the path of other people's tweets, or leave it out"
        raise TweetstyleError("there is no such file", where=f"evaluation.others: {others}", hint=hint)
    refuse_method(base.config, recipe.model.method)
    check_exportable(base, template)
    base.tokenizer.check_turns(template)
    check_context(template, base.tokenizer, recipe.export.num_ctx)
    refuse_beyond_positions(recipe, base.max_positions)


def schedule_warnings(fit: FitPlan, *, answers: bool = False) -> list[str]:
    """What in the recipe does not suit this amount of data, in words. answers: what trains are pairs of message and tweet."""
    warnings = []
    if answers and fit.tweets < FEW_PAIRS:
        what = f"few pairs: {fit.tweets:,} of a message and your tweet are too few to teach a tone (some hundreds do)"
        warnings.append(f"{what}; the model would answer much as it did before. message: topic learns from every tweet")
    if fit.schedule.changes:
        warnings.append(f"schedule: {fit.schedule.in_words}")
    return [*warnings, fit.schedule.remark] if fit.schedule.remark else warnings


def plan(
    recipe: Recipe, line_template: Template, model: Callable[[], tuple[BaseModel, Template]], existing: Callable[[], ExistingOutputs]
) -> RenderableType:
    """The plan as tables. Prepares the data in a temporary directory, because only that shows what is kept.

    Raises TweetstyleError for what `check_before_start` refuses, for a disk too small, and where the base model is not whole, after
    showing what it needs.
    """
    from rich.console import Console, Group

    from tweetstyle.prepare import prepare
    from tweetstyle.prepare.report import funnel
    from tweetstyle.train import plan_fit

    console, card = Console(), card_for(recipe)
    with tempfile.TemporaryDirectory(prefix="tweetstyle-plan-") as temporary:
        prepared = prepare(recipe.data, recipe.prompt, line_template, Path(temporary))
        console.print(funnel(prepared))
        outline = read_base_config(recipe.model.base)
        refuse_method(outline.config, recipe.model.method)
        refuse_beyond_positions(recipe, outline.config["max_position_embeddings"])
        if not outline.whole:
            console.print(needs_table(estimate_resources(recipe, outline, card, estimate_training_tokens(recipe, prepared.kept))))
        base, template = model()
        train = Path(temporary) / f"{recipe.training.split}.jsonl"
        if template.turns:
            console.print(messages_for_plan(recipe, train))
        fit = plan_fit(base, template, recipe.model, recipe.training, train)
    check_before_start(recipe, base, template)
    refuse_too_small_a_disk(recipe, base, outputs := existing())
    needs = estimate_resources(recipe, base, card, TrainingTokens(fit.tweets, round(fit.tokens * fit.epochs), counted=True), outputs)
    base_model = Lines(f"base model: {needs.base.path} ({needs.shape.parameters / 1e6:,.1f} M parameters)")
    written = ", ".join(f"{path}/" for path in (recipe.data.processed, recipe.run_directory, recipe.export_directory))
    schedule = _schedule(recipe, needs, fit, (prepared.read, prepared.kept))
    return Group("", base_model, schedule, Lines(f"writes into {written}"), "", needs_table(needs))


def messages_for_plan(recipe: Recipe, train: Path) -> str:
    """Puts messages beside a split's file, and says which: the existing ones, or if there are none, placeholders of the usual length."""
    existing, planned = (messages_path(directory, train.stem) for directory in (recipe.data.processed, train.parent))
    if existing.is_file():
        shutil.copyfile(existing, planned)
        return f"messages: those of {existing}"
    tweets = [tweet for tweet in read_split(train) if is_answerable(tweet)][: recipe.playback.train_tweets]
    write_messages(planned, [Message(tweet.id, STAND_IN, "question") for tweet in tweets])
    return f"messages: not written yet; planned for {len(tweets):,} tweets, with messages of {len(STAND_IN.split())} words"


def _schedule(recipe: Recipe, needs: ResourceEstimate, fit: FitPlan, tweets: tuple[int, int]) -> Table:
    """What is done with the data. tweets: read, kept."""
    from rich.table import Table

    training = fit.schedule.training

    table = Table("", "planned", title=f"plan of {recipe.name}", title_justify="left")
    rows = {
        "method": f"{recipe.model.method}, {needs.trained / 1e6:,.1f} M parameters trained",
        "tweets": f"{tweets[0]:,} read, {tweets[1]:,} kept, {fit.tweets:,} trained on",
        "packs": f"{fit.packs:,} of at most {training.max_length:,} tokens, {fit.fill:.0%} full",
        "tokens": f"{fit.tokens:,} in one epoch" + (f"; {fit.cut:,} tweets cut at max_length" if fit.cut else ""),
        "steps": f"{fit.steps:,} ({fit.epochs:g} epochs; {fit.steps_per_epoch:,} in each), {fit.schedule.steps.warmup:,} of them warm-up",
        "learning rate": as_rate(training.learning_rate),
        "validations": f"one before training, then every {training.eval_steps} steps, and at the end",
        "checkpoints": f"{fit.checkpoints:,}, of which at most {training.save_total_limit} are kept",
    }
    warnings = schedule_warnings(fit, answers=recipe.prompt.message == "playback")
    if unusual := unusual_rate(training.learning_rate, recipe.model.method, needs.base.config["hidden_size"]):
        warnings.append(unusual)
    for warning in warnings:
        about, _, said = warning.partition(": ")
        rows[f"warning: {about}"] = said
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def training_tokens(
    recipe: Recipe, base: Callable[[], tuple[BaseModel, Template]], prepared: bool, tweets: int | None
) -> TrainingTokens | None:
    """What is learned from, as well as it is known. tweets: how many are kept, said by the caller and then only estimated.

    prepared: the splits exist and are up to date, so that `base`'s tokenizer can count them. None without an archive.
    """
    from tweetstyle.train import plan_fit

    if tweets is None and prepared:
        fit = plan_fit(*base(), recipe.model, recipe.training, recipe.data.processed / f"{recipe.training.split}.jsonl")
        return TrainingTokens(fit.tweets, round(fit.tokens * fit.epochs), counted=True)
    if tweets is None and all(path.exists() for path in recipe.data.source):
        archive = open_archive(recipe.data.source, recipe.data.separator)
        tweets = sum(not tweet.reason for tweet in archive.tweets())
    return None if tweets is None else estimate_training_tokens(recipe, tweets)

"""The plan of a run: by its recipe, or as a dry run that prepares the data too."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tweetstyle.console import as_rate, rich_console
from tweetstyle.dataset.threads import Message, is_answerable, messages_path, write_messages
from tweetstyle.hardware.disk import require_free_space
from tweetstyle.locale import _, _n
from tweetstyle.model.base import BaseConfig, read_base_config
from tweetstyle.plan.disk import NO_OUTPUTS, disk_uses, written_to
from tweetstyle.plan.estimate import (
    ResourceEstimate,
    TrainingTokens,
    card_for,
    estimate_resources,
    estimate_training_tokens,
    refuse_beyond_positions,
    refuse_method,
)
from tweetstyle.plan.probe import no_speed
from tweetstyle.plan.schedule import unusual_rate
from tweetstyle.plan.tables import plan_table
from tweetstyle.recipe import Recipe
from tweetstyle.recipe_yaml import located
from tweetstyle.records import read_split
from tweetstyle.sources import open_archive
from tweetstyle.stages import existing_outputs, ready_to_fit
from tweetstyle.stages.checks import check_before_start
from tweetstyle.stages.fit import fit_inputs, schedule_warnings

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from tweetstyle.run import Run
    from tweetstyle.train.inputs import FitPlan

STAND_IN = "et toi, qu'est-ce que tu penses de tout ça aujourd'hui ?"
"""In a plan, the message of a tweet that has none yet: only its length counts, so it is in one language."""


def estimate_run(run: Run, card_gib: float | None, tweets: int | None) -> ResourceEstimate:
    """What the run takes. card_gib: of another card than the one that is here; tweets: of another number than the archive's."""
    with located(run.path):
        recipe, base = run.recipe, _base_config(run)
        has_archive = all(source.exists() for source in recipe.data.source)
        is_prepared = base.whole and tweets is None and has_archive and run.split("train").is_file() and ready_to_fit(run)
        tokens = None
        if is_prepared:
            tokens = _tokens(_fit_plan(run, recipe.data.processed))
        elif tweets or has_archive:
            archive = open_archive(recipe.data.source, recipe.data.separator, author=recipe.data.author) if tweets is None else None
            tokens = estimate_training_tokens(recipe, tweets or sum(not tweet.reason for tweet in archive.tweets()))
        existing = existing_outputs(run) if is_prepared else NO_OUTPUTS
        found = estimate_resources(recipe, base, card_for(recipe, card_gib), tokens, existing)
    return found if card_gib is None else replace(found, speed=no_speed(_("a probe measures only the card in this machine")))


def plan(run: Run) -> RenderableType:
    """The plan as tables. Prepares the data in a temporary directory, because only that shows what is kept.

    Raises TweetstyleError for what `check_before_start` refuses, for a disk too small, and where the base model is not whole, after
    showing what it needs.
    """
    from rich.console import Group
    from rich.text import Text

    from tweetstyle.prepare import prepare
    from tweetstyle.prepare.report import funnel

    console, recipe = rich_console(), run.recipe
    with tempfile.TemporaryDirectory(prefix="tweetstyle-plan-") as temporary:
        prepared = prepare(recipe.data, recipe.prompt, run.line_template, Path(temporary))
        console.print(funnel(prepared))
        base = _base_config(run)
        if not base.whole:
            tokens = estimate_training_tokens(recipe, prepared.kept)
            console.print(plan_table(estimate_resources(recipe, base, run.card, tokens)))
        if run.template.turns:
            console.print(messages_for_plan(recipe, Path(temporary) / f"{recipe.training.split}.jsonl"))
        fit = _fit_plan(run, Path(temporary))
    check_before_start(run)
    existing = existing_outputs(run)
    require_free_space(disk_uses(recipe, run.base, existing), written_to(recipe))
    estimate = estimate_resources(recipe, run.base, run.card, _tokens(fit), existing)
    millions = estimate.shape.parameters / 1e6
    base_model = Text(_("base model: {path} ({millions:,.1f} M parameters)", path=estimate.base.path, millions=millions))
    written = ", ".join(f"{path}/" for path in (recipe.data.processed, recipe.run_directory, recipe.export_directory))
    schedule = _schedule(recipe, estimate, fit, (prepared.read, prepared.kept))
    return Group("", base_model, schedule, Text(_("writes into {directories}", directories=written)), "", plan_table(estimate))


def _base_config(run: Run) -> BaseConfig:
    """The base model by its config.json. Raises TweetstyleError where the recipe does not go with it."""
    base = read_base_config(run.recipe.model.base)
    refuse_method(base.config, run.recipe.model.method)
    refuse_beyond_positions(run.recipe, base.config["max_position_embeddings"])
    return base


def _fit_plan(run: Run, processed: Path) -> FitPlan:
    from tweetstyle.train import plan_fit

    train = processed / f"{run.recipe.training.split}.jsonl"
    return plan_fit(fit_inputs(run, train, train))


def _tokens(fit: FitPlan) -> TrainingTokens:
    return TrainingTokens(fit.tweets, round(fit.tokens * fit.epochs), counted=True)


def messages_for_plan(recipe: Recipe, train: Path) -> str:
    """Puts messages beside a split's file, and says which: the existing ones, or if there are none, placeholders of the usual length."""
    existing, planned = (messages_path(directory, train.stem) for directory in (recipe.data.processed, train.parent))
    if existing.is_file():
        shutil.copyfile(existing, planned)
        return _("messages: those of {file}", file=existing)
    tweets = [tweet for tweet in read_split(train) if is_answerable(tweet)][: recipe.playback.train_tweets]
    write_messages(planned, [Message(tweet.id, STAND_IN, "question") for tweet in tweets])
    words = len(STAND_IN.split())
    return _("messages: not written yet; planned for {count:,} tweets, with messages of {words} words", count=len(tweets), words=words)


def _schedule(recipe: Recipe, estimate: ResourceEstimate, fit: FitPlan, tweets: tuple[int, int]) -> Table:
    """What is done with the data. tweets: read, kept."""
    from rich.table import Table

    table = Table("", _("planned"), title=_("plan of {name}", name=recipe.name), title_justify="left")
    warnings = schedule_warnings(fit, answers=recipe.prompt.message == "playback")
    if unusual := unusual_rate(recipe.training.learning_rate, recipe.model.method, estimate.base.config["hidden_size"]):
        warnings["learning_rate"] = unusual
    rows = _schedule_rows(recipe, estimate, fit, tweets) | {
        _("warning: {about}", about=about): warning for about, warning in warnings.items()
    }
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _schedule_rows(recipe: Recipe, estimate: ResourceEstimate, fit: FitPlan, tweets: tuple[int, int]) -> dict[str, str]:
    training, steps, (read, kept) = fit.schedule.training, fit.steps, tweets
    full = fit.tokens / (steps.packs * training.max_length)
    tokens = _("{tokens:,} in one epoch", tokens=fit.tokens)
    if fit.cut:
        cut = _n("{count:,} tweet cut at max_length", "{count:,} tweets cut at max_length", fit.cut)
        tokens = _("{tokens}; {cut}", tokens=tokens, cut=cut)
    return {
        _("method"): _("{method}, {millions:,.1f} M parameters trained", method=recipe.model.method, millions=estimate.trained / 1e6),
        _("tweets"): _("{read:,} read, {kept:,} kept, {trained:,} trained on", read=read, kept=kept, trained=fit.tweets),
        _("packs"): _("{packs:,} of at most {tokens:,} tokens, {full:.0%} full", packs=steps.packs, tokens=training.max_length, full=full),
        _("tokens"): tokens,
        _("steps"): _(
            "{steps:,} ({epochs:g} epochs; {each:,} in each), {warmup:,} of them warm-up",
            steps=steps.steps, epochs=fit.epochs, each=steps.steps_per_epoch, warmup=steps.warmup,
        ),
        _("learning rate"): as_rate(training.learning_rate),
        _("validations"): _("one before training, then every {steps} steps, and at the end", steps=training.eval_steps),
        _("checkpoints"): _(
            "{count:,}, of which at most {kept} are kept",
            count=-(-steps.steps // training.save_steps), kept=training.save_total_limit,
        ),
    }  # fmt: skip

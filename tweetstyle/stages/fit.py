"""The stage fit: the training, and which run a directory belongs to."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tweetstyle.console import say_of_stage
from tweetstyle.dataset.threads import read_conversations
from tweetstyle.files import complete_file, read_object
from tweetstyle.locale import _
from tweetstyle.manifest import changed_settings
from tweetstyle.run import Run
from tweetstyle.stages.report import training_in_report
from tweetstyle.stages.stage import Done, Stage, base_inputs, trained_scores, tweets_of

if TYPE_CHECKING:
    from tweetstyle.train.inputs import FitInputs, FitPlan

MARK = "run.json"
NO_WEIGHTS_DEPEND_ON = ("save_total_limit", "logging_steps", "report_to", "samples", "probe")
"""Training settings that may change between an interruption and its resumption."""
FEW_PAIRS = 300
"""Fewer answers than this give a warning. A judgement, not a measurement: the "some hundreds" of docs/conversation.md."""


def fit_stage(run: Run) -> Stage:
    manifest = run.recipe.run_directory / "fit.json"
    return Stage("fit", manifest, run.settings("prompt", "model", "training"), partial(_inputs, run), partial(_fit, run))


def _inputs(run: Run) -> dict[str, str]:
    return base_inputs(run) | tweets_of(run, run.recipe.training.split, "validation")


def _fit(run: Run) -> Done:
    from tweetstyle.train import fit, plan_fit

    recipe = run.recipe
    set_aside_other_run(recipe.run_directory, fit_identity(run))
    train, validation = run.split(recipe.training.split), run.split("validation")
    planned = plan_fit(inputs := fit_inputs(run, train, validation))
    for about, warning in schedule_warnings(planned, answers=run.template.turns is not None).items():
        say_of_stage(_("{about}: {warning}", about=about, warning=warning), fg="yellow")
    counts = read_conversations(train)[1] if run.template.turns else None
    if counts:
        say_of_stage(str(counts))
    with training_in_report(run) as validated:
        facts = fit(inputs, recipe.run_directory, validated)
    trained_scores(run)
    if counts:
        facts["conversations"] = asdict(counts)
    written = sorted(p for p in run.final_model.rglob("*") if p.is_file())
    return written, facts


def fit_inputs(run: Run, train: Path, validation: Path) -> FitInputs:
    """What a training with the recipe's settings is made of. train, validation: files of the splits."""
    from tweetstyle.train import FitInputs

    return FitInputs(run.base, run.template, run.recipe.model, run.recipe.training, (train, validation))


def schedule_warnings(fit: FitPlan, *, answers: bool = False) -> dict[str, str]:
    """What in the recipe does not suit this amount of data: subject → sentence. answers: what trains are pairs of message and tweet."""
    warnings = {}
    if answers and fit.tweets < FEW_PAIRS:
        warnings[_("few pairs")] = _(
            "{count:,} messages with your tweets are too few to teach a tone (some hundreds do); the model would answer much as it did "
            "before. message: topic learns from every tweet",
            count=fit.tweets,
        )
    if fit.schedule.changes:
        warnings[_("schedule")] = fit.schedule.in_words
    if fit.schedule.remark:
        warnings["max_steps"] = fit.schedule.remark
    return warnings


def fit_identity(run: Run) -> dict[str, Any]:
    """All that decides the weights, as settings and inputs: a run made from the same is resumed, another is set aside."""
    stage = fit_stage(run)
    training = {k: v for k, v in stage.settings["training"].items() if k not in NO_WEIGHTS_DEPEND_ON}
    return {"settings": stage.settings | {"training": training}, "inputs": stage.inputs()}


def holds_run(directory: Path, identity: dict[str, Any]) -> bool:
    """Whether a directory has a run of this identity. One without a run has not, nor one whose file is damaged: it is another's."""
    stored = read_object(directory / MARK).get("identity")
    same_inputs = isinstance(stored, dict) and stored.get("inputs") == identity["inputs"]
    return same_inputs and not changed_settings(stored.get("settings"), identity["settings"])


def set_aside_other_run(directory: Path, identity: dict[str, Any] | None) -> None:
    """Renames a run made from other settings or data, so that its checkpoints are neither resumed nor lost."""
    mark = directory / MARK
    # A directory without the mark was not made by fit: it is left as it is.
    if mark.is_file() and (identity is None or not holds_run(directory, identity)):
        number = 1
        while (aside := directory.with_name(f"{directory.name}-old-{number}")).exists():
            number += 1
        directory.rename(aside)
        say_of_stage(_("the earlier run is kept as {directory}", directory=aside))
    if identity is not None and not mark.is_file():
        with complete_file(mark) as stream:
            json.dump({"identity": identity}, stream)

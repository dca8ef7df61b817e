"""The stage fit: the training, and what is measured of the trained model as it ends."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from tweetstyle.console import say
from tweetstyle.dataset.threads import read_conversations
from tweetstyle.run import fit_identity, set_aside_other_run
from tweetstyle.stages.inputs import as_trained, base_inputs, tweets_of
from tweetstyle.stages.report import training_in_report
from tweetstyle.stages.stage import Done, Stage, plain

if TYPE_CHECKING:
    from tweetstyle.run import Road


def fit_stage(road: Road) -> Stage:
    manifest = road.recipe.run_directory / "fit.json"
    return Stage("fit", manifest, road.settings("prompt", "model", "training"), partial(_inputs, road), partial(_fit, road))


def _inputs(road: Road) -> dict[str, str]:
    return base_inputs(road) | tweets_of(road, road.recipe.training.split, "validation")


def _fit(road: Road) -> Done:
    from tweetstyle.stages.plan import schedule_warnings
    from tweetstyle.train import fit, plan_fit

    recipe = road.recipe
    set_aside_other_run(recipe.run_directory, fit_identity(road))
    planned = plan_fit(road.base, road.template, recipe.model, recipe.training, road.split(recipe.training.split))
    for warning in schedule_warnings(planned, answers=road.template.turns is not None):
        say(f"          {warning}", fg="yellow")
    train, validation = road.split(recipe.training.split), road.split("validation")
    told = read_conversations(train)[1] if road.template.turns else None
    if told:
        say(f"          {told}")
    settings = recipe.model, recipe.training
    with training_in_report(road) as validated:
        result = fit(road.base, road.template, *settings, train, validation, recipe.run_directory, validated)
    as_trained(road)
    facts = plain(result) | ({"conversations": asdict(told)} if told else {})
    written = sorted(p for p in road.final_model.rglob("*") if p.is_file())
    return [*written, recipe.run_directory / "as_trained.json", recipe.run_directory / "imatrix.gguf"], facts

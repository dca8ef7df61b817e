"""The stages of a run, in their order."""

from __future__ import annotations

from tweetstyle.run import Run
from tweetstyle.stages.evaluate import evaluate_stage
from tweetstyle.stages.export import export_stage
from tweetstyle.stages.fit import fit_stage
from tweetstyle.stages.playback import playback_stage
from tweetstyle.stages.prepare import prepare_stage
from tweetstyle.stages.stage import Stage


def stages_of(run: Run) -> dict[str, Stage]:
    """The stages of a run by name, in their order. Reads no inputs yet."""
    conversation = [playback_stage] if run.recipe.prompt.message == "playback" else []
    in_order = [prepare_stage, *conversation, fit_stage, evaluate_stage, export_stage]
    return {stage.name: stage for stage in (build(run) for build in in_order)}

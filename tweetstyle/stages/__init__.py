"""The stages of a run, in their order, and which of their outputs exist."""

from itertools import takewhile

from tweetstyle.plan.disk import NO_OUTPUTS, ExistingOutputs
from tweetstyle.run import Run
from tweetstyle.stages.evaluate import evaluate_stage
from tweetstyle.stages.export import export_stage
from tweetstyle.stages.fit import fit_identity, fit_stage, holds_run
from tweetstyle.stages.prepare import playback_stage, prepare_stage
from tweetstyle.stages.stage import Stage


def stages_of(run: Run) -> dict[str, Stage]:
    """The stages of a run by name, in their order. Reads no inputs yet."""
    conversation = [playback_stage] if run.recipe.prompt.message == "playback" else []
    in_order = [prepare_stage, *conversation, fit_stage, evaluate_stage, export_stage]
    return {stage.name: stage for stage in (build(run) for build in in_order)}


def ready_to_fit(run: Run) -> bool:
    """Whether the stages before the training are up to date."""
    return not any(stage.why_stale() for stage in takewhile(lambda stage: stage.name != "fit", stages_of(run).values()))


def existing_outputs(run: Run) -> ExistingOutputs:
    """The outputs of a run that this command will not write again."""
    if run.retrain or not ready_to_fit(run):
        return NO_OUTPUTS
    stages, directory = stages_of(run), run.recipe.run_directory
    if stages["fit"].why_stale() is None:
        exported = not run.export or (not run.reexport and stages["export"].why_stale() is None)
        return ExistingOutputs(prepared=True, trained=True, exported=exported)
    files = directory.rglob("*") if holds_run(directory, fit_identity(run)) else ()
    return ExistingOutputs(prepared=True, run=sum(file.stat().st_size for file in files if file.is_file()))

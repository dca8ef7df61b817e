"""The stage export: GGUF files, the gate, and what goes with them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tweetstyle.console import say, say_of_stage
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import fingerprints
from tweetstyle.locale import _, current_language
from tweetstyle.manifest import Manifest, settings_digest
from tweetstyle.stages.stage import Done, Stage, scored_sample, trained_inputs, trained_scores
from tweetstyle.wording.words import Say

if TYPE_CHECKING:
    from tweetstyle.recipe import Export
    from tweetstyle.run import Run
    from tweetstyle.train.final_scores import TrainedScores
    from tweetstyle.verify.checks import GateCheck


def export_stage(run: Run) -> Stage:
    manifest = run.recipe.export_directory / "manifest.json"
    return Stage("export", manifest, run.settings("prompt", "sampling", "export"), partial(_inputs, run), partial(_export, run))


def _inputs(run: Run) -> dict[str, str]:
    """The trained model, and the sampling that the evaluation chose for it."""
    chosen = {} if run.recipe.sampling else {"sampling": settings_digest(run.sampling.model_dump(mode="json"))}
    return trained_inputs(run) | chosen


def _export(run: Run) -> Done:
    from tweetstyle.export import export
    from tweetstyle.inference.clean_process import end_clean_process
    from tweetstyle.model.base import read_base_model
    from tweetstyle.model.imatrix import read_imatrix

    recipe, directory, trained = run.recipe, run.recipe.export_directory, trained_scores(run)
    end_clean_process()
    # What the adapter is added to; without one, the trained model itself.
    weights = run.base if run.adapter else read_base_model(run.final_model)
    section = _with_its_scale(recipe.export, trained)
    exported = export(
        weights, run.adapter, run.template, section, run.sampling, recipe.name, directory,
        nf4=trained.nf4 if run.adapter else None,
        imatrix=read_imatrix(recipe.run_directory / "imatrix.gguf"),
    )  # fmt: skip
    if section.adapter_scale != 1:
        say_of_stage(_("the adapter is merged at {scale} times its strength", scale=section.adapter_scale))
    choices = {"merge_base": exported.merge_base, "weighted": list(exported.weighted), "adapter_scale": section.adapter_scale}
    return verified(run, exported.gguf, {"choices": choices})


def _with_its_scale(section: Export, trained: TrainedScores) -> Export:
    """The recipe's section with the number that `auto` came to."""
    return section.model_copy(update={"adapter_scale": trained.adapter_scale.chosen})


def verified(run: Run, gguf: dict[str, Path], facts: dict[str, Any]) -> Done:
    """Passes new files through the gate, where the recipe has one, and writes what goes with them: Modelfile over the smallest that
    passed, model card. Raises TweetstyleError where no file passes."""
    if not run.recipe.export.gate:
        return _written(run, gguf, facts)
    # A run that is killed during the gate leaves no Modelfile: unchecked files are not offered to `ollama create`.
    modelfile = run.recipe.export_directory / "Modelfile"
    unchecked = modelfile.replace(modelfile.with_suffix(".unchecked"))
    left = _those_that_passed(run, gguf, _checks(run, gguf, unchecked), unchecked)
    if left == gguf:
        unchecked.replace(modelfile)
    return _written(run, left, facts)


def _checks(run: Run, gguf: dict[str, Path], modelfile: Path) -> list[GateCheck]:
    from tweetstyle.verify.gate import TrainedModel, verify

    recipe = run.recipe
    sample, nats = scored_sample(run, trained_scores(run), ["test", "validation"], recipe.export.gate_tweets)
    held = TrainedModel(run.template, run.base.tokenizer, sample, nats)
    return verify(held, gguf, modelfile, run.sampling, recipe.export, recipe.evaluation)


def _those_that_passed(run: Run, gguf: dict[str, Path], checks: list[GateCheck], modelfile: Path) -> dict[str, Path]:
    """Type → file, of those that are left; the others are set aside, and with them the Modelfile. Raises TweetstyleError where none is."""
    from tweetstyle.verify.gate import rejected_types, remarks, set_aside, verdict, write_parity

    recipe, directory = run.recipe, run.recipe.export_directory
    write_parity(checks, directory, recipe.name, run.language)
    rejected = rejected_types(checks)
    left = set_aside(gguf, rejected)
    say_of_stage(Say(current_language()).gate(verdict(checks)), fg="red" if rejected else None)
    say_of_stage(_("every figure: {path}", path=directory / "parity.html"))
    for file_type, why in rejected.items():
        say_of_stage(_("{file}: {remark}", file=gguf[file_type].name + ".rejected", remark=why), fg="red")
    for file_type, remark in remarks(checks).items():
        if file_type in left:
            say_of_stage(_("{file}: {remark}", file=left[file_type].name, remark=remark), fg="yellow")
    if left != gguf:
        modelfile.unlink(missing_ok=True)
    if not left:
        hint = _("parity.html there says why: other export.types may pass, or a longer training; export.gate: false skips the gate")
        raise TweetstyleError(_("no file passed the gate"), where=str(directory), hint=hint)
    return left


def _written(run: Run, gguf: dict[str, Path], facts: dict[str, Any]) -> Done:
    """Writes the model card of these files, and a Modelfile where the one over all of them is gone."""
    from tweetstyle.export import write_modelfile
    from tweetstyle.export.model_card import write_model_card

    recipe, directory = run.recipe, run.recipe.export_directory
    names = {file_type: file.name for file_type, file in gguf.items()}
    if not (modelfile := directory / "Modelfile").is_file():
        section = _with_its_scale(recipe.export, trained_scores(run))
        write_modelfile(modelfile, names, run.template, section, run.sampling, run.base.tokenizer)
    write_model_card(recipe, run.base, run.template, names, facts, directory)
    beside = [directory / name for name in ("Modelfile", "README.md", "parity.json", "parity.html")]
    return [*gguf.values(), *filter(Path.is_file, beside)], facts


def verify(run: Run) -> None:
    """Runs the gate on the existing export. No file is changed before all checks are done. Raises TweetstyleError where no file passes."""
    stage = export_stage(run)
    before = Manifest.read(stage.manifest)
    directory, name = run.recipe.export_directory, run.recipe.name
    again = _("run: tweetstyle export {recipe}", recipe=run.path)
    gguf = {t: path for t in run.recipe.export.types if (path := directory / f"{name}-{t}.gguf").is_file()}
    if before is None or not gguf:
        raise TweetstyleError(_("there is no export to verify"), where=str(directory), hint=again)
    scaled = before.facts.get("choices", {}).get("adapter_scale", 1.0)
    if before.inputs != (inputs := stage.inputs()) or scaled != trained_scores(run).adapter_scale.chosen:
        raise TweetstyleError(_("the export was made from another trained model than this one"), where=str(directory), hint=again)
    text = _("{files}: takes minutes on a CPU. Results are written at the end; you can stop it safely", files=", ".join(gguf))
    say(f"{'verify':<9} {text}")
    checks = _checks(run, gguf, directory / "Modelfile")
    stage.manifest.unlink()
    outputs, facts = _written(run, _those_that_passed(run, gguf, checks, directory / "Modelfile"), before.facts)
    Manifest(stage.name, before.settings, inputs, fingerprints(outputs, directory), facts).write(stage.manifest)

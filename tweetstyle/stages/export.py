"""The stage export: GGUF files that pass the gate, and what goes with them."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tweetstyle.console import say
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import fingerprints
from tweetstyle.manifest import Manifest, changed_settings
from tweetstyle.stages.gate import _checks, _remove_parity, _written, verified
from tweetstyle.stages.inputs import scored_sample, trained_inputs, trained_scores, weights
from tweetstyle.stages.stage import Done, Stage, plain, plain_json

if TYPE_CHECKING:
    from tweetstyle.run import Run


def export_stage(run: Run) -> Stage:
    return Stage(
        "export",
        run.recipe.export_directory / "manifest.json",
        run.settings("prompt", "sampling", "export"),
        partial(trained_inputs, run),
        partial(_export, run),
        partial(_only_verify, run),
    )


def _export(run: Run) -> Done:
    from tweetstyle.export import export
    from tweetstyle.inference.llama_cpp import score_gguf
    from tweetstyle.model.imatrix import read_imatrix
    from tweetstyle.progress import Bar

    recipe, directory, trained = run.recipe, run.recipe.export_directory, trained_scores(run)
    sample, _ = scored_sample(run, trained, ["validation"], recipe.export.gate_tweets)

    def bits_per_byte(gguf: Path) -> float:
        tokens = sum(len(document.ids) for document in sample.documents)
        with Bar(f"scoring {gguf.stem.removeprefix(recipe.name + '-')}", tokens, "tokens") as bar:
            nats = score_gguf(gguf, sample.documents, bar.advance)
        return float(nats.sum() / sample.bytes.sum() / math.log(2))

    exported = export(
        weights(run), run.adapter, run.template, recipe.export, recipe.sampling, recipe.name, directory,
        nf4=trained.nf4 if run.adapter else None,
        imatrix=read_imatrix(recipe.run_directory / "imatrix.gguf"),
        score=bits_per_byte,
    )  # fmt: skip
    choices = exported.choices
    for candidate, score in choices.scores.items():
        say(f"          {candidate}: {score:.4f} bits per byte on validation")
    facts = {"bytes_written": exported.bytes_written, "choices": plain(choices)}
    return verified(run, exported.gguf, facts)


def _only_verify(run: Run, before: Manifest) -> Done | None:
    """The files as they were written, where only the gate's settings changed."""
    changed = changed_settings(before.settings, plain_json(run.settings("prompt", "sampling", "export")))
    if "choices" not in before.facts or not changed or not all(key.startswith("export.gate") for key in changed):
        return None
    directory = run.recipe.export_directory
    gguf = {t: directory / f"{run.recipe.name}-{t}.gguf" for t in run.recipe.export.types}
    if not all(path.is_file() for path in gguf.values()):
        return None
    return verified(run, gguf, before.facts)


def verify(run: Run) -> None:
    """Runs the gate on the existing export. No file is changed before all checks are done. Raises TweetstyleError where no file passes."""
    stage = export_stage(run)
    before = Manifest.read(stage.manifest)
    directory, name = run.recipe.export_directory, run.recipe.name
    gguf = {t: path for t in run.recipe.export.types if (path := directory / f"{name}-{t}.gguf").is_file()}
    if before is None or not gguf:
        raise TweetstyleError("there is no export to verify", where=str(directory), hint=f"tweetstyle export {run.path}")
    if before.inputs != (inputs := stage.inputs()):
        what = "the export was made from another trained model than this one"
        raise TweetstyleError(what, where=str(directory), hint=f"run: tweetstyle export {run.path}")
    say(f"verify    {', '.join(gguf)}: takes minutes on a CPU. Results are written at the end; you can stop it safely")
    checks = _checks(run, gguf, directory / "Modelfile")
    stage.manifest.unlink()
    _remove_parity(directory)
    outputs, facts = _written(run, gguf, before.facts, checks)
    Manifest(stage.name, before.settings, inputs, fingerprints(outputs, directory), facts).write(stage.manifest)

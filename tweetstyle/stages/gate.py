"""Compares exported files with the trained model; writes Modelfile and model card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tweetstyle.console import say
from tweetstyle.errors import TweetstyleError
from tweetstyle.stages.inputs import scored_sample, trained_scores
from tweetstyle.stages.stage import Done

if TYPE_CHECKING:
    from tweetstyle.run import Run
    from tweetstyle.verify.checks import GateCheck


def verified(run: Run, gguf: dict[str, Path], facts: dict[str, Any]) -> Done:
    """Passes new files through the gate, where the recipe has one, and writes what goes with them: Modelfile over the smallest that
    passed, model card. Raises TweetstyleError where no file passes."""
    directory = run.recipe.export_directory
    _remove_parity(directory)
    if not run.recipe.export.gate:
        return _written(run, gguf, facts, None)
    # A run that is killed during the gate leaves no Modelfile: unchecked files are not offered to `ollama create`.
    unchecked = directory / "Modelfile.unchecked"
    _write_modelfile(run, unchecked, gguf)
    (directory / "Modelfile").unlink(missing_ok=True)
    checks = _checks(run, gguf, unchecked)
    unchecked.unlink()
    return _written(run, gguf, facts, checks)


def _write_modelfile(run: Run, path: Path, gguf: dict[str, Path]) -> None:
    from tweetstyle.export import write_modelfile

    recipe, names = run.recipe, {file_type: file.name for file_type, file in gguf.items()}
    write_modelfile(path, names, run.template, recipe.export, recipe.sampling, run.base.tokenizer)


def _remove_parity(directory: Path) -> None:
    """That of earlier files."""
    for stale in ("parity.json", "parity.html"):
        (directory / stale).unlink(missing_ok=True)


def _written(run: Run, gguf: dict[str, Path], facts: dict[str, Any], checks: list[GateCheck] | None) -> Done:
    """checks: None where there is no gate."""
    from tweetstyle.export.model_card import write_model_card

    recipe, directory = run.recipe, run.recipe.export_directory
    if checks is not None:
        gguf = _those_that_passed(run, gguf, checks)
    _write_modelfile(run, directory / "Modelfile", gguf)
    write_model_card(recipe, run.base, run.template, {file_type: path.name for file_type, path in gguf.items()}, facts, directory)
    beside = [directory / name for name in ("Modelfile", "README.md", "parity.json", "parity.html")]
    return [*gguf.values(), *(path for path in beside if path.is_file())], facts


def _checks(run: Run, gguf: dict[str, Path], modelfile: Path) -> list[GateCheck]:
    from tweetstyle.verify.gate import TrainedModel, verify

    recipe = run.recipe
    sample, nats = scored_sample(run, trained_scores(run), ["test", "validation"], recipe.export.gate_tweets)
    held = TrainedModel(run.template, run.base.tokenizer, sample, nats)
    return verify(held, gguf, modelfile, recipe.sampling, recipe.export, recipe.evaluation)


def _those_that_passed(run: Run, gguf: dict[str, Path], checks: list[GateCheck]) -> dict[str, Path]:
    """Type → file, of those that are left; the others are set aside. Raises TweetstyleError where none is."""
    from tweetstyle.verify.gate import rejected_types, remarks, set_aside, verdict, write_parity
    from tweetstyle.wording.words import Say

    recipe, directory = run.recipe, run.recipe.export_directory
    write_parity(checks, directory, recipe.name)
    rejected = rejected_types(checks)
    left = set_aside(gguf, rejected)
    say(f"          {Say('en').gate(verdict(checks))}", fg="red" if rejected else None)
    say(f"          every figure: {directory}/parity.html")
    for file_type, why in rejected.items():
        say(f"          {gguf[file_type].name}.rejected: {why}", fg="red")
    for file_type, remark in remarks(checks).items():
        if file_type in left:
            say(f"          {left[file_type].name}: {remark}", fg="yellow")
    if not left:
        (directory / "Modelfile").unlink(missing_ok=True)
        hint = "parity.html there says why: other export.types may pass, or a longer training; export.gate: false lets them by"
        raise TweetstyleError("no file passed the gate", where=str(directory), hint=hint)
    return left

"""The gate: exported files are held to the trained model, and what goes with them is written over those that passed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tweetstyle.console import say
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import fingerprints
from tweetstyle.manifest import Manifest
from tweetstyle.stages.inputs import as_trained, scored_sample, weights
from tweetstyle.stages.stage import Done

if TYPE_CHECKING:
    from tweetstyle.run import Road
    from tweetstyle.verify.checks import Check


def verify(road: Road) -> None:
    """The gate alone, on what stands: until every check is made nothing is touched. Raises TweetstyleError where no file passes."""
    stage = road.stages["export"]
    before = Manifest.read(stage.manifest)
    directory, name = road.recipe.export_directory, road.recipe.name
    gguf = {t: path for t in road.recipe.export.types if (path := directory / f"{name}-{t}.gguf").is_file()}
    if before is None or not gguf:
        raise TweetstyleError("there is no export to verify", where=str(directory), hint=f"tweetstyle export {road.path}")
    if before.inputs != (inputs := stage.inputs()):
        what = "the export was made from another trained model than stands here"
        raise TweetstyleError(what, where=str(directory), hint=f"tweetstyle export {road.path} makes it anew")
    say(f"verify    {', '.join(gguf)}: minutes on a processor, and nothing is touched until every check is made")
    checks = _checks(road, gguf, before.facts["choices"]["merge_base"])
    stage.manifest.unlink()
    _remove_parity(directory)
    outputs, facts = _written(road, gguf, before.facts, checks)
    Manifest(stage.name, before.settings, inputs, fingerprints(outputs, directory), facts).write(stage.manifest)


def verified(road: Road, gguf: dict[str, Path], facts: dict[str, Any]) -> Done:
    """Passes new files through the gate, where the recipe has one, and writes what goes with them: Modelfile over the smallest that
    passed, model card. Raises TweetstyleError where no file passes."""
    _remove_parity(road.recipe.export_directory)
    checks = _checks(road, gguf, facts["choices"]["merge_base"]) if road.recipe.export.gate else None
    return _written(road, gguf, facts, checks)


def _remove_parity(directory: Path) -> None:
    """That of earlier files."""
    for stale in ("parity.json", "parity.html"):
        (directory / stale).unlink(missing_ok=True)


def _written(road: Road, gguf: dict[str, Path], facts: dict[str, Any], checks: list[Check] | None) -> Done:
    """checks: None where there is no gate."""
    from tweetstyle.export import write_modelfile
    from tweetstyle.export.model_card import write_model_card

    recipe, directory = road.recipe, road.recipe.export_directory
    if checks is not None:
        gguf = _those_that_passed(road, gguf, checks)
    names = {file_type: path.name for file_type, path in gguf.items()}
    write_modelfile(directory, names, road.template, recipe.export, recipe.sampling, road.base.tokenizer)
    write_model_card(recipe, road.base, road.template, names, facts, directory)
    beside = [directory / name for name in ("Modelfile", "README.md", "parity.json", "parity.html")]
    return [*gguf.values(), *(path for path in beside if path.is_file())], facts


def _checks(road: Road, gguf: dict[str, Path], merge_base: str) -> list[Check]:
    from tweetstyle.verify.gate import Trained, verify
    from tweetstyle.verify.reference import MergedWeights

    recipe, trained = road.recipe, as_trained(road)
    sample, nats = scored_sample(road, trained, ["test", "validation"], recipe.export.gate_tweets)
    nf4 = trained.nf4 if merge_base == "dequantised_nf4" and road.adapter else None
    merged = MergedWeights(weights(road), road.adapter, nf4)
    held = Trained(merged, road.template, road.base.tokenizer, sample, nats)
    return verify(held, gguf, recipe.export_directory / "Modelfile", recipe.sampling, recipe.export, recipe.evaluation)


def _those_that_passed(road: Road, gguf: dict[str, Path], checks: list[Check]) -> dict[str, Path]:
    """Type → file, of those that are left; the others are set aside. Raises TweetstyleError where none is."""
    from tweetstyle.verify.gate import rejected_types, remarks, set_aside
    from tweetstyle.verify.page import verdict, write_parity

    recipe, directory = road.recipe, road.recipe.export_directory
    write_parity(checks, directory, recipe.name)
    rejected = rejected_types(checks)
    left = set_aside(gguf, rejected)
    say(f"          {verdict(checks)}", fg="red" if rejected else None)
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

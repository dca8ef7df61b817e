"""The gate: exported files are held to the trained model, and what goes with them is written over those that passed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tweetstyle.errors import TweetstyleError
from tweetstyle.manifest import Manifest, fingerprints
from tweetstyle.road.stage import Done
from tweetstyle.road.trained import as_trained, scored_sample, weights

if TYPE_CHECKING:
    from tweetstyle.road import Road


def verify(road: Road) -> None:
    """The gate alone, on what stands. Raises TweetstyleError where no file passes."""
    stage = road.stages["export"]
    before = Manifest.read(stage.manifest)
    directory, name = road.recipe.export_directory, road.recipe.name
    gguf = {t: path for t in road.recipe.export.types if (path := directory / f"{name}-{t}.gguf").is_file()}
    if before is None or not gguf:
        raise TweetstyleError("there is no export to verify", where=str(directory), hint=f"tweetstyle export {road.path}")
    if before.inputs != (inputs := stage.inputs()):
        what = "the export was made from another trained model than stands here"
        raise TweetstyleError(what, where=str(directory), hint=f"tweetstyle export {road.path} makes it anew")
    stage.manifest.unlink()
    outputs, facts = verified(road, gguf, before.facts, gate=True)
    Manifest(stage.name, before.settings, inputs, fingerprints(outputs, directory), facts).write(stage.manifest)


def verified(road: Road, gguf: dict[str, Path], facts: dict[str, Any], *, gate: bool | None = None) -> Done:
    """Passes the files through the gate and writes what goes with them: Modelfile over the smallest that passed, model card.

    gate: whether there is one, where not as the recipe says. Raises TweetstyleError where no file passes.
    """
    from tweetstyle.export import write_modelfile
    from tweetstyle.export.model_card import write_model_card

    recipe, directory = road.recipe, road.recipe.export_directory
    for stale in ("parity.json", "parity.html"):
        (directory / stale).unlink(missing_ok=True)
    if recipe.export.gate if gate is None else gate:
        gguf = _through_the_gate(road, gguf, facts["choices"]["merge_base"])
    names = {file_type: path.name for file_type, path in gguf.items()}
    write_modelfile(directory, names, road.template, recipe.export, recipe.sampling)
    write_model_card(recipe, road.base, road.template, names, facts, directory)
    beside = [directory / name for name in ("Modelfile", "README.md", "parity.json", "parity.html")]
    return [*gguf.values(), *(path for path in beside if path.is_file())], facts


def _through_the_gate(road: Road, gguf: dict[str, Path], merge_base: str) -> dict[str, Path]:
    from tweetstyle.verify.gate import Trained, rejected_types, set_aside, verify
    from tweetstyle.verify.page import verdict, write_parity
    from tweetstyle.verify.reference import MergedWeights

    recipe, directory, trained = road.recipe, road.recipe.export_directory, as_trained(road)
    sample, nats = scored_sample(road, trained, ["test", "validation"], recipe.export.gate_tweets)
    nf4 = trained.nf4 if merge_base == "dequantised_nf4" and road.adapter else None
    merged = MergedWeights(weights(road), road.adapter, nf4)
    held = Trained(merged, road.template, road.base.tokenizer, sample, nats)
    checks = verify(held, gguf, directory / "Modelfile", recipe.sampling, recipe.export, recipe.evaluation)
    write_parity(checks, directory, recipe.name)
    rejected = rejected_types(checks)
    left = set_aside(gguf, rejected)
    click.secho(f"          {verdict(checks)}", fg="yellow" if rejected else None, err=True)
    click.echo(f"          every figure: {directory}/parity.html", err=True)
    for file_type, why in rejected.items():
        click.secho(f"          {gguf[file_type].name}.rejected: {why}", fg="yellow", err=True)
    if not left:
        (directory / "Modelfile").unlink(missing_ok=True)
        hint = "parity.html there says why: other export.types may pass, or a longer training; export.gate: false lets them by"
        raise TweetstyleError("no file passed the gate", where=str(directory), hint=hint)
    return left

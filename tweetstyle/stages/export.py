"""The stage export: the trained model as GGUF files, through the gate, with what goes with them."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tweetstyle.console import say
from tweetstyle.manifest import Manifest, changed_settings
from tweetstyle.stages.gate import verified
from tweetstyle.stages.inputs import as_trained, scored_sample, trained_inputs, weights
from tweetstyle.stages.stage import Done, Stage, plain, plain_json

if TYPE_CHECKING:
    from tweetstyle.run import Road


def export_stage(road: Road) -> Stage:
    return Stage(
        "export",
        road.recipe.export_directory / "manifest.json",
        road.settings("prompt", "sampling", "export"),
        partial(trained_inputs, road),
        partial(_export, road),
        partial(_only_verify, road),
    )


def _export(road: Road) -> Done:
    from tweetstyle.export import export
    from tweetstyle.inference.llama_cpp import score_gguf
    from tweetstyle.model.imatrix import read_imatrix
    from tweetstyle.progress import Bar

    recipe, directory, trained = road.recipe, road.recipe.export_directory, as_trained(road)
    sample, _ = scored_sample(road, trained, ["validation"], recipe.export.gate_tweets)

    def bits_per_byte(gguf: Path) -> float:
        tokens = sum(len(document.ids) for document in sample.documents)
        with Bar(f"scoring {gguf.stem.removeprefix(recipe.name + '-')}", tokens, "tokens") as bar:
            nats = score_gguf(gguf, sample.documents, bar.advance)
        return float(nats.sum() / sample.bytes.sum() / math.log(2))

    exported = export(
        weights(road), road.adapter, road.template, recipe.export, recipe.sampling, recipe.name, directory,
        nf4=trained.nf4 if road.adapter else None,
        imatrix=read_imatrix(recipe.run_directory / "imatrix.gguf"),
        score=bits_per_byte,
    )  # fmt: skip
    choices = exported.choices
    for candidate, score in choices.scores.items():
        say(f"          {candidate}: {score:.4f} bits per byte on validation")
    facts = {"bytes_written": exported.bytes_written, "choices": plain(choices)}
    return verified(road, exported.gguf, facts)


def _only_verify(road: Road, before: Manifest) -> Done | None:
    """The files as they were written, where only the gate's settings changed."""
    changed = changed_settings(before.settings, plain_json(road.stages["export"].settings))
    if "choices" not in before.facts or not changed or not all(key.startswith("export.gate") for key in changed):
        return None
    directory = road.recipe.export_directory
    gguf = {t: directory / f"{road.recipe.name}-{t}.gguf" for t in road.recipe.export.types}
    if not all(path.is_file() for path in gguf.values()):
        return None
    return verified(road, gguf, before.facts)

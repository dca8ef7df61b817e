"""A stage: its inputs, settings, work, and whether it is up to date."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tweetstyle.console import rich_console
from tweetstyle.dataset.threads import files_read
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import fingerprints
from tweetstyle.locale import _
from tweetstyle.manifest import Manifest, changed_settings, why_stale
from tweetstyle.recipe import Recipe

if TYPE_CHECKING:
    import numpy as np

    from tweetstyle.dataset.held_out import HeldOut
    from tweetstyle.run import Run
    from tweetstyle.train.final_scores import TrainedScores

Done = tuple[list[Path], dict[str, Any]]
"""Outputs, facts worth keeping."""


@dataclass(frozen=True)
class Stage:
    """A step of a run. `inputs` is read when the stage's turn comes, because the stage before makes them."""

    name: str
    manifest: Path
    settings: dict[str, Any]
    inputs: Callable[[], dict[str, str]]
    work: Callable[[], Done]

    def why_stale(self) -> str | None:
        return why_stale(self.manifest, self.name, self.settings, self.inputs())

    def carry_out(self) -> None:
        inputs = self.inputs()
        self.manifest.unlink(missing_ok=True)
        outputs, facts = self.work()
        Manifest(self.name, self.settings, inputs, fingerprints(outputs, self.manifest.parent), facts).write(self.manifest)


# -- parts of a stage's work --------------------------------------------------------------------------------


def plain(result: Any, *without: str) -> dict[str, Any]:
    """A verb's result as JSON values, for the manifest."""
    kept = {name: value for name, value in asdict(result).items() if name not in without}
    return json.loads(json.dumps(kept, default=str))


def show(renderable: Any) -> None:
    rich_console().print(renderable, crop=False)


def base_inputs(run: Run) -> dict[str, str]:
    return {f"{run.base.path}/{name}": digest for name, digest in run.base.fingerprints.items()}


def tweets_of(run: Run, *splits: str) -> dict[str, str]:
    """The files that splits are read from, with the messages that their tweets answer."""
    return fingerprints([file for name in splits for file in files_read(run.split(name), run.template)])


def trained_inputs(run: Run) -> dict[str, str]:
    """The trained model and its base. Raises TweetstyleError where nothing is trained yet."""
    if not run.final_model.is_dir():
        raise TweetstyleError(
            _("there is no trained model yet"), where=str(run.final_model), hint=_("run: tweetstyle fit {recipe}", recipe=run.path)
        )
    return base_inputs(run) | fingerprints(sorted(p for p in run.final_model.rglob("*") if p.is_file()))


def trained_scores(run: Run) -> TrainedScores:
    """What the export needs to know of the trained model: made when fit ends, and again where it is gone."""
    from tweetstyle.inference.likelihood import TunedModel
    from tweetstyle.train.final_scores import score_trained_model

    recipe = run.recipe
    splits = {name: run.split(name) for name in ("validation", "test")}
    train = run.split(recipe.training.split)
    tuned = TunedModel(run.base, run.final_model, recipe.model.method)
    return score_trained_model(tuned, run.template, train, splits, recipe.run_directory, recipe.export.adapter_scale)


def scored_sample(run: Run, trained: TrainedScores, splits: list[str], most: int) -> tuple[HeldOut, np.ndarray]:
    """Held-out tweets that were scored when fit ended, of the first split and where it has too few of the next, and their nats."""
    import numpy as np

    from tweetstyle.dataset.held_out import chosen

    scored = {name: dict(zip(trained.splits[name].ids, trained.splits[name].nats, strict=True)) for name in splits}
    files = {run.split(name): set(of) for name, of in scored.items()}
    sample = chosen(files, run.template, run.base.tokenizer, most)
    nats = {tweet: value for of in scored.values() for tweet, value in of.items()}
    return sample, np.array([nats[tweet.id] for tweet in sample.tweets])


def exported_gguf(recipe: Recipe, path: Path) -> Path:
    """The GGUF that the Modelfile names. Raises TweetstyleError where there is none, or it was trained under another prompt."""
    directory = recipe.export_directory
    if not (directory / "Modelfile").is_file():
        raise TweetstyleError(
            _("there is no exported model yet"), where=str(directory), hint=_("tweetstyle-fit {recipe} makes it", recipe=path)
        )
    made = Manifest.read(directory / "manifest.json")
    if made and (changed := changed_settings(made.settings, {"prompt": recipe.prompt.model_dump(mode="json")})):
        what = _("the exported model was trained under another prompt ({keys})", keys=", ".join(changed))
        hint = _("train again with tweetstyle-fit {recipe}, or restore the recipe", recipe=path)
        raise TweetstyleError(what, where=str(path), hint=hint)
    source = next(line for line in (directory / "Modelfile").read_text(encoding="utf-8").splitlines() if line.startswith("FROM "))
    return directory / source.removeprefix("FROM ").strip()

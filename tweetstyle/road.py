"""A recipe with its stages: what each reads, writes and is made by."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import click

from tweetstyle.base_model import BaseModel, read_base_model
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import complete_file
from tweetstyle.manifest import Manifest, changed_settings, fingerprints, settings_digest, why_stale
from tweetstyle.recipe import Recipe
from tweetstyle.recipe_file import located, read_recipe
from tweetstyle.sources import open_archive
from tweetstyle.sources.inputs import files_of
from tweetstyle.template import SpecialTokens, Template, build_template

CHAT_TEMPLATE = "chat template"
"""Among the inputs of prepare, that which is no file: it decides lines, not tweets."""
NO_WEIGHTS_DEPEND_ON = ("save_total_limit", "logging_steps")
"""Training settings that may change between an interruption and its resumption."""


Done = tuple[list[Path], dict[str, Any]]
"""Outputs, facts worth keeping."""


@dataclass(frozen=True)
class Stage:
    """One room of the road. `inputs` is read when the stage's turn comes, for the stage before makes them."""

    name: str
    manifest: Path
    settings: dict[str, Any]
    inputs: Callable[[], dict[str, str]]
    work: Callable[[], Done]
    less_work: Callable[[Manifest], Done | None] | None = None
    """Does the stage from what stands, where only settings changed since and these allow it."""

    def why_stale(self) -> str | None:
        return why_stale(self.manifest, self.name, self.settings, self.inputs())

    def _unless_touched(self, inputs: dict[str, str]) -> Manifest | None:
        """The manifest of what stands, if every output stands as it was made, and from these files."""
        before = Manifest.read(self.manifest)
        if before is None or why_stale(self.manifest, self.name, before.settings, before.inputs):
            return None
        files_then, files_now = ({k: v for k, v in of.items() if k != CHAT_TEMPLATE} for of in (before.inputs, inputs))
        return before if files_then == files_now else None

    def carry_out(self, anew: bool = False) -> None:
        """anew: all of the work, whatever stands."""
        inputs = self.inputs()
        before = self._unless_touched(inputs) if self.less_work and not anew else None
        self.manifest.unlink(missing_ok=True)
        outputs, facts = (before and self.less_work(before)) or self.work()
        Manifest(self.name, self.settings, inputs, fingerprints(outputs, self.manifest.parent), facts).write(self.manifest)


class Road:
    """A recipe with what its stages share: the base model's facts and the template."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.recipe: Recipe = read_recipe(path)

    @cached_property
    def base(self) -> BaseModel:
        return read_base_model(self.recipe.model.base)

    @cached_property
    def template(self) -> Template:
        prompt = self.recipe.prompt
        with located(self.path):
            return build_template(prompt.format, prompt.style, self.base.tokens, prompt.custom)

    @cached_property
    def line_template(self) -> Template:
        """What prepare renders lines with: only the `chat` format needs the base model for that."""
        prompt = self.recipe.prompt
        if prompt.format == "chat":
            return self.template
        with located(self.path):
            return build_template(prompt.format, prompt.style, SpecialTokens("<s>", "</s>"), prompt.custom)

    def settings(self, *sections: str) -> dict[str, Any]:
        return {section: getattr(self.recipe, section).model_dump(mode="json") for section in sections}

    def split(self, name: str) -> Path:
        return self.recipe.data.processed / f"{name}.jsonl"

    @property
    def final_model(self) -> Path:
        return self.recipe.run_directory / "final_model"

    @property
    def adapter(self) -> Path | None:
        return None if self.recipe.model.method == "full" else self.final_model

    # -- the stages -----------------------------------------------------------------------------------------

    @cached_property
    def stages(self) -> dict[str, Stage]:
        recipe = self.recipe
        run, export = recipe.run_directory, recipe.export_directory
        return {
            stage.name: stage
            for stage in (
                Stage(
                    "prepare",
                    recipe.data.processed / "manifest.json",
                    self.settings("data", "prompt"),
                    self._source,
                    self._prepare,
                    self._render,
                ),
                Stage("fit", run / "fit.json", self.settings("prompt", "model", "training"), self._fit_inputs, self._fit),
                Stage("evaluate", run / "evaluate.json", self.settings("prompt", "evaluation"), self._evaluate_inputs, self._evaluate),
                Stage("export", export / "manifest.json", self.settings("prompt", "sampling", "export"), self._export_inputs, self._export),
            )
        }

    def _source(self) -> dict[str, str]:
        data = self.recipe.data
        open_archive(data.source, data.separator)
        chat = {CHAT_TEMPLATE: settings_digest(self.template.pieces.__repr__())} if self.recipe.prompt.format == "chat" else {}
        return fingerprints([file for source in data.source for file in files_of(source)]) | chat

    def _prepare(self) -> tuple[list[Path], dict[str, Any]]:
        from tweetstyle.prepare import funnel, prepare

        prepared = prepare(self.recipe.data, self.recipe.prompt, self.line_template, self.recipe.data.processed)
        show(funnel(prepared))
        click.echo(f"          with examples of everything: {self.recipe.data.processed}/report.html", err=True)
        return list(prepared.outputs), plain(prepared, "outputs", "samples", "kept_samples")

    def _render(self, before: Manifest) -> Done | None:
        """The tweets as they were prepared, in lines of another format."""
        from tweetstyle.prepare.rendering import only_the_lines_differ, render_again

        changed = changed_settings(before.settings, plain_json(self.stages["prepare"].settings))
        if not only_the_lines_differ(changed, before.settings["prompt"]["format"], self.line_template):
            return None
        directory = self.recipe.data.processed
        render_again(directory, self.line_template)
        click.echo("          the tweets stay as they were prepared; their lines are written anew", err=True)
        return [directory / name for name in before.outputs], before.facts

    def _base_inputs(self) -> dict[str, str]:
        return {f"{self.base.path}/{name}": digest for name, digest in self.base.fingerprints.items()}

    def _fit_inputs(self) -> dict[str, str]:
        return self._base_inputs() | fingerprints([self.split(self.recipe.training.split), self.split("validation")])

    def _fit(self) -> tuple[list[Path], dict[str, Any]]:
        from tweetstyle.fit import fit, plan_fit
        from tweetstyle.plan import schedule_warnings

        recipe = self.recipe
        set_aside_other_run(recipe.run_directory, self.fit_identity())
        for warning in schedule_warnings(
            recipe.training, plan_fit(self.base, self.template, recipe.training, self.split(recipe.training.split))
        ):
            click.secho(f"          {warning}", fg="yellow", err=True)
        train, validation = self.split(recipe.training.split), self.split("validation")
        result = fit(self.base, self.template, recipe.model, recipe.training, train, validation, recipe.run_directory)
        written = sorted(p for p in self.final_model.rglob("*") if p.is_file())
        return written, plain(result)

    def fit_identity(self) -> str:
        """Digest of all that decides the weights: a run of the same goes on, one of another is set aside."""
        stage = self.stages["fit"]
        training = {k: v for k, v in stage.settings["training"].items() if k not in NO_WEIGHTS_DEPEND_ON}
        return settings_digest([stage.settings | {"training": training}, stage.inputs()])

    def bytes_there(self) -> int | None:
        """Bytes of an interrupted run that this one goes on with; None where the training is current and writes nothing."""
        run = self.recipe.run_directory
        if self.stages["prepare"].why_stale():
            return 0
        if self.stages["fit"].why_stale() is None:
            return None
        mark = run / "run.json"
        if not mark.is_file() or json.loads(mark.read_text())["identity"] != self.fit_identity():
            return 0
        return sum(f.stat().st_size for f in run.rglob("*") if f.is_file())

    def check(self) -> None:
        """Refuses, before a minute is spent, what would fail later."""
        from tweetstyle.plan import check_before_start

        with located(self.path):
            check_before_start(self.recipe, self.base, self.template, self.bytes_there())

    def _trained_inputs(self) -> dict[str, str]:
        if not self.final_model.is_dir():
            raise TweetstyleError("there is no trained model yet", where=str(self.final_model), hint=f"tweetstyle fit {self.path}")
        return self._base_inputs() | fingerprints(sorted(p for p in self.final_model.rglob("*") if p.is_file()))

    def _evaluate_inputs(self) -> dict[str, str]:
        return self._trained_inputs() | fingerprints([self.split(name) for name in (self.recipe.training.split, "validation", "test")])

    def _evaluate(self) -> tuple[list[Path], dict[str, Any]]:
        from tweetstyle.evaluate import evaluate, table

        recipe, run = self.recipe, self.recipe.run_directory
        splits = [self.split(name) for name in (recipe.training.split, "validation", "test")]
        evaluated = evaluate(self.base, self.final_model, recipe.model.method, self.template, recipe.evaluation, *splits, run)
        show(table(evaluated))
        return [run / "evaluation.json"], plain(evaluated)

    def _export_inputs(self) -> dict[str, str]:
        return self._trained_inputs()

    def _export(self) -> tuple[list[Path], dict[str, Any]]:
        from tweetstyle.export import export

        recipe, directory = self.recipe, self.recipe.export_directory
        weights = self.base if self.adapter else read_base_model(self.final_model)
        exported = export(weights, self.adapter, self.template, recipe.export, recipe.sampling, recipe.name, directory)
        return [*exported.gguf.values(), exported.modelfile], {"bytes_written": exported.bytes_written}


# -- parts --------------------------------------------------------------------------------------------------


def set_aside_other_run(directory: Path, identity: str | None) -> None:
    """Renames a run made from other settings or data, so that its checkpoints are neither resumed nor lost."""
    mark = directory / "run.json"
    # Without the mark the directory is not a run of ours: it is left as it is.
    if mark.is_file() and json.loads(mark.read_text())["identity"] != identity:
        number = 1
        while (aside := directory.with_name(f"{directory.name}-old-{number}")).exists():
            number += 1
        directory.rename(aside)
        click.secho(f"          the earlier run now stands in {aside}", err=True)
    if identity is not None and not mark.is_file():
        with complete_file(mark) as stream:
            json.dump({"identity": identity}, stream)


def plain(result: Any, *without: str) -> dict[str, Any]:
    """A verb's result as JSON values, for the manifest."""
    return plain_json({k: v for k, v in asdict(result).items() if k not in without})


def plain_json(value: Any) -> Any:
    """As it comes back from a file."""
    return json.loads(json.dumps(value, default=str))


def show(renderable: Any) -> None:
    from rich.console import Console

    Console().print(renderable)

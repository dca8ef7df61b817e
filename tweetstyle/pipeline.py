"""The road: archive → prepare → fit → evaluate → export. Skips what is current, refuses early what would fail late."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
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

NO_WEIGHTS_DEPEND_ON = ("save_total_limit", "logging_steps")
"""Training settings that may change between an interruption and its resumption."""


@dataclass(frozen=True)
class Stage:
    """One room of the road. `inputs` is read when the stage's turn comes, for the stage before makes them."""

    name: str
    manifest: Path
    settings: dict[str, Any]
    inputs: Callable[[], dict[str, str]]
    work: Callable[[], tuple[list[Path], dict[str, Any]]]

    def why_stale(self) -> str | None:
        return why_stale(self.manifest, self.name, self.settings, self.inputs())

    def carry_out(self) -> None:
        inputs = self.inputs()
        self.manifest.unlink(missing_ok=True)
        outputs, facts = self.work()
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
                Stage("prepare", recipe.data.processed / "manifest.json", self.settings("data", "prompt"), self._source, self._prepare),
                Stage("fit", run / "fit.json", self.settings("prompt", "model", "training"), self._fit_inputs, self._fit),
                Stage("evaluate", run / "evaluate.json", self.settings("prompt", "evaluation"), self._evaluate_inputs, self._evaluate),
                Stage("export", export / "manifest.json", self.settings("prompt", "sampling", "export"), self._export_inputs, self._export),
            )
        }

    def _source(self) -> dict[str, str]:
        data = self.recipe.data
        open_archive(data.source, data.separator)
        chat = {"chat template": settings_digest(self.template.pieces.__repr__())} if self.recipe.prompt.format == "chat" else {}
        return fingerprints([file for source in data.source for file in files_of(source)]) | chat

    def _prepare(self) -> tuple[list[Path], dict[str, Any]]:
        from tweetstyle.prepare import funnel, prepare

        prepared = prepare(self.recipe.data, self.recipe.prompt, self.line_template, self.recipe.data.processed)
        show(funnel(prepared))
        return list(prepared.outputs), plain(prepared, "outputs", "samples", "kept_samples")

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
        return self._trained_inputs() | fingerprints([self.split("validation"), self.split("test")])

    def _evaluate(self) -> tuple[list[Path], dict[str, Any]]:
        from tweetstyle.evaluate import evaluate, table

        recipe, run = self.recipe, self.recipe.run_directory
        validation, test = self.split("validation"), self.split("test")
        evaluated = evaluate(self.base, self.final_model, recipe.model.method, self.template, recipe.evaluation, validation, test, run)
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


# -- the public verbs ---------------------------------------------------------------------------------------


def run(path: Path, *, start: str | None = None, ollama: bool = False) -> None:
    """The whole road; from `start` on everything anew."""
    road = Road(path)
    road.stages["prepare"].inputs()
    road.check()
    if ollama:
        ollama_client().version()
    with one_run_at_a_time(road.recipe):
        forced = False
        for name, stage in road.stages.items():
            forced = forced or name == start
            _walk(stage, road, forced)
    _finish(road, ollama)


def run_stage(path: Path, name: str, *, force: bool) -> None:
    """One stage; those before it must be current."""
    road = Road(path)
    for before in road.stages.values():
        if before.name == name:
            break
        if reason := before.why_stale():
            what = f"{before.name} comes first ({reason})"
            raise TweetstyleError(what, where=str(path), hint=f"tweetstyle-fit {path}, or tweetstyle {before.name} {path}")
    if name != "prepare":
        road.check()
    with one_run_at_a_time(road.recipe):
        _walk(road.stages[name], road, force)


def dry_run(path: Path) -> None:
    """Prints the plan; writes nothing but a temporary directory that it removes."""
    from tweetstyle.plan import plan

    road = Road(path)
    with located(path):
        show(plan(road.recipe, road.line_template, lambda: (road.base, road.template), road.bytes_there))


def chat(path: Path, prompt: str | None) -> None:
    """Talks with the exported model, or gives one answer."""
    from tweetstyle.chat import chat as talk

    road = Road(path)
    talk(exported_gguf(road.recipe, path), road.template, road.recipe.sampling, prompt)


def exported_gguf(recipe: Recipe, path: Path) -> Path:
    """The GGUF that the Modelfile names. Raises TweetstyleError where there is none, or it was trained under another prompt."""
    directory = recipe.export_directory
    if not (directory / "Modelfile").is_file():
        raise TweetstyleError("there is no exported model yet", where=str(directory), hint=f"tweetstyle-fit {path} makes it")
    made = Manifest.read(directory / "manifest.json")
    if made and (changed := changed_settings(made.settings.get("prompt"), recipe.prompt.model_dump(mode="json"), "prompt")):
        what = f"the exported model was trained under another prompt ({', '.join(changed)})"
        raise TweetstyleError(what, where=str(path), hint=f"tweetstyle-fit {path} trains it anew; or write the recipe as it was")
    source = next(line for line in (directory / "Modelfile").read_text(encoding="utf-8").splitlines() if line.startswith("FROM "))
    return directory / source.removeprefix("FROM ").strip()


# -- parts --------------------------------------------------------------------------------------------------


def _walk(stage: Stage, road: Road, forced: bool) -> None:
    reason = "asked for" if forced else stage.why_stale()
    if reason is None:
        click.secho(f"{stage.name:<9} current", fg="green", err=True)
        return
    click.secho(f"{stage.name:<9} {reason}", bold=True, err=True)
    if forced and stage.name == "fit":
        set_aside_other_run(road.recipe.run_directory, identity=None)
    stage.carry_out()


def _finish(road: Road, ollama: bool) -> None:
    from tweetstyle.ollama import shell_lines

    directory, name = road.recipe.export_directory, road.recipe.name
    if ollama:
        answer = ollama_client().create_and_ask(name, directory / "Modelfile")
        click.echo(f"ollama run {name}: {road.template.shown(answer)}")
    click.echo("\nTalk with it:")
    for line in [*shell_lines(name, directory / "Modelfile"), f"tweetstyle chat {road.path}"]:
        click.echo(f"  {line}")


def ollama_client():
    from tweetstyle.ollama import OllamaClient

    return OllamaClient()


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


@contextmanager
def one_run_at_a_time(recipe: Recipe) -> Iterator[None]:
    """A second run of the same recipe, or on the same prepared data, would write into the first one's files: it is refused."""
    with ExitStack() as held:
        processed = str(recipe.data.processed).strip("/.").replace("/", "-")
        hold(held, recipe.name, "another run of this recipe is at work", "wait for it, or end it first")
        hint = "wait for it, or give this recipe a data.processed directory of its own"
        hold(held, f"data-{processed}", f"another run is at work on {recipe.data.processed}", hint)
        yield


def hold(held: ExitStack, name: str, what: str, hint: str) -> None:
    """Takes a lock that the operating system gives back when the process ends, however it ends."""
    lock = Path("model") / f".{name}.lock"
    lock.parent.mkdir(exist_ok=True)
    stream = held.enter_context(lock.open("w"))
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TweetstyleError(what, where=name, hint=hint) from None


def plain(result: Any, *without: str) -> dict[str, Any]:
    """A verb's result as JSON values, for the manifest."""
    return json.loads(json.dumps({k: v for k, v in asdict(result).items() if k not in without}, default=str))


def show(renderable: Any) -> None:
    from rich.console import Console

    Console().print(renderable)

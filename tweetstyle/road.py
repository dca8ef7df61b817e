"""A recipe with its stages: what each reads, writes and is made by."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tweetstyle.base_model import BaseModel, read_base_model
from tweetstyle.conversations import files_read, read_conversations
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import complete_file
from tweetstyle.installed import installed_versions
from tweetstyle.manifest import Manifest, changed_settings, fingerprints, settings_digest, why_stale
from tweetstyle.outline import outline_base_model
from tweetstyle.recipe import Recipe
from tweetstyle.recipe_file import located, read_recipe
from tweetstyle.records import read_split
from tweetstyle.sources import open_archive
from tweetstyle.sources.inputs import files_of
from tweetstyle.template import SpecialTokens, Template, build_template

if TYPE_CHECKING:
    import numpy as np

    from tweetstyle.evaluate.result import Sample
    from tweetstyle.fit.closing import AsTrained
    from tweetstyle.held_out import HeldOut
    from tweetstyle.memory import Card
    from tweetstyle.needs import Needs

CHAT_TEMPLATE = "chat template"
"""Among the inputs of prepare, that which is no file: it decides lines, not tweets."""
NO_WEIGHTS_DEPEND_ON = ("save_total_limit", "logging_steps", "samples", "probe")
"""Training settings that may change between an interruption and its resumption."""
NO_MESSAGE_DEPENDS_ON = ("url", "concurrency")
"""Playback settings that say how the model is reached, and not what it is asked."""
DECIDING = (
    "tweetstyle",
    "torch",
    "unsloth",
    "trl",
    "transformers",
    "peft",
    "bitsandbytes",
    "datasets",
    "xllamacpp",
    "gguf",
    "scikit-learn",
)
"""Packages named in the report, with which a run can be made again."""


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
        self.writer: Path | None = None
        """The exported file that writes for the evaluation, in the trained model's place."""

    @cached_property
    def base(self) -> BaseModel:
        return read_base_model(self.recipe.model.base)

    @cached_property
    def template(self) -> Template:
        prompt = self.recipe.prompt
        with located(self.path):
            conversation = prompt.message == "playback"
            return build_template(
                prompt.format, prompt.style, self.base.tokens, prompt.custom, system=prompt.system, conversation=conversation
            )

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
                *([self._playback_stage()] if recipe.prompt.message == "playback" else []),
                Stage("fit", run / "fit.json", self.settings("prompt", "model", "training"), self._fit_inputs, self._fit),
                Stage(
                    "evaluate",
                    run / "evaluate.json",
                    self.settings("prompt", "evaluation", "sampling"),
                    self._evaluate_inputs,
                    self._evaluate,
                ),
                Stage(
                    "export",
                    export / "manifest.json",
                    self.settings("prompt", "sampling", "export"),
                    self._export_inputs,
                    self._export,
                    self._only_verify,
                ),
            )
        }

    def _source(self) -> dict[str, str]:
        data, prompt = self.recipe.data, self.recipe.prompt
        open_archive(data.source, data.separator)
        chat = {CHAT_TEMPLATE: settings_digest(repr(self.template.turns or self.template.pieces))} if prompt.format == "chat" else {}
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

    def _playback_stage(self) -> Stage:
        settings = self.settings("playback") | {"likely_languages": list(self.recipe.data.likely_languages)}
        settings["playback"] = {k: v for k, v in settings["playback"].items() if k not in NO_MESSAGE_DEPENDS_ON}
        settings["split"] = self.recipe.training.split
        return Stage("playback", self.recipe.data.processed / "playback.json", settings, self._playback_inputs, self._playback)

    def _playback_inputs(self) -> dict[str, str]:
        """Ollama is not asked what its model is now: messages stand until they are asked for anew (or the recipe names another)."""
        gguf = self.recipe.playback.gguf
        files = [self.split(name) for name in (self.recipe.training.split, "validation", "test")]
        return fingerprints([*files, *([gguf] if gguf and gguf.is_file() else [])])

    def _playback(self) -> Done:
        from tweetstyle.playback import playback, table

        recipe = self.recipe
        train = self.split(recipe.training.split)
        played = playback(recipe.playback, recipe.data.likely_languages, train, recipe.data.processed)
        show(table(played))
        click.echo(f"          look at some before you train on them: tweetstyle playback {self.path} --show 20", err=True)
        return played.outputs, plain(played, "outputs")

    def show_messages(self, count: int) -> None:
        """Some training tweets with their messages, those rejected with their reasons."""
        from tweetstyle.playback import pairs, show_some

        recipe = self.recipe
        train = self.split(recipe.training.split)
        show(pairs(show_some(recipe.playback, recipe.data.likely_languages, train, recipe.data.processed, count)))

    def _base_inputs(self) -> dict[str, str]:
        return {f"{self.base.path}/{name}": digest for name, digest in self.base.fingerprints.items()}

    def _fit_inputs(self) -> dict[str, str]:
        return self._base_inputs() | self._tweets_of(self.recipe.training.split, "validation")

    def _tweets_of(self, *splits: str) -> dict[str, str]:
        """The files that splits are read from, with the messages that their tweets answer."""
        return fingerprints([file for name in splits for file in files_read(self.split(name), self.template)])

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
        told = read_conversations(train)[1] if self.template.turns else None
        if told:
            click.echo(f"          {told}", err=True)
        settings = recipe.model, recipe.training
        result = fit(self.base, self.template, *settings, train, validation, recipe.run_directory, lambda: self.report(live=True))
        self._close()
        facts = plain(result) | ({"conversations": asdict(told)} if told else {})
        written = sorted(p for p in self.final_model.rglob("*") if p.is_file())
        return [*written, recipe.run_directory / "as_trained.json", recipe.run_directory / "imatrix.gguf"], facts

    def _close(self) -> AsTrained:
        """What the export needs to know of the trained model: made when fit ends, and again where it is gone."""
        from tweetstyle.fit.closing import close

        recipe = self.recipe
        splits = {name: self.split(name) for name in ("validation", "test")}
        train = self.split(recipe.training.split)
        return close(self.base, self.final_model, recipe.model.method, self.template, train, splits, recipe.run_directory)

    def fit_identity(self) -> str:
        """Digest of all that decides the weights: a run of the same goes on, one of another is set aside."""
        stage = self.stages["fit"]
        training = {k: v for k, v in stage.settings["training"].items() if k not in NO_WEIGHTS_DEPEND_ON}
        return settings_digest([stage.settings | {"training": training}, stage.inputs()])

    def bytes_there(self) -> int | None:
        """Bytes of an interrupted run that this one goes on with; None where the training is current and writes nothing."""
        run = self.recipe.run_directory
        if not self._ready_to_fit():
            return 0
        if self.stages["fit"].why_stale() is None:
            return None
        mark = run / "run.json"
        if not mark.is_file() or json.loads(mark.read_text())["identity"] != self.fit_identity():
            return 0
        return sum(f.stat().st_size for f in run.rglob("*") if f.is_file())

    def _ready_to_fit(self) -> bool:
        """Whether the stages before the training are current."""
        return not any(stage.why_stale() for stage in takewhile(lambda stage: stage.name != "fit", self.stages.values()))

    def check_speaker(self) -> None:
        """Refuses, before the tweets are prepared, a model that cannot be asked for messages, where it will have to be."""
        from tweetstyle.playback.speakers import speaker_of

        if "playback" in self.stages and not self._ready_to_fit():
            with located(self.path):
                speaker_of(self.recipe.playback)

    def check(self) -> None:
        """Refuses, before a minute is spent, what would fail later; shows what may go worse than it could."""
        self.refuse_what_would_fail()
        if self.bytes_there() is not None:
            from tweetstyle.checkup import stop_where_it_would_fail
            from tweetstyle.needs_shown import in_one_line

            self.refuse_what_cannot_fit()
            stop_where_it_would_fail(self)
            click.echo(in_one_line(self.run_needs), err=True)

    def refuse_what_would_fail(self) -> None:
        """The plan's own refusals."""
        from tweetstyle.plan import check_before_start

        with located(self.path):
            check_before_start(self.recipe, self.base, self.template, self.bytes_there())

    @cached_property
    def card(self) -> Card:
        """The card that the run is planned for, asked once."""
        from tweetstyle.needs import card_for

        return card_for(self.recipe)

    @cached_property
    def run_needs(self) -> Needs:
        """What the run takes of that card and of the machine; for this the base model must be whole."""
        from tweetstyle.needs import needs_of

        return needs_of(self.recipe, self.base, self.card)

    def needs(self, card_gib: float | None = None, tweets: int | None = None) -> Needs:
        """What the run takes. card_gib: of another card than the one that is here; tweets: of another number than the archive's."""
        from tweetstyle.needs import card_for, needs_of
        from tweetstyle.plan import lesson_of

        with located(self.path):
            outline = outline_base_model(self.recipe.model.base)
            there = self.split("train").is_file() and all(source.exists() for source in self.recipe.data.source)
            prepared = outline.whole and tweets is None and there and self._ready_to_fit()
            lesson = lesson_of(self.recipe, lambda: (self.base, self.template), prepared, tweets)
            return needs_of(self.recipe, outline, card_for(self.recipe, card_gib), lesson)

    def refuse_what_cannot_fit(self) -> None:
        """Refuses what the card that is here cannot hold."""
        from tweetstyle.needs import refuse_what_cannot_fit

        with located(self.path):
            refuse_what_cannot_fit(self.recipe, self.base, self.card)

    def _trained_inputs(self) -> dict[str, str]:
        if not self.final_model.is_dir():
            raise TweetstyleError("there is no trained model yet", where=str(self.final_model), hint=f"tweetstyle fit {self.path}")
        return self._base_inputs() | fingerprints(sorted(p for p in self.final_model.rglob("*") if p.is_file()))

    def _evaluate_inputs(self) -> dict[str, str]:
        others = self.recipe.evaluation.others
        tweets = self._tweets_of(self.recipe.training.split, "validation", "test")
        return self._trained_inputs() | tweets | fingerprints(list(files_of(others)) if others else [])

    def _evaluate(self) -> tuple[list[Path], dict[str, Any]]:
        from tweetstyle.evaluate import evaluate, style_table, table
        from tweetstyle.prepare.clean import clean

        recipe, run = self.recipe, self.recipe.run_directory
        splits = [self.split(name) for name in (recipe.training.split, "validation", "test")]
        settings = recipe.evaluation, recipe.sampling
        model = self.base, self.final_model, recipe.model.method
        evaluated = evaluate(
            *model, self.template, *settings, *splits, run, self.writer, clean=lambda tweet: clean(tweet, recipe.data).text
        )
        show(table(evaluated))
        if evaluated.style:
            show(style_table(evaluated.style))
        self._blind_test(evaluated.samples)
        return [run / "evaluation.json", run / "scores.json"], plain(evaluated)

    def _blind_test(self, samples: list[Sample]) -> None:
        """model/NAME/blind.html, of what was written for the evaluation; of too little it is not there."""
        from tweetstyle.evaluate.written import BASE, EXAMPLES, TUNED
        from tweetstyle.report.blind import write_blind
        from tweetstyle.report.blind_items import Text

        recipe = self.recipe
        real = [Text(sample.real, sample.topic) for sample in samples]
        others = {
            who: [Text(text, sample.topic) for sample in samples if (text := getattr(sample, who)) is not None]
            for who in (BASE, EXAMPLES, TUNED)
        }
        learned = (tweet.text for tweet in read_split(self.split(recipe.training.split)))
        path = recipe.run_directory / "blind.html"
        answers = bool(self.template.turns)
        if write_blind(path, real, others, recipe.language, recipe.evaluation.seed, learned=learned, answers=answers):
            click.echo(f"          which tweets are yours? {path}", err=True)

    def report(self, *, live: bool = False) -> Path:
        """model/NAME/report.html, of what stands. live: the training is still going on, and the page loads itself again."""
        from tweetstyle.report import RunFiles, write_report

        recipe = self.recipe
        files = RunFiles(
            recipe.run_directory,
            recipe.data.processed,
            recipe.export_directory,
            self.path.read_text(encoding="utf-8"),
            installed_versions(DECIDING),
        )
        return write_report(files, recipe.language, live=live)

    def verdict(self) -> list[str]:
        """Three sentences on what was measured, in the recipe's language; none where nothing was evaluated."""
        from tweetstyle.report import RunFiles, read_run, verdict

        recipe = self.recipe
        read = read_run(RunFiles(recipe.run_directory, recipe.data.processed, recipe.export_directory, "", {}))
        return verdict(read.evaluation, read.metrics, recipe.language) if read.evaluation else []

    def _export_inputs(self) -> dict[str, str]:
        return self._trained_inputs()

    def _export(self) -> Done:
        from tweetstyle.export import export
        from tweetstyle.imatrix import read_imatrix
        from tweetstyle.verify.llama_cpp import score_gguf

        recipe, directory, trained = self.recipe, self.recipe.export_directory, self._close()
        sample, _ = self._as_trained_sample(trained, ["validation"], recipe.export.gate_tweets)

        def bits_per_byte(gguf: Path) -> float:
            return float(score_gguf(gguf, sample.documents).sum() / sample.bytes.sum() / math.log(2))

        weights = self.base if self.adapter else read_base_model(self.final_model)
        exported = export(
            weights, self.adapter, self.template, recipe.export, recipe.sampling, recipe.name, directory,
            nf4=trained.nf4 if self.adapter else None,
            imatrix=read_imatrix(recipe.run_directory / "imatrix.gguf"),
            score=bits_per_byte,
        )  # fmt: skip
        choices = exported.choices
        for candidate, score in choices.scores.items():
            click.echo(f"          {candidate}: {score:.4f} bits per byte on validation", err=True)
        facts = {"bytes_written": exported.bytes_written, "choices": plain(choices)}
        return self._verified(exported.gguf, facts)

    def _only_verify(self, before: Manifest) -> Done | None:
        """The files as they were written, where only the gate's settings changed."""
        changed = changed_settings(before.settings, plain_json(self.stages["export"].settings))
        if "choices" not in before.facts or not changed or not all(key.startswith("export.gate") for key in changed):
            return None
        directory = self.recipe.export_directory
        gguf = {t: directory / f"{self.recipe.name}-{t}.gguf" for t in self.recipe.export.types}
        if not all(path.is_file() for path in gguf.values()):
            return None
        return self._verified(gguf, before.facts)

    def verify(self) -> None:
        """The gate alone, on what stands. Raises TweetstyleError where no file passes."""
        stage = self.stages["export"]
        before = Manifest.read(stage.manifest)
        directory, name = self.recipe.export_directory, self.recipe.name
        gguf = {t: path for t in self.recipe.export.types if (path := directory / f"{name}-{t}.gguf").is_file()}
        if before is None or not gguf:
            raise TweetstyleError("there is no export to verify", where=str(directory), hint=f"tweetstyle export {self.path}")
        if before.inputs != (inputs := stage.inputs()):
            what = "the export was made from another trained model than stands here"
            raise TweetstyleError(what, where=str(directory), hint=f"tweetstyle export {self.path} makes it anew")
        stage.manifest.unlink()
        outputs, facts = self._verified(gguf, before.facts, gate=True)
        Manifest(stage.name, before.settings, inputs, fingerprints(outputs, directory), facts).write(stage.manifest)

    def _verified(self, gguf: dict[str, Path], facts: dict[str, Any], *, gate: bool | None = None) -> Done:
        """Passes the files through the gate and writes what goes with them: Modelfile over the smallest that passed, model card."""
        from tweetstyle.export import write_modelfile
        from tweetstyle.export.model_card import write_model_card

        recipe, directory = self.recipe, self.recipe.export_directory
        for stale in ("parity.json", "parity.html"):
            (directory / stale).unlink(missing_ok=True)
        if recipe.export.gate if gate is None else gate:
            gguf = self._through_the_gate(gguf, facts["choices"]["merge_base"])
        names = {file_type: path.name for file_type, path in gguf.items()}
        write_modelfile(directory, names, self.template, recipe.export, recipe.sampling)
        write_model_card(recipe, self.base, self.template, names, facts, directory)
        beside = [directory / name for name in ("Modelfile", "README.md", "parity.json", "parity.html")]
        return [*gguf.values(), *(path for path in beside if path.is_file())], facts

    def _through_the_gate(self, gguf: dict[str, Path], merge_base: str) -> dict[str, Path]:
        from tweetstyle.verify.gate import Trained, rejected_types, set_aside, verify
        from tweetstyle.verify.page import verdict, write_parity
        from tweetstyle.verify.reference import MergedWeights

        recipe, directory, trained = self.recipe, self.recipe.export_directory, self._close()
        sample, nats = self._as_trained_sample(trained, ["test", "validation"], recipe.export.gate_tweets)
        weights = self.base if self.adapter else read_base_model(self.final_model)
        merged = MergedWeights(weights, self.adapter, trained.nf4 if merge_base == "dequantised_nf4" and self.adapter else None)
        held = Trained(merged, self.template, self.base.tokenizer, sample, nats)
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

    def _as_trained_sample(self, trained: AsTrained, splits: list[str], most: int) -> tuple[HeldOut, np.ndarray]:
        """Held-out tweets that were scored when fit ended, of the first split and where it has too few of the next, and their nats."""
        import numpy as np

        from tweetstyle.held_out import chosen

        scored = {name: dict(zip(trained.splits[name].ids, trained.splits[name].nats, strict=True)) for name in splits}
        files = {self.split(name): set(of) for name, of in scored.items()}
        sample = chosen(files, self.template, self.base.tokenizer, most)
        nats = {tweet: value for of in scored.values() for tweet, value in of.items()}
        return sample, np.array([nats[tweet.id] for tweet in sample.tweets])


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

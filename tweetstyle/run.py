"""A run: a recipe with its paths, base model and template, and which of its outputs exist."""

from __future__ import annotations

import json
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tweetstyle import run as identity
from tweetstyle.console import say
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import complete_file, read_back
from tweetstyle.manifest import settings_digest
from tweetstyle.model.base import BaseModel, read_base_model
from tweetstyle.plan.disk import NOTHING, Standing
from tweetstyle.prompt.template import SpecialTokens, Template, build_template
from tweetstyle.recipe import Recipe
from tweetstyle.recipe_yaml import located, read_recipe
from tweetstyle.stages import checks, gate, playback
from tweetstyle.stages import report as told
from tweetstyle.stages.evaluate import evaluate_stage
from tweetstyle.stages.export import export_stage
from tweetstyle.stages.fit import fit_stage
from tweetstyle.stages.playback import playback_stage
from tweetstyle.stages.prepare import prepare_stage
from tweetstyle.stages.stage import Stage

if TYPE_CHECKING:
    from tweetstyle.hardware.card import Card
    from tweetstyle.plan.estimate import Needs


class Road:
    """A recipe with what its stages share: the base model's facts and the template."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.recipe: Recipe = read_recipe(path)
        self.writer: Path | None = None
        """The exported file that writes for the evaluation, in the trained model's place."""
        self.trains_anew = False
        """Whether the training is carried out whatever stands: the earlier one is set aside."""
        self.exports, self.exports_anew = True, False
        """Whether the export is among what is carried out; and whether it is whatever stands."""

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

    @cached_property
    def stages(self) -> dict[str, Stage]:
        """By name, in their order. Nothing is read for them yet."""
        conversation = [playback_stage] if self.recipe.prompt.message == "playback" else []
        in_order = [prepare_stage, *conversation, fit_stage, evaluate_stage, export_stage]
        return {stage.name: stage for stage in (build(self) for build in in_order)}

    # -- before a run ---------------------------------------------------------------------------------------

    @cached_property
    def card(self) -> Card:
        """The card that the run is planned for, asked once."""
        from tweetstyle.plan.estimate import card_for

        return card_for(self.recipe)

    @cached_property
    def run_needs(self) -> Needs:
        """What the run still takes of that card and of the machine; for this the base model must be whole."""
        from tweetstyle.plan.estimate import needs_of

        return needs_of(self.recipe, self.base, self.card, standing=self.standing())

    def needs(self, card_gib: float | None = None, tweets: int | None = None) -> Needs:
        """What the run takes, also on another card or of another number of tweets."""
        return checks.needs(self, card_gib, tweets)

    def standing(self) -> Standing:
        """What of the run stands already, and is not written again."""
        return identity.standing(self)

    def check_speaker(self) -> str | None:
        """Refuses a model that cannot be asked for messages, where it will have to be; which one that is."""
        return checks.check_speaker(self)

    def check(self) -> None:
        """Refuses what would fail later; shows what may go worse than it could."""
        checks.check(self)

    def refuse_what_would_fail(self) -> None:
        """The plan's own refusals, but for the disk."""
        checks.refuse_what_would_fail(self)

    def refuse_what_cannot_fit(self) -> None:
        """Refuses what the card that is here cannot hold."""
        checks.refuse_what_cannot_fit(self)

    # -- beside the stages and after them -------------------------------------------------------------------

    def show_messages(self, count: int) -> None:
        """Some training tweets with their messages."""
        playback.show_messages(self, count)

    def verify(self) -> None:
        """The gate alone, on what stands. Raises TweetstyleError where no file passes."""
        gate.verify(self)

    def report(self) -> Path:
        """Writes model/NAME/report.html."""
        return told.report(self)

    def verdict(self) -> list[str]:
        """The three answers on what was measured; none where nothing was evaluated."""
        return told.verdict(self)


MARK = "run.json"
NO_WEIGHTS_DEPEND_ON = ("save_total_limit", "logging_steps", "samples", "probe")
"""Training settings that may change between an interruption and its resumption."""


def fit_identity(road: Road) -> str:
    """Digest of all that decides the weights: a run of the same goes on, one of another is set aside."""
    stage = road.stages["fit"]
    training = {k: v for k, v in stage.settings["training"].items() if k not in NO_WEIGHTS_DEPEND_ON}
    return settings_digest([stage.settings | {"training": training}, stage.inputs()])


def identity_in(directory: Path) -> str | None:
    """The identity of the run in a directory, None where there is no run. Raises TweetstyleError where its file is damaged."""
    mark = directory / MARK
    if not mark.is_file():
        return None
    found = read_back(mark, dict[str, str])
    if found is None or "identity" not in found:
        what = "damaged: it says which settings and data this training is of"
        hint = f"if they have not changed since, remove the file, and the training resumes; otherwise rename {directory} to keep it"
        raise TweetstyleError(what, where=str(mark), hint=hint)
    return found["identity"]


def set_aside_other_run(directory: Path, identity: str | None) -> None:
    """Renames a run made from other settings or data, so that its checkpoints are neither resumed nor lost."""
    mark = directory / MARK
    # Without the mark the directory is not a run of ours: it is left as it is.
    if mark.is_file() and (identity is None or identity_in(directory) != identity):
        number = 1
        while (aside := directory.with_name(f"{directory.name}-old-{number}")).exists():
            number += 1
        directory.rename(aside)
        say(f"          the earlier run now stands in {aside}")
    if identity is not None and not mark.is_file():
        with complete_file(mark) as stream:
            json.dump({"identity": identity}, stream)


def ready_to_fit(road: Road) -> bool:
    """Whether the stages before the training are current."""
    return not any(stage.why_stale() for stage in takewhile(lambda stage: stage.name != "fit", road.stages.values()))


def standing(road: Road) -> Standing:
    """What of a run stands, and is not written again by what is to be carried out."""
    from tweetstyle.train.checkpoints import has_ended

    if road.trains_anew or not ready_to_fit(road):
        return NOTHING
    if road.stages["fit"].why_stale() is None:
        exported = not road.exports or (not road.exports_anew and road.stages["export"].why_stale() is None)
        return Standing(prepared=True, ended=True, trained=True, exported=exported)
    run = road.recipe.run_directory
    if identity_in(run) != fit_identity(road):
        return Standing(prepared=True)
    written, ended = sum(f.stat().st_size for f in run.rglob("*") if f.is_file()), has_ended(run)
    # Before a training an export that would not fit is told, whoever carries it out; after it, only to who asks for one.
    return Standing(prepared=True, run=written, ended=ended, exported=ended and not road.exports)

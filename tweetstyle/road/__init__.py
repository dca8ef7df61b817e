"""A recipe with its stages: what each reads, writes and is made by.

A file for each stage builds it from the Road and holds its work; the other files hold what several stages share, what is asked
before a run and what is told after it.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tweetstyle.model.base import BaseModel, read_base_model
from tweetstyle.plan.disk import Standing
from tweetstyle.prompt.template import SpecialTokens, Template, build_template
from tweetstyle.recipe import Recipe
from tweetstyle.recipe_yaml import located, read_recipe
from tweetstyle.road import checks, gate, identity, playback, told
from tweetstyle.road.evaluate import evaluate_stage
from tweetstyle.road.export import export_stage
from tweetstyle.road.fit import fit_stage
from tweetstyle.road.playback import playback_stage
from tweetstyle.road.prepare import prepare_stage
from tweetstyle.road.stage import Stage

if TYPE_CHECKING:
    from tweetstyle.plan import Card
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

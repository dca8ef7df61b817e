"""A run: a recipe with its paths, base model and prompt template."""

from functools import cached_property
from pathlib import Path
from typing import Any

from tweetstyle.files import read_object
from tweetstyle.hardware.gpu import Card
from tweetstyle.locale import current_language
from tweetstyle.model.base import BaseModel, read_base_model
from tweetstyle.plan.estimate import card_for
from tweetstyle.prompt.template import SpecialTokens, Template, build_template
from tweetstyle.recipe import Recipe, Sampling
from tweetstyle.recipe_yaml import located, read_recipe


class Run:
    """A recipe, and what its stages share.

    retrain, reexport: do so although the outputs are up to date; export: the export is among the stages that this command carries
    out; writes_by_gguf: the exported file writes the evaluation's samples in the trained model's place.
    """

    def __init__(
        self, path: Path, *, retrain: bool = False, export: bool = True, reexport: bool = False, writes_by_gguf: bool = False
    ) -> None:
        self.path = path
        self.recipe: Recipe = read_recipe(path)
        self.retrain, self.export, self.reexport, self.writes_by_gguf = retrain, export, reexport, writes_by_gguf

    @cached_property
    def base(self) -> BaseModel:
        return read_base_model(self.recipe.model.base)

    @cached_property
    def template(self) -> Template:
        prompt = self.recipe.prompt
        more = {"system": prompt.system, "conversation": prompt.message == "playback"}
        with located(self.path):
            return build_template(prompt.format, prompt.style, self.base.tokens, prompt.custom, **more)

    @cached_property
    def line_template(self) -> Template:
        """The template that prepare renders lines with: only the `chat` format needs the base model for that."""
        prompt = self.recipe.prompt
        if prompt.format == "chat":
            return self.template
        with located(self.path):
            return build_template(prompt.format, prompt.style, SpecialTokens("<s>", "</s>"), prompt.custom)

    @cached_property
    def card(self) -> Card:
        """The card that the run is planned for, read once."""
        return card_for(self.recipe)

    @property
    def language(self) -> str:
        """Of report.html, blind.html and the model card. What is shown on the terminal follows the command alone."""
        return self.recipe.language or current_language()

    def settings(self, *sections: str) -> dict[str, Any]:
        """Sections of the recipe as plain JSON values; None for `sampling: auto`."""
        found = {section: getattr(self.recipe, section) for section in sections}
        return {section: of and of.model_dump(mode="json") for section, of in found.items()}

    @property
    def sampling(self) -> Sampling:
        """The recipe's or, with `sampling: auto`, what the evaluation chose; before it the default."""
        if self.recipe.sampling:
            return self.recipe.sampling
        chosen = read_object(self.recipe.run_directory / "evaluation.json").get("sampling")
        return Sampling(**chosen["candidates"][chosen["chosen"]]["sampling"]) if chosen else Sampling()

    def split(self, name: str) -> Path:
        return self.recipe.data.processed / f"{name}.jsonl"

    @property
    def final_model(self) -> Path:
        return self.recipe.run_directory / "final_model"

    @property
    def adapter(self) -> Path | None:
        return None if self.recipe.model.method == "full" else self.final_model

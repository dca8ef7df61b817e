"""The answers so far, in recipes/NAME.start.json, with which the command continues."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tweetstyle.files import complete_file, read_back
from tweetstyle.locale import _
from tweetstyle.start.questions import Questions

RECIPES, ENDING = Path("recipes"), ".start.json"


@dataclass
class Answers:
    """Empty: not answered yet.

    archive: its path; name: of the run and its recipe; tweets, languages, french: what the archive holds; kind: SUBJECT or MESSAGES;
    writer: the model of Ollama that writes messages, SMALL for the small one; base, trial_base: directories of the base models of
    the full run and of the trial; tried: whether the trial has ended; finished: whether the guide has.
    """

    archive: str
    style: str
    name: str
    tweets: int
    languages: list[str]
    french: bool
    kind: str = ""
    writer: str = ""
    base: str = ""
    trial_base: str = ""
    tried: bool = False
    finished: bool = False

    @property
    def recipe(self) -> Path:
        return recipe_of(self.name)

    @property
    def trial(self) -> Path:
        return recipe_of(f"{self.name}-trial")

    def save(self) -> None:
        with complete_file(RECIPES / f"{self.name}{ENDING}") as stream:
            json.dump(asdict(self), stream, indent=2, ensure_ascii=False)


def recipe_of(name: str) -> Path:
    return RECIPES / f"{name}.yaml"


def unfinished(archive: Path | None, ask: Questions) -> Answers | None:
    """What an earlier guide over this archive, or over any, left unfinished, where the user wants to continue with it."""
    for path in sorted(RECIPES.glob(f"*{ENDING}"), key=lambda path: path.stat().st_mtime, reverse=True):
        answers = read_back(path, Answers)
        if answers is None or answers.finished or (archive and Path(answers.archive) != archive):
            continue
        if ask.confirm(_("Continue with {name}, from {archive}?", name=answers.name, archive=answers.archive)):
            return answers
    return None

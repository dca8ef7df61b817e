"""Questions with defaults, and the answers, kept so that the same command continues."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import click

from tweetstyle.console import say
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import complete_file, read_back
from tweetstyle.locale import _

YES, NO = ("y", "yes", "o", "oui"), ("n", "no", "non")
"""Taken in every language."""
RECIPES, ENDING = Path("recipes"), ".start.json"

Answer = TypeVar("Answer")


class Choice(NamedTuple):
    """label: what is chosen, in a few words; about: one line that explains it."""

    label: str
    about: str


@dataclass(frozen=True)
class Questions:
    """yes: nothing is asked, each default is taken and shown."""

    yes: bool

    def text(self, question: str, default: str) -> str:
        return self._ask(question, default, default, lambda typed: typed.strip() or default)

    def confirm(self, question: str, default: bool = True) -> bool:
        shown = _("Y/n") if default else _("y/N")
        return self._ask(question, shown, next(filter(str.isupper, shown)).lower(), _as_bool)

    def choose(self, question: str, choices: Sequence[Choice], default: int = 0) -> int:
        """The place of what was chosen."""
        for number, choice in enumerate(choices, 1):
            say(f"  {number}  {choice.label}", err=False, bold=True)
            say(f"     {choice.about}", err=False, hanging=5)

        def place(typed: str) -> int:
            if not typed.strip().isdecimal() or not 1 <= int(typed) <= len(choices):
                raise click.UsageError(_("type a number from 1 to {last}", last=len(choices)))
            return int(typed) - 1

        return self._ask(question, str(default + 1), str(default + 1), place)

    def _ask(self, question: str, shown: str, default: str, read: Callable[[str], Answer]) -> Answer:
        """Asks until `read` takes what was typed. shown: the default in brackets."""
        text = _("{question} [{default}]: ", question=question, default=shown)
        if self.yes:
            say(text + default, err=False)
            return read(default)
        try:
            return click.prompt(text, default=default, show_default=False, prompt_suffix="", value_proc=read)
        except click.Abort as abort:
            say(err=False)
            if isinstance(abort.__context__, EOFError):
                hint = _("run the same command again to continue, or add --yes to accept every default")
                raise TweetstyleError(_("the input ended before all questions were answered"), hint=hint) from None
            raise KeyboardInterrupt from None


def _as_bool(typed: str) -> bool:
    word = typed.strip().lower()
    if word not in (*YES, *NO):
        raise click.UsageError(_("type y for yes or n for no"))
    return word in YES


@dataclass
class Answers:
    """What recipes/NAME.start.json holds; empty: not answered yet.

    archive: its path; author: the user's name in it, where it is a chat; name: of the run and its recipe; tweets, languages, french:
    what the archive holds; kind: base.SUBJECT or base.MESSAGES; writer: the model of Ollama that writes messages, or base.SMALL; base,
    trial_base: directories of the base models of both runs; written: whether the recipes are; tried: whether the trial has ended;
    finished: whether the guide has.
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
    written: bool = False
    tried: bool = False
    finished: bool = False
    author: str = ""

    @property
    def recipe(self) -> Path:
        return RECIPES / f"{self.name}.yaml"

    @property
    def trial(self) -> Path:
        return RECIPES / f"{self.name}-trial.yaml"

    def save(self) -> None:
        with complete_file(RECIPES / f"{self.name}{ENDING}") as stream:
            json.dump(asdict(self), stream, indent=2, ensure_ascii=False)


def unfinished(archive: Path | None, ask: Questions) -> Answers | None:
    """Of an earlier guide over this archive, or over any, where the user wants to continue with it."""
    for path in sorted(RECIPES.glob(f"*{ENDING}"), key=lambda path: path.stat().st_mtime, reverse=True):
        answers = read_back(path, Answers)
        if answers is None or answers.finished or (archive and Path(answers.archive).resolve() != archive.resolve()):
            continue
        if ask.confirm(_("Continue with {name}, from {archive}?", name=answers.name, archive=answers.archive)):
            return answers
    return None

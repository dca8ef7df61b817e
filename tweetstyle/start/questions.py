"""The guide's questions, each with a default; with --yes the defaults are the answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import click

from tweetstyle.console import say
from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import _

YES, NO = ("y", "yes", "o", "oui"), ("n", "no", "non")
"""Taken in every language."""

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
        return self._ask(question, shown, YES[0] if default else NO[0], _as_bool)

    def choose(self, question: str, options: Sequence[Choice], default: int = 0) -> int:
        """The place of the option that was chosen."""
        for number, option in enumerate(options, 1):
            say(f"  {number}  {option.label}", err=False, bold=True)
            say(f"     {option.about}", err=False, hanging=5)

        def place(typed: str) -> int:
            if not typed.strip().isdecimal() or not 1 <= int(typed) <= len(options):
                raise click.UsageError(_("type a number from 1 to {last}", last=len(options)))
            return int(typed) - 1

        return self._ask(question, str(default + 1), str(default + 1), place)

    def _ask(self, question: str, shown: str, default: str, read: Callable[[str], Answer]) -> Answer:
        """Asks until `read` takes what was typed. shown: the default as it stands in brackets."""
        text = f"{question} [{shown}]"
        if self.yes:
            say(f"{text}: {default}", err=False)
            return read(default)
        try:
            return click.prompt(text, default=default, show_default=False, value_proc=read)
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

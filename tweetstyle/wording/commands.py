"""click's commands in the reader's language: offline, each error as one message."""

import inspect
import math
import sys
from itertools import pairwise
from typing import Any

import click

from tweetstyle.console import ignore_syntax_warnings, print_in_any_encoding, restart_in_utf8_mode, say
from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import LANGUAGES, N_, _, current_language, use_language
from tweetstyle.offline import keep_offline, without_triton_in_torch

LANG = "--lang"


class ShownInLanguage:
    """An attribute of click's that is set in English and read in the current language."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __set__(self, part: Any, text: str | None) -> None:
        part.__dict__[self.name] = text and inspect.cleandoc(text)

    def __get__(self, part: Any, owner: type | None = None) -> str | None:
        text = part.__dict__.get(self.name)
        return _(text) if text else None


class Argument(click.Argument):
    metavar = ShownInLanguage()


class Option(click.Option):
    metavar, help = ShownInLanguage(), ShownInLanguage()


class FiniteRange(click.FloatRange):
    """A range of floats without "nan", which no comparison with its ends refuses."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> float:
        if math.isnan(number := super().convert(value, parameter, context)):
            self.fail(_("{value!r} is not a valid {number_type}.", value=value, number_type=self.name), parameter, context)
        return number


class PortableCommand(click.Command):
    """Prints in whatever encoding the output has, and in the language of --lang or else of the locale."""

    help, options_metavar = ShownInLanguage(), ShownInLanguage()

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        text = N_("Language of what is shown: fr or en; without it, that of the locale.")
        self.params.append(Option([LANG], type=click.Choice(LANGUAGES, case_sensitive=False), is_eager=True, expose_value=False, help=text))

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Sets the language first: that of the last --lang anywhere in the line, for --help and for errors too."""
        wanted = [part.rpartition("=")[2] for before, part in pairwise(["", *args]) if before == LANG or part.startswith(f"{LANG}=")]
        named = [language.lower() for language in wanted if language.lower() in LANGUAGES]
        use_language(named[-1] if named else current_language())
        return super().parse_args(context, args)

    def get_help_option(self, context: click.Context) -> click.Option | None:
        """click keeps its own from the first call on, whatever the language was then."""
        if option := super().get_help_option(context):
            option.help = _("Show this message and exit.")
        return option

    def get_short_help_str(self, limit: int = 45) -> str:
        """The whole first sentence: click cuts it at `limit` characters, and wraps what is longer than a line anyway."""
        return super().get_short_help_str(limit=1000)

    def main(self, *arguments: Any, **options: Any) -> Any:
        if not arguments and not options:  # As a program, not from one: a test gives its arguments.
            restart_in_utf8_mode()
        print_in_any_encoding()
        ignore_syntax_warnings()
        return super().main(*arguments, **options)


class CommandGroup(PortableCommand, click.Group):
    """The commands of the toolkit."""

    subcommand_metavar = ShownInLanguage()


class OfflineCommand(PortableCommand):
    """Keeps what is imported within it off the network. Prints a TweetstyleError in red and exits 1; a bug keeps its traceback."""

    def invoke(self, context: click.Context):
        keep_offline()
        without_triton_in_torch()
        try:
            return super().invoke(context)
        except TweetstyleError as error:
            say(str(error), fg="red")
            sys.exit(1)
        except KeyboardInterrupt:
            say("\n" + _("interrupted: to continue, run the same command again"), fg="yellow")
            sys.exit(130)

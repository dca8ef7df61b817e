"""Terminal output: any encoding, wrapped at words; sizes, counts, percentages."""

from __future__ import annotations

import codecs
import locale
import os
import re
import sys
import textwrap
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

import click

from tweetstyle.locale import _, localised

if TYPE_CHECKING:
    from rich.console import Console

EIGHTHS = " ▏▎▍▌▋▊▉"
INDENT = " " * 10
"""Of what is said about a stage, as wide as its name."""
NARROWEST = 40
"""Columns; a narrower terminal gets lines of its own width."""
LABEL = re.compile(r" *(?:→ |[^\W\d_]+ {2,})?")
"""What precedes the text of a line."""
WORD = re.compile(r"[^\S\u00a0\u202f]*[\S\u00a0\u202f]+[^\S\u00a0\u202f]*")
"""With the spaces around it, but for no-break spaces, which are a part of it."""


def restart_in_utf8_mode() -> None:
    """Starts the program again in Python's UTF-8 mode, in which libraries read their own files; it prints in the locale's encoding."""
    if not sys.flags.utf8_mode and codecs.lookup(locale.getencoding()).name != "utf-8":
        os.environ |= {"PYTHONUTF8": "1", "PYTHONIOENCODING": sys.stdout.encoding}
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def print_in_any_encoding() -> None:
    """What the output's encoding cannot express is printed as a question mark: a sentence must not end in a traceback."""
    for stream in filter(None, (sys.stdin, sys.stdout, sys.stderr)):  # None: closed by the shell (<&-)
        stream.reconfigure(errors="replace")


def ignore_syntax_warnings() -> None:
    """Python 3.12 and later print one for each wrong escape sequence in a library's source, whenever it is compiled (torchao has some)."""
    warnings.simplefilter("ignore", SyntaxWarning)


def say(text: str = "", *, err: bool = True, wrap: bool = True, hanging: int | None = None, nl: bool = True, **style: Any) -> None:
    """Prints text, on a terminal wrapped at words. hanging: see `wrapped`; style: of click.style, left out with NO_COLOR."""
    stream = sys.stderr if err else sys.stdout
    if wrap and (columns := terminal_width(stream)):
        text = wrapped(text, columns, hanging)
    # To the stream itself: where its encoding is ASCII, click's own choice would write UTF-8.
    click.echo(click.style(text, **style) if style else text, file=stream, nl=nl, color=False if os.environ.get("NO_COLOR") else None)


def say_of_stage(text: str, **style: Any) -> None:
    """A line beneath the name of the stage in progress."""
    say(INDENT + text, **style)


def terminal_width(stream: TextIO) -> int | None:
    """Columns of the terminal that `stream` is; None where it is none."""
    with suppress(OSError, ValueError, AttributeError):
        if stream.isatty():
            return os.get_terminal_size(stream.fileno()).columns or 80
    return None


def wrapped(text: str, columns: int, hanging: int | None = None) -> str:
    """Each line in lines of at most `columns` characters, broken between words only, so that a path stays whole.

    hanging: by how much further lines are indented; without it, as far as the line's own text, behind the arrow of a hint or the name
    of a stage.
    """
    return "\n".join(line for whole in text.split("\n") for line in _lines(whole, max(columns, NARROWEST), hanging))


def _lines(line: str, columns: int, hanging: int | None) -> list[str]:
    begin = hanging if hanging is not None else LABEL.match(line).end()
    indents = {"initial_indent": line[:begin], "subsequent_indent": " " * begin}
    return textwrap.wrap(line[begin:], columns, break_long_words=False, break_on_hyphens=False, **indents) or [line]


def rich_console(**options: Any) -> Console:
    """rich's console, which breaks no line at a no-break space here (by itself it does: Textualize/rich#4196)."""
    from rich import _wrap
    from rich.console import Console

    _wrap.re_word = WORD
    return Console(**options)


def size(count: int) -> str:
    """Binary units, one decimal."""
    for unit in (_("B"), _("KiB"), _("MiB")):
        if count < 1024:
            return localised(f"{count:,.0f}" if isinstance(count, int) else f"{count:,.1f}") + f" {unit}"
        count /= 1024
    return localised(f"{count:,.1f}") + " " + _("GiB")


def bar(share: float, width: int) -> str:
    """A bar of block characters, to an eighth of one; what is more than nothing is never drawn as nothing."""
    eighths = min(width * 8, max(round(share * width * 8), int(share > 0)))
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def percent(share: float) -> str:
    """ "12.3%"; what is more than nothing and less than all is never rounded to it."""
    if 0 < share < 0.001:
        return localised("<0.1%")
    return localised(">99.9%" if 0.999 < share < 1 else f"{share:.1%}")


def as_rate(rate: float) -> str:
    """0.0002 as 2e-4, 0.00025 as 2.5e-4; 1 stays 1."""
    if 0.1 <= rate < 100:
        return f"{rate:g}"
    digits, power = f"{rate:.2e}".split("e")
    return f"{float(digits):g}e{int(power)}"

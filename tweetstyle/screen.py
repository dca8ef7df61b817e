"""Text for the terminal: in whatever encoding it has, and wrapped at words as wide as it is."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from typing import Any, TextIO

import click

NARROWEST = 40
"""Columns; a narrower terminal gets lines of so many."""
COMMAND = re.compile(
    r"`[^`]*`"
    r"|\b(?:tweetstyle(?:-fit)?|hf download|ollama (?:run|create|list|serve|pull)|nvidia-smi|(?:python -m )?pip install|free)\b"
    r"(?: (?:--?[\w-]+(?: (?!→)[\w.]+)?|[A-Z]{2,}\b|[\w./~*-]*[/.*][\w./~*-]*[\w/*]|"
    r"(?:prepare|playback|fit|evaluate|export|verify|chat|compare|plan|doctor|inspect)\b))*"
)
"""What a person copies as a whole: a command of the toolkit or beside it with its options and paths, or anything in backticks."""
KEPT = "\0"
"""A space within a command, while its line is broken."""


def print_in_any_encoding() -> None:
    """What the output's encoding cannot express is printed as a replacement character: a sentence must not end in a traceback."""
    for stream in (sys.stdout, sys.stderr):
        # A stream that somebody put in its place (a test's, a notebook's) may have no encoding at all.
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="replace")


def say(text: str, *, err: bool = True, **style: Any) -> None:
    """Prints text, on a terminal wrapped at words; elsewhere line by line as it is. style: of click.secho."""
    stream = sys.stderr if err else sys.stdout
    columns = terminal_width(stream)
    click.secho(wrapped(text, columns) if columns else text, err=err, **style)


def terminal_width(stream: TextIO) -> int | None:
    """Columns of the terminal that `stream` is; None where it is none."""
    with suppress(OSError, ValueError, AttributeError):
        if stream.isatty():
            return os.get_terminal_size(stream.fileno()).columns or 80
    return None


def wrapped(text: str, columns: int) -> str:
    """Each line in lines of at most `columns` cells, broken between words only; further ones are indented as the line's own text is.

    Paths, which have no spaces, and commands are not broken, even where one is longer than a line.
    """
    return "\n".join(line for whole in text.split("\n") for line in _lines(whole, max(columns, NARROWEST)))


def _lines(line: str, columns: int) -> list[str]:
    from rich.cells import cell_len

    text = line.lstrip(" ")
    begin = " " * (len(line) - len(text))
    # A hint's text stands behind its arrow, and a stage's words behind its name.
    label = re.match(r"→ |[a-z]+ {2,}", text)
    indent = begin + " " * (label.end() if label else 0)
    lines, now = [], begin + (label[0] if label else "")
    begun = False
    for word in COMMAND.sub(lambda found: found[0].replace(" ", KEPT), text[label.end() if label else 0 :]).split(" "):
        if begun and cell_len(now) + 1 + cell_len(word) > columns:
            lines.append(now)
            now, begun = indent, False
        now += f" {word}" if begun else word
        begun = True
    return [found.replace(KEPT, " ") for found in (*lines, now)]

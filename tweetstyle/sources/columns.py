"""Which column of a CSV holds what, by its header: every tool has its own names for them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from typing import NamedTuple

from tweetstyle.errors import TweetstyleError, closest

EXAMPLE = "id_tweet,texte,date_creation"
NAMES = {
    "id_tweet": ("id_tweet", "tweet_id", "id_str", "id", "status_id", "identifiant"),
    "texte": ("texte", "full_text", "tweet_text", "text", "tweet", "content", "contenu"),
    "date_creation": ("date_creation", "created_at", "timestamp", "date", "created", "time"),
    "in_reply_to_status_id": ("in_reply_to_status_id", "in_reply_to_status_id_str", "in_reply_to_tweet_id", "in_reply_to", "reply_to"),
    "retweeted_status_id": ("retweeted_status_id", "retweeted_status_id_str", "is_retweet", "isretweet"),
}
"""What tools call the columns, in lower case with _; of several that are there, the first one is read."""
REQUIRED = "texte"
LONGEST_ID = 100
"""Characters. X's have 19; longer ones are a text in the wrong place."""

_SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab"}
_EXCEL_LINE = re.compile(r"sep=(.)", re.IGNORECASE)
"""Excel's own first line, which names the separator."""


class Columns(NamedTuple):
    """Position of each; None: the column is not there. width: cells of a row."""

    id: int | None
    text: int
    date: int | None
    reply: int | None
    retweet: int | None
    width: int


def separator_line(line: str) -> str | None:
    """The separator that Excel's `sep=;` names; None for any other line."""
    found = _EXCEL_LINE.fullmatch(line.strip(" \r\n"))
    return found[1] if found and found[1] in _SEPARATORS else None


def separator_of(header: str) -> str:
    """The separator by which the header line has most known columns, then most columns."""

    def worth(separator: str) -> tuple[int, int]:
        names = _folded(cells_of(header, separator))
        return sum(any(name in names for name in known) for known in NAMES.values()), len(names)

    return max(_SEPARATORS, key=worth)


def in_words(separator: str) -> str:
    return _SEPARATORS[separator]


def cells_of(line: str, separator: str) -> list[str]:
    """The cells of one line, quoted or not."""
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return []


def is_header(line: str) -> bool:
    """Whether a text that begins with this line is a CSV: it names a text and something else that is known."""
    names = _folded(cells_of(line, separator_of(line)))
    known = [column for column, others in NAMES.items() if any(name in names for name in others)]
    return REQUIRED in known and len(known) > 1


def find_columns(header: list[str], where: str, notices: list[str]) -> Columns:
    """Raises TweetstyleError where the text's column is missing, or one that is read is there twice."""
    names = _folded(header)
    positions = {}
    for column, known in NAMES.items():
        there = [name for name in known if name in names]
        if there and names.count(there[0]) > 1:
            raise TweetstyleError(f"the column {there[0]} is there twice", where=where, hint="rename one of them")
        if len(there) > 1:
            notices.append(f"{where}: the column {there[0]} is read, not {' or '.join(there[1:])}")
        positions[column] = names.index(there[0]) if there else None
    if positions[REQUIRED] is None:
        raise _no_text(names, where)
    identifier, text, date, reply, retweet = positions.values()
    return Columns(identifier, text, date, reply, retweet, len(header))


def _folded(header: list[str]) -> list[str]:
    return [re.sub(r"[\s-]+", "_", name.strip().lower()) for name in header]


def _no_text(names: list[str], where: str) -> TweetstyleError:
    known = {name for others in NAMES.values() for name in others}
    near = closest(REQUIRED, [name for name in names if name not in known], 0.5)
    hint = f"rename the column {near} to {REQUIRED}" if near else f"the first line names the columns, for example {EXAMPLE}"
    return TweetstyleError(f"the column {REQUIRED} is missing (there: {listed(names)})", where=where, hint=hint)


def listed(names: Iterable[str]) -> str:
    """For messages: what cannot be printed, a terminal's commands and half characters among it, is written out."""
    return ", ".join((name if name.isprintable() else repr(name))[:40] for name in list(names)[:20] if name) or "none"

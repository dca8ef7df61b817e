"""Tweets from a CSV; every error names its line."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from tweetstyle.errors import TweetstyleError, closest
from tweetstyle.records import SourceTweet
from tweetstyle.sources.dates import Times
from tweetstyle.sources.text_files import TextFile, lines_of

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

ROUNDED_SHARE = 0.5
"""Share of ids ending in 000 from which they are called rounded; one in a thousand does by chance."""
FEWEST_ROUNDED = 10

_SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab"}
_EXCEL_LINE = re.compile(r"sep=(.)", re.IGNORECASE)
"""Excel's own first line, which names the separator."""
_NO = frozenset(("", "0", "f", "false", "faux", "n", "no", "non", "none", "null", "nan"))
"""Values in a column of retweets that mean "not a retweet"."""
_RUINED_ID = re.compile(r"\d+(?:[.,]\d*)?[eE]\+?\d+|\d+[.,]\d*")
_AS_TEXT = re.compile(r"""='?"?(\d+)"?|'(\d+)""")
"""="123" and '123: how one keeps a spreadsheet from rounding an id."""


class Columns(NamedTuple):
    """Position of each; None: the column is not there. width: cells of a row."""

    id: int | None
    text: int
    date: int | None
    reply: int | None
    retweet: int | None
    width: int


def looks_like_csv(text: str) -> bool:
    """Whether the text begins with a header that names the columns of tweets."""
    lines = (line for line in text.splitlines() if line.strip() and _separator_line(line) is None)
    header = next(lines, "")
    names = _folded(_cells_of(header, _separator_of(header)))
    known = [column for column, others in NAMES.items() if any(name in names for name in others)]
    return REQUIRED in known and len(known) > 1


def read_csv(document: TextFile, name: str, notices: list[str], advance: Callable[[int], object]) -> Iterator[SourceTweet]:
    """Yields the rows of a CSV with a header, in the file's order. Blank rows are not rows.

    Separators are , ; and tab; the columns are found by their names (`NAMES`).

    Args:
        document: the file.
        name: what ids are made from where there is no column of ids.
        notices: gets what the user should know.
        advance: is called with the number of bytes just read.

    Raises:
        TweetstyleError: at the first row that cannot be read; for ids that a spreadsheet rounded, at the end, with their count.
    """
    times = Times(str(document))
    yield from _Rows(document, name, notices, times).read(advance)
    notices += times.notices()


class _Rows:
    def __init__(self, document: TextFile, name: str, notices: list[str], times: Times) -> None:
        self._document, self._name, self._notices, self._times = document, name, notices, times
        self._count = self._ruined = self._rounded = 0
        self._first_ruined = ""

    def read(self, advance: Callable[[int], object]) -> Iterator[SourceTweet]:
        lines = lines_of(self._document, self._notices, advance)
        header_line, before = _first_line(lines)
        separator = _separator_line(header_line)
        if separator:
            header_line, more = _first_line(lines)
            before += more
        separator = separator or _separator_of(header_line)
        if separator != ",":
            self._notices.append(f"{self._document}: the columns are separated by {_SEPARATORS[separator]}")
        reader = csv.reader(chain([header_line], lines), delimiter=separator, strict=True)
        rows = self._rows(reader, before)
        line, header = next(rows, (before, []))
        columns = _find_columns(header, f"{self._document}:{line}", self._notices)
        yield from self._tweets(rows, columns)
        self._finish(columns)

    def _rows(self, reader, before: int) -> Iterator[tuple[int, list[str]]]:
        """The rows that are not blank, each with the line it begins on."""
        line = before
        try:
            for cells in reader:
                if cells and (len(cells) > 1 or not cells[0].isspace()):
                    yield line, cells
                line = before + reader.line_num
        except csv.Error as error:
            hint = 'put a cell with a separator, a quote or a line break in "quotes", and double a quote inside it: ""'
            where = f"{self._document}:{line}"
            raise TweetstyleError(f"not valid CSV from this line on ({error})", where=where, hint=hint) from error

    def _tweets(self, rows: Iterator[tuple[int, list[str]]], columns: Columns) -> Iterator[SourceTweet]:
        place, read_date = f"{self._document}:", self._times.read
        at_id, at_text, at_date, at_reply, at_retweet, width = columns
        for line, cells in rows:
            where = f"{place}{line}"
            if len(cells) != width:
                raise _wrong_width(cells, width, where)
            identifier = f"{self._name}:{line:07}" if at_id is None else cells[at_id]
            if not (identifier.isascii() and identifier.isdigit() and len(identifier) <= LONGEST_ID) and at_id is not None:
                if not any(map(str.strip, cells)):
                    continue
                identifier = self._unusual_id(identifier.strip(), where)
            if identifier[-3:] == "000":
                self._rounded += 1
            self._count += 1
            text = cells[at_text]
            if "\r" in text:
                text = text.replace("\r\n", "\n").replace("\r", "\n")
            created_at = read_date("" if at_date is None else cells[at_date], identifier, where)
            reply_to = "" if at_reply is None else _reply_to(cells[at_reply])
            tweet = SourceTweet(identifier, text, created_at, where, reply_to)
            yield tweet if at_retweet is None or cells[at_retweet].strip().lower() in _NO else tweet._replace(is_retweet=True)

    def _unusual_id(self, identifier: str, where: str) -> str:
        """An id that is not digits alone: written as text, ruined, or some other archive's."""
        if found := _AS_TEXT.fullmatch(identifier):
            return found[1] or found[2]
        if _RUINED_ID.fullmatch(identifier):
            self._ruined += 1
            self._first_ruined = self._first_ruined or f"{where}: {identifier}"
        elif not identifier or not identifier.isprintable() or " " in identifier or len(identifier) > LONGEST_ID:
            raise TweetstyleError(f"the id is {identifier[:80]!r}", where=where, hint="an id is the tweet's number, without spaces")
        return identifier

    def _finish(self, columns: Columns) -> None:
        where = str(self._document)
        if not self._count:
            raise TweetstyleError("the file has a header and no row", where=where, hint="export the tweets again")
        if self._ruined:
            what = f"{self._ruined:,} of {self._count:,} ids are rounded numbers (the first at {self._first_ruined}): "
            hint = "take the file as it was before a spreadsheet saved it, or import the column of ids there as text"
            raise TweetstyleError(f"{what}a spreadsheet has lost their last digits", where=where, hint=hint)
        if columns.id is None:
            self._notices.append(f"{where}: there is no column of ids: the file name and line number are used instead")
        elif self._rounded >= FEWEST_ROUNDED and self._rounded > ROUNDED_SHARE * self._count:
            what = f"{self._rounded:,} of {self._count:,} ids end in 000: a spreadsheet may have rounded them, and tweets may share one"
            self._notices.append(f"{where}: {what}; take the file as it was before")


def _first_line(lines: Iterator[str]) -> tuple[str, int]:
    """The first line that is not blank, and its number; the last number where there is none."""
    number = 0
    for number, line in enumerate(lines, 1):
        if line.strip():
            return line, number
    return "", number


def _reply_to(cell: str) -> str:
    """The id; nothing for a spreadsheet's ruined one, which would name another tweet, and for the empty values of some tools."""
    cell = cell.strip()
    if found := _AS_TEXT.fullmatch(cell):
        return found[1] or found[2]
    return cell if cell.isascii() and cell.isdigit() and cell.strip("0") else ""


def _wrong_width(cells: list[str], width: int, where: str) -> TweetstyleError:
    many = "too many" if len(cells) > width else "too few"
    hint = 'put a text with a separator in "quotes"' if many == "too many" else "a quote may be missing in a row above"
    return TweetstyleError(f"{many} cells: {len(cells)} where the header has {width}", where=where, hint=f"{hint}: {EXAMPLE}")


def _separator_line(line: str) -> str | None:
    """The separator that Excel's `sep=;` names; None for any other line."""
    found = _EXCEL_LINE.fullmatch(line.strip(" \r\n"))
    return found[1] if found and found[1] in _SEPARATORS else None


def _separator_of(header: str) -> str:
    """The separator by which the header line has most known columns, then most columns."""

    def worth(separator: str) -> tuple[int, int]:
        names = _folded(_cells_of(header, separator))
        return sum(any(name in names for name in known) for known in NAMES.values()), len(names)

    return max(_SEPARATORS, key=worth)


def _cells_of(line: str, separator: str) -> list[str]:
    """The cells of one line, quoted or not."""
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return []


def _find_columns(header: list[str], where: str, notices: list[str]) -> Columns:
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

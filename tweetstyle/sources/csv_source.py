"""Reads a CSV as a stream; whatever is wrong with it is one error that names the line."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from itertools import chain

from tweetstyle.errors import TweetstyleError
from tweetstyle.records import SourceTweet
from tweetstyle.sources.columns import EXAMPLE, LONGEST_ID, Columns, find_columns, in_words, is_header, separator_line, separator_of
from tweetstyle.sources.documents import Document
from tweetstyle.sources.encodings import lines_in_pieces, split_lines
from tweetstyle.sources.snowflake import Times

ROUNDED_SHARE = 0.5
"""Share of ids ending in 000 from which they are called rounded; one in a thousand does by chance."""
FEWEST_ROUNDED = 10

_NO = frozenset(("", "0", "f", "false", "faux", "n", "no", "non", "none", "null", "nan"))
"""What stands in a column of retweets where a tweet is none."""
_RUINED_ID = re.compile(r"\d+(?:[.,]\d*)?[eE]\+?\d+|\d+[.,]\d*")
_AS_TEXT = re.compile(r"""='?"?(\d+)"?|'(\d+)""")
"""="123" and '123: how one keeps a spreadsheet from rounding an id."""


def looks_like_csv(text: str) -> bool:
    """Whether the text begins with a header that names the columns of tweets."""
    lines = (line for line in split_lines(text) if line.strip() and separator_line(line) is None)
    return is_header(next(lines, ""))


def read_csv(document: Document, name: str, notices: list[str], advance: Callable[[int], object]) -> Iterator[SourceTweet]:
    """Yields the rows of a CSV with a header, in the file's order. Blank rows are not rows.

    name: what ids are made from where there is no column of ids. Separators are , ; and tab, the columns are found by their names
    (`columns.NAMES`). Calls `advance` with the number of bytes just read; what the user should know goes to `notices`.
    Raises TweetstyleError at the first row that cannot be read; for ids that a spreadsheet rounded, at the end, with their count.
    """
    times = Times(str(document))
    yield from times.settled(_Rows(document, name, notices, times).read(advance))
    notices += times.notices()


class _Rows:
    def __init__(self, document: Document, name: str, notices: list[str], times: Times) -> None:
        self._document, self._name, self._notices, self._times = document, name, notices, times
        self._count = self._ruined = self._rounded = 0
        self._first_ruined = ""

    def read(self, advance: Callable[[int], object]) -> Iterator[SourceTweet]:
        lines = chain.from_iterable(map(split_lines, lines_in_pieces(self._document, self._notices, advance)))
        header_line, before = _first_line(lines)
        separator = separator_line(header_line)
        if separator:
            header_line, more = _first_line(lines)
            before += more
        separator = separator or separator_of(header_line)
        if separator != ",":
            self._notices.append(f"{self._document}: the columns are separated by {in_words(separator)}")
        reader = csv.reader(chain([header_line], lines), delimiter=separator, strict=True)
        rows = self._rows(reader, before)
        line, header = next(rows, (before, []))
        columns = find_columns(header, f"{self._document}:{line}", self._notices)
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
            hint = 'a cell with a separator, a quote or a line break stands in "quotes", and a quote inside it is doubled: ""'
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
            self._notices.append(f"{where}: there is no column of ids; the file's name and the line stand for them")
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
    hint = 'a text with a separator stands in "quotes"' if many == "too many" else "a quote may be missing in a row above"
    return TweetstyleError(f"{many} cells: {len(cells)} where the header has {width}", where=where, hint=f"{hint}: {EXAMPLE}")

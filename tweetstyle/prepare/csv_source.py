"""Reads the archive's CSV as a stream; whatever is wrong with it is one error that names the line."""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tweetstyle.errors import TweetstyleError

COLUMNS = ("id_tweet", "texte", "date_creation")
EXAMPLE = "id_tweet,texte,date_creation"
LONGEST_LINE = 2**20
"""Bytes. No tweet is so long: a file without line ends must not fill the memory."""

_RUINED_ID = re.compile(r"\d+(?:[.,]\d*)?[eE]\+?\d+|\d+\.\d*")
_BOM = b"\xef\xbb\xbf"
_SURROGATE = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")
_MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")


class Row(NamedTuple):
    """One row as the file holds it, but for line ends (\\n) and the date (`YYYY-MM-DDTHH:MM:SSZ`)."""

    id: str
    text: str
    created_at: str


OTHER_NAMES = {
    "id_tweet": ("id", "tweet_id", "id_str", "identifiant"),
    "texte": ("text", "full_text", "tweet", "content", "contenu"),
    "date_creation": ("created_at", "date", "created", "timestamp", "time"),
}
"""What others call the columns, lower case."""


def read_rows(path: Path, advance: Callable[[int], object] = lambda count: None) -> Iterator[Row]:
    """Yields the rows of a UTF-8 CSV with the columns id_tweet, texte and date_creation, in any order, among others.

    Calls `advance` with the number of bytes just read. Blank lines between rows are not rows.
    Raises TweetstyleError at the first row that cannot be read; for ids that a spreadsheet rounded, at the end, with their count.
    """
    with _open(path) as stream:
        reader = csv.reader(_lines(stream, path, advance), strict=True)
        header, _ = _next_cells(reader, path, 1)
        columns = _find_columns(header, path)
        ruined, first_ruined, count = 0, "", 0
        while True:
            line = reader.line_num + 1
            cells, line = _next_cells(reader, path, line)
            if not cells:
                break
            row = _row(cells, header, columns, f"{path}:{line}")
            count += 1
            if _RUINED_ID.fullmatch(row.id):
                ruined += 1
                first_ruined = first_ruined or f"{path}:{line}: {row.id}"
            yield row
    if not count:
        raise TweetstyleError("the file has a header and no row", where=str(path), hint="export the tweets again")
    if ruined:
        raise _ruined_ids(path, ruined, count, first_ruined)


def _open(path: Path) -> BinaryIO:
    try:
        stream = path.open("rb")
    except FileNotFoundError as error:
        names = [p.name for p in path.parent.glob("*.csv")] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, names, 1)
        hint = f"did you mean {path.parent / near[0]}?" if near else "write the archive's path in data.source"
        raise TweetstyleError("there is no such file", where=str(path), hint=hint) from error
    except IsADirectoryError as error:
        hint = f"name a CSV file with the columns {', '.join(COLUMNS)}"
        raise TweetstyleError("is a directory, not a CSV file", where=str(path), hint=hint) from error
    except OSError as error:
        raise TweetstyleError(f"cannot be read ({error.strerror})", where=str(path), hint="check its owner and mode") from error
    try:
        _check_kind(stream.read(64), path)
    except TweetstyleError:
        stream.close()
        raise
    stream.seek(0)
    return stream


def _check_kind(head: bytes, path: Path) -> None:
    """Refuses by the first bytes what is no UTF-8 text at all."""
    if not head.removeprefix(_BOM).strip():
        raise TweetstyleError("the file is empty", where=str(path), hint=f"it begins with the line {EXAMPLE}")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or 0 in head[:2]:
        convert = f'iconv -f UTF-16 -t UTF-8 "{path}" > tweets-utf8.csv'
        raise TweetstyleError("the file is in UTF-16, not in UTF-8", where=str(path), hint=f"convert it: {convert}")
    if head.startswith((b"PK\x03\x04", b"\x1f\x8b")):
        hint = f"unpack it, and name the CSV file with the columns {', '.join(COLUMNS)}"
        raise TweetstyleError("is a compressed archive, not a CSV file", where=str(path), hint=hint)


def _lines(stream: BinaryIO, path: Path, advance: Callable[[int], object]) -> Iterator[str]:
    """Decodes line by line, so that what is not UTF-8 has a line number."""
    number = 0
    while raw := stream.readline(LONGEST_LINE):
        number += 1
        advance(len(raw))
        if number == 1:
            raw = raw.removeprefix(_BOM)
        where = f"{path}:{number}"
        if len(raw) == LONGEST_LINE:
            raise TweetstyleError("the line is longer than 1 MiB", where=where, hint="rows end with a line break")
        if b"\0" in raw:
            raise TweetstyleError("a NUL character stands in the line", where=where, hint="remove it: the file may be damaged")
        try:
            yield raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise _not_utf8(raw, error, path, where) from error


def _not_utf8(raw: bytes, error: UnicodeDecodeError, path: Path, where: str) -> TweetstyleError:
    byte = f"byte 0x{raw[error.start]:02X} at position {error.start + 1}"
    if _SURROGATE.match(raw, error.start):
        what = f"half of a surrogate pair stands in the line ({byte}): not valid UTF-8"
        return TweetstyleError(what, where=where, hint="export the file again, or remove the character")
    if not _MULTIBYTE.search(raw) and not set(raw) & set(b"\x81\x8d\x8f\x90\x9d"):
        convert = f'iconv -f WINDOWS-1252 -t UTF-8 "{path}" > tweets-utf8.csv'
        return TweetstyleError(f"not UTF-8 ({byte}); it looks like Windows-1252 (cp1252)", where=where, hint=f"convert it: {convert}")
    return TweetstyleError(f"not valid UTF-8 ({byte})", where=where, hint="the file may be damaged; export it again as UTF-8")


def _next_cells(reader, path: Path, line: int) -> tuple[list[str], int]:
    """The next row that is not blank and the line it begins on; no cells at the end of the file."""
    try:
        for cells in reader:
            if cells:
                return cells, line
            line = reader.line_num + 1
    except csv.Error as error:
        hint = 'a cell with a comma, a quote or a line break stands in "quotes", and a quote inside it is doubled: ""'
        raise TweetstyleError(f"not valid CSV from this line on ({error})", where=f"{path}:{line}", hint=hint) from error
    return [], line


def _find_columns(header: list[str], path: Path) -> tuple[int, int, int]:
    """Positions of id, text and date."""
    names = [name.strip() for name in header]
    for column in COLUMNS:
        if names.count(column) > 1:
            raise TweetstyleError(f"the column {column} is there twice", where=f"{path}:1", hint="rename one of them")
    if missing := [column for column in COLUMNS if column not in names]:
        raise _missing_columns(missing, names, path)
    identifier, text, date = (names.index(column) for column in COLUMNS)
    return identifier, text, date


def _missing_columns(missing: list[str], names: list[str], path: Path) -> TweetstyleError:
    for separator, called in ((";", "';'"), ("\t", "a tab")):
        if any(separator in name for name in names):
            hint = f"write it with commas: {EXAMPLE}"
            return TweetstyleError(f"its columns are separated by {called}, not by ','", where=f"{path}:1", hint=hint)
    renamed = [f"the column {near} to {column}" for column in missing if (near := _likely(column, names))]
    hint = f"rename {', '.join(renamed)}" if renamed else f"the first line is {EXAMPLE}"
    there = ", ".join(name for name in names if name) or "none"
    what = f"the column {missing[0]} is" if len(missing) == 1 else f"the columns {', '.join(missing)} are"
    return TweetstyleError(f"{what} missing (there: {there})", where=f"{path}:1", hint=hint)


def _likely(column: str, names: list[str]) -> str | None:
    """The column that is there and holds what `column` should: by its usual other names first, then by its spelling."""
    free = [name for name in names if name and name not in COLUMNS]
    usual = next((name for name in free if name.lower() in OTHER_NAMES[column]), None)
    known = {name for others in OTHER_NAMES.values() for name in others}
    near = difflib.get_close_matches(column, [name for name in free if name.lower() not in known], 1, cutoff=0.3)
    return usual or (near[0] if near else None)


def _row(cells: list[str], header: list[str], columns: tuple[int, int, int], where: str) -> Row:
    if len(cells) != len(header):
        many = "too many" if len(cells) > len(header) else "too few"
        hint = 'a text with a comma stands in "quotes"' if many == "too many" else "a quote may be missing in a row above"
        raise TweetstyleError(f"{many} cells: {len(cells)} where the header has {len(header)}", where=where, hint=hint)
    identifier, text, date = (cells[column] for column in columns)
    identifier = identifier.strip()
    if not identifier.isdigit() and (not identifier or any(c.isspace() or not c.isprintable() for c in identifier)):
        raise TweetstyleError(f"the id is {identifier!r}", where=where, hint="id_tweet is the tweet's number, without spaces")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return Row(identifier, text, _utc(date, where))


def _utc(date: str, where: str) -> str:
    """ISO 8601 in UTC, whole seconds; a date without a zone is taken as UTC."""
    try:
        moment = datetime.fromisoformat(date.strip())
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        hint = "write it as 2021-03-05 18:04:11 (UTC) or 2021-03-05T18:04:11-05:00"
        raise TweetstyleError(f"the date {date!r} cannot be read", where=where, hint=hint) from error
    return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _ruined_ids(path: Path, ruined: int, count: int, first: str) -> TweetstyleError:
    what = f"{ruined:,} of {count:,} ids are rounded numbers (the first at {first}): a spreadsheet has lost their last digits"
    hint = "take the file as it was before a spreadsheet saved it, or import the column id_tweet there as text"
    return TweetstyleError(what, where=str(path), hint=hint)

"""Files of an archive, on disk or in a zip, and their text, decoded."""

import codecs
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import _, later
from tweetstyle.locale.libraries import reason

TEXT_SUFFIXES = frozenset((".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".txt"))
LEVELS = 6
"""Of folders, one within the other, in which files of an unpacked archive are found: two more than any of them has."""

MOST_SHOWN = 20
"""Rows that cannot be read."""

_IN_WORDS = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16", "cp1252": "Windows-1252 (cp1252)"}
_MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH = re.compile(rb"[\x80-\xff]")
_LATIN_SHARE = 4
"""Broken bytes for one whole UTF-8 character from which a file is Windows-1252: É… and Ê followed by a no-break space are both."""
_NOT_ENCODABLE = re.compile("[\ud800-\udfff\0]")


class Members:
    """The files of a zip, or those of a folder that may hold tweets. `sizes`: name, with /, → bytes. Nothing is unpacked to disk.

    Raises TweetstyleError where the zip or the folder cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._is_folder = path, path.is_dir()
        if self._is_folder:
            self.sizes = {file.relative_to(path).as_posix(): file.stat().st_size for file in _files_below(path)}
        else:
            with _unpacking(str(path)):
                self._zip = zipfile.ZipFile(path)
                # Some programs on Windows write \ for /.
                self._inside = {info.filename.replace("\\", "/"): info for info in self._zip.infolist() if not info.is_dir()}
                self.sizes = {name: info.file_size for name, info in self._inside.items()}

    def place(self, name: str) -> str:
        """How messages call a file."""
        return str(self.path / name) if self._is_folder else f"{self.path}: {name}"

    def read(self, name: str, limit: int = -1) -> bytes:
        """The bytes of a file, at most `limit`. Raises TweetstyleError for damage and, at the end of a file, for a wrong checksum."""
        if self._is_folder:
            return read_file(self.path / name, limit)
        with _unpacking(self.place(name)), self._zip.open(self._inside[name]) as stream:
            return stream.read(limit)

    def document(self, name: str) -> "TextFile":
        return TextFile(self.path / name, self.sizes[name]) if self._is_folder else TextFile(self.path, self.sizes[name], name)


def _files_below(folder: Path, levels: int = LEVELS) -> Iterator[Path]:
    """Scripts, pages and texts, in a fixed order. Hidden folders and files are left out."""
    with _reading(folder):
        entries = sorted(folder.iterdir())
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _files_below(entry, levels - 1) if levels > 1 else ()
        elif entry.suffix.lower() in TEXT_SUFFIXES | {".js", ".html"} and entry.is_file():
            yield entry


def read_file(path: Path, limit: int = -1) -> bytes:
    with _reading(path), path.open("rb") as stream:
        return stream.read(limit)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = _("check that it is there, its owner and its permissions")
        raise TweetstyleError(_("cannot be read ({reason})", reason=reason(error)), where=str(path), hint=hint) from error


@contextmanager
def _unpacking(place: str) -> Iterator[None]:
    try:
        yield
    # ValueError: names that are not UTF-8, offsets below 0; RuntimeError: encryption, unknown methods
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
        hint = _("the zip may be damaged or only partly downloaded: download it again, or unpack it and name the folder")
        why = reason(error) or _("it ends too early")
        raise TweetstyleError(_("cannot be unpacked ({reason})", reason=why), where=place, hint=hint) from error


class TextFile(NamedTuple):
    """path: the file on disk; size: bytes of the text, unpacked; member: the name within `path`, where that is a zip."""

    path: Path
    size: int
    member: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.member}" if self.member else str(self.path)

    def read(self, limit: int = -1) -> bytes:
        """The bytes, at most `limit`. Raises TweetstyleError where they cannot be read."""
        return Members(self.path).read(self.member, limit) if self.member else read_file(self.path, limit)

    def text(self, notices: list[str]) -> str:
        """All of it, decoded.

        Args:
            notices: gets a sentence where the encoding is not UTF-8.

        Raises:
            TweetstyleError: for what cannot be decoded and for a NUL, naming the line.
        """
        raw = self.read()
        encoding = encoding_of(raw)
        if encoding != "utf-8-sig":
            notices.append(later("{file} is not in UTF-8: it was read as {encoding}", file=str(self), encoding=_IN_WORDS[encoding]))
        hint = _("export the file again as UTF-8, or remove the character: the file may be damaged")
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            values = {"encoding": _IN_WORDS[encoding], "byte": f"0x{raw[error.start]:02X}", "reason": reason(error)}
            raise TweetstyleError(_("not valid {encoding} (byte {byte}: {reason})", **values), where=f"{self}:{line}", hint=hint) from error
        if (place := text.find("\0")) >= 0:
            line = text.count("\n", 0, place) + 1
            raise TweetstyleError(_("the line contains a NUL character: this is not text"), where=f"{self}:{line}", hint=hint)
        return text


def encoding_of(raw: bytes) -> str:
    """The encoding of a file, or of its beginning; utf-8-sig reads UTF-8 with and without a byte order mark."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        whole = _MULTIBYTE.findall(raw)
        broken = len(_HIGH.findall(raw)) - sum(map(len, whole))
        return "cp1252" if broken > _LATIN_SHARE * len(whole) else "utf-8-sig"
    return "utf-8-sig"


def lines_of(document: TextFile, notices: list[str], advance: Callable[[int], object]) -> Iterator[str]:
    r"""Yields the lines with their ends: \n, \r\n or \r; unlike str.splitlines, U+2028 and its like end none.

    Args and errors as of `TextFile.text`; `advance` is called with the number of bytes just read, `document.size` in all.
    """
    text = document.text(notices)
    advance(document.size - len(text))
    for line in io.StringIO(text, newline=""):
        advance(len(line))
        yield line


def as_learned(text: str) -> str:
    r"""The text of a tweet with \n for every line end, and U+FFFD for what no UTF-8 text can hold: half a surrogate pair or a NUL."""
    return _NOT_ENCODABLE.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


class BadRows:
    """Errors of one file's rows, of which the first `MOST_SHOWN` are kept and the others counted: all of them are one error."""

    def __init__(self, place: str) -> None:
        self._place, self._first, self._count = place, list[TweetstyleError](), 0

    def add(self, error: TweetstyleError) -> None:
        self._count += 1
        if len(self._first) < MOST_SHOWN:
            self._first.append(error)

    def check(self) -> None:
        """Raises TweetstyleError where a row could not be read: its own error, or one that shows the first of them and their number."""
        if not self._count:
            return
        if self._count == 1:
            raise self._first[0]
        rows = "\n".join(f"    {error.where}: {error.what}" for error in self._first)
        what = _("{count:,} rows cannot be read:\n{rows}", count=self._count, rows=rows)
        if more := self._count - len(self._first):
            what = _("{count:,} rows cannot be read:\n{rows}\n    and {more:,} more", count=self._count, rows=rows, more=more)
        raise TweetstyleError(what, where=self._place, hint=self._first[0].hint)

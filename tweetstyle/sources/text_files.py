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

SCRIPTS = ("*.js", "data/*.js", "*/*.js", "*/data/*.js")
"""Files of an unpacked archive: in the folder itself, in data/, and in both of them one folder deeper."""

_IN_WORDS = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16", "cp1252": "Windows-1252 (cp1252)"}
_MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH = re.compile(rb"[\x80-\xff]")
_LATIN_SHARE = 4
"""Broken bytes for one whole UTF-8 character from which a file is Windows-1252: É… and Ê followed by a no-break space are both."""
_NOT_ENCODABLE = re.compile("[\ud800-\udfff\0]")


class Members:
    """The files of a zip, or the .js files of a folder. `sizes`: name, with /, → bytes. Nothing is unpacked to disk.

    Raises TweetstyleError where the zip or the folder cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._is_folder = path, path.is_dir()
        if self._is_folder:
            files = [file for pattern in SCRIPTS for file in sorted(path.glob(pattern)) if file.is_file()]
            self.sizes = {file.relative_to(path).as_posix(): file.stat().st_size for file in files}
        else:
            with _opened(path, str(path)) as archive:
                self.sizes = {info.filename: info.file_size for info in archive.infolist() if not info.is_dir()}

    def place(self, name: str) -> str:
        """How messages call a file."""
        return str(self.path / name) if self._is_folder else f"{self.path}: {name}"

    def read(self, name: str, limit: int = -1) -> bytes:
        """The bytes of a file, at most `limit`. Raises TweetstyleError for damage and, at the end of a file, for a wrong checksum."""
        if self._is_folder:
            return read_file(self.path / name, limit)
        with _opened(self.path, self.place(name)) as archive, archive.open(name) as stream:
            return stream.read(limit)


def read_file(path: Path, limit: int = -1) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(limit)
    except OSError as error:
        hint = _("check that it is there, its owner and its permissions")
        raise TweetstyleError(_("cannot be read ({reason})", reason=reason(error)), where=str(path), hint=hint) from error


@contextmanager
def _opened(path: Path, place: str) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
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

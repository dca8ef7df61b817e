"""One text file, on disk or in a zip, decoded."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tweetstyle.errors import TweetstyleError
from tweetstyle.sources.containers import Members, read_file

_IN_WORDS = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16", "cp1252": "Windows-1252 (cp1252)"}
_MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH = re.compile(rb"[\x80-\xff]")
_LATIN_SHARE = 4
"""Broken bytes for one whole UTF-8 character from which a file is Windows-1252: É… and Ê followed by a no-break space are both."""
_NOT_ENCODABLE = re.compile("[\ud800-\udfff\0]")


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
            notices.append(f"{self} is not in UTF-8: it was read as {_IN_WORDS[encoding]}")
        hint = "export the file again as UTF-8, or remove the character: the file may be damaged"
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            what = f"not valid {_IN_WORDS[encoding]} (byte 0x{raw[error.start]:02X}: {error.reason})"
            raise TweetstyleError(what, where=f"{self}:{line}", hint=hint) from error
        if (place := text.find("\0")) >= 0:
            line = text.count("\n", 0, place) + 1
            raise TweetstyleError("the line contains a NUL character: this is no text", where=f"{self}:{line}", hint=hint)
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

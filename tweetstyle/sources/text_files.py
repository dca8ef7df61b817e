"""One text file, on disk or in a zip, decoded line by line."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tweetstyle.errors import TweetstyleError
from tweetstyle.sources.containers import ZipMembers, unreadable

HEAD = 2**16
"""Bytes by which a file is recognised."""

_CHUNK = 2**18
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_IN_WORDS = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "cp1252": "Windows-1252 (cp1252)"}
_UNREADABLE = re.compile("[\0\ud800-\udfff]")
_MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH = re.compile(rb"[\x80-\xff]")
_LATIN_SHARE = 4
"""Broken bytes for one whole UTF-8 character from which a file is Windows-1252: É… and Ê followed by a no-break space are both."""


class TextFile(NamedTuple):
    """path: the file on disk; size: bytes of the text, unpacked; member: the name within `path`, where that is a zip."""

    path: Path
    size: int
    member: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.member}" if self.member else str(self.path)

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """The stream of bytes. Raises TweetstyleError where there is none, and while it is read for damage."""
        if self.member:
            with ZipMembers(self.path) as archive, archive.open(self.member) as stream:
                yield stream
            return
        try:
            with self.path.open("rb") as stream:
                yield stream
        except OSError as error:
            raise unreadable(self.path, error) from error

    def head(self) -> bytes:
        with self.opened() as stream:
            return stream.read(HEAD)


def on_disk(path: Path) -> TextFile:
    try:
        return TextFile(path, path.stat().st_size)
    except OSError as error:
        raise unreadable(path, error) from error


def first_text(head: bytes) -> str:
    """The text that a file begins with, for recognising it: what cannot be decoded becomes a replacement character."""
    return head.decode(_encoding_of(head), "replace")


def lines_of(document: TextFile, notices: list[str], advance: Callable[[int], object]) -> Iterator[str]:
    r"""Yields the lines with their ends: \n, \r\n or \r; unlike str.splitlines, U+2028 and its like end none.

    Args:
        document: the file.
        notices: gets a sentence where the encoding is not UTF-8.
        advance: is called with the number of bytes just read.

    Raises:
        TweetstyleError: for what cannot be decoded and for a NUL, naming the line.
    """
    encoding = _encoding_of(document.head())
    if encoding == "utf-8-sig" and _is_windows_1252(document):
        encoding = "cp1252"
    if _IN_WORDS[encoding] != "UTF-8":
        notices.append(f"{document} is not in UTF-8: it was read as {_IN_WORDS[encoding]}")
    # What cannot be decoded becomes a surrogate, so that it is found in its line.
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass" if encoding.startswith("utf-16") else "surrogateescape")
    number, rest, final = 0, "", False
    with document.opened() as stream:
        while not final:
            raw = stream.read(_CHUNK)
            advance(len(raw))
            final = not raw
            try:
                text = rest + decoder.decode(raw, final)
            except UnicodeDecodeError as error:  # an odd number of bytes in UTF-16
                raise _not_text(f"not valid {_IN_WORDS[encoding]} ({error.reason})", f"{document}:{number + 1}") from error
            # A \r that comes last may be one half of \r\n.
            end = len(text) if final else max(text.rfind("\n"), text.rfind("\r", 0, len(text) - 1)) + 1
            for line in io.StringIO(text[:end], newline=""):
                number += 1
                if found := _UNREADABLE.search(line):
                    raise _undecodable(found, encoding, f"{document}:{number}")
                yield line
            rest = text[end:]


def _encoding_of(head: bytes) -> str:
    """The encoding by the first bytes; utf-8-sig reads UTF-8 with and without a byte order mark."""
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return encoding
    half = len(head) // 2
    even, odd = head[0 : 2 * half : 2].count(0), head[1 : 2 * half : 2].count(0)
    # In UTF-16 every second byte of a text in a Latin script is 0.
    if half and odd > half / 2 and even < half / 10:
        return "utf-16-le"
    if half and even > half / 2 and odd < half / 10:
        return "utf-16-be"
    return "utf-8-sig"


def _is_windows_1252(document: TextFile) -> bool:
    """Whether the first bytes that are not ASCII are Windows-1252 rather than UTF-8, damaged or not."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    with document.opened() as stream:
        while raw := stream.read(_CHUNK):
            try:
                if not decoder.decode(raw).isascii():
                    return False
            except UnicodeDecodeError as error:
                whole = _MULTIBYTE.findall(error.object)
                broken = len(_HIGH.findall(error.object)) - sum(map(len, whole))
                return broken > _LATIN_SHARE * len(whole)
    return False


def _undecodable(found: re.Match[str], encoding: str, where: str) -> TweetstyleError:
    code, character = ord(found[0]), found.start() + 1
    if not code:
        return _not_text(f"the line contains a NUL character (character {character})", where)
    if encoding.startswith("utf-16"):
        return _not_text(f"not valid UTF-16 (half of a surrogate pair at character {character})", where)
    names = "neither UTF-8 nor Windows-1252" if encoding == "cp1252" else "not valid UTF-8"
    return _not_text(f"{names} (byte 0x{code - 0xDC00:02X} at character {character})", where)


def _not_text(what: str, where: str) -> TweetstyleError:
    hint = "export the file again as UTF-8, or remove the character: the file may be damaged"
    return TweetstyleError(what, where=where, hint=hint)

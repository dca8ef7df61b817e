"""Decodes UTF-8, UTF-16 and Windows-1252, recognised while reading."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Iterator
from itertools import chain

from tweetstyle.errors import TweetstyleError
from tweetstyle.sources.documents import TextFile

LONGEST_LINE = 2**20
"""Characters. No tweet is so long: a file without line ends must not fill the memory."""

_CHUNK = 2**18
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_IN_WORDS = {"utf-16-le": "UTF-16 (little-endian)", "utf-16-be": "UTF-16 (big-endian)", "cp1252": "Windows-1252 (cp1252)"}
_SURROGATE = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")
_MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH = re.compile(rb"[\x80-\xff]")
_LATIN_SHARE = 4
"""Broken bytes for one whole UTF-8 character from which a file is Windows-1252: É… and Ê followed by a no-break space are both."""


def first_text(head: bytes) -> str:
    """The text that a file begins with, for recognising it: what cannot be decoded becomes a replacement character."""
    encoding, mark = _encoding_of(head)
    return head[mark:].decode(encoding, "replace")


def lines_in_pieces(document: TextFile, notices: list[str], advance: Callable[[int], object]) -> Iterator[str]:
    r"""Yields the text in pieces of whole lines, each at most about 1.3 million characters. \n, \r\n and \r end a line.

    Calls `advance` with the number of bytes just read; adds a notice where the encoding is not UTF-8.
    Raises TweetstyleError naming the line for what cannot be decoded, a NUL, and a line of more than 1 MiB.
    """
    with document.opened() as stream:
        pieces = _Pieces(document)
        while raw := stream.read(_CHUNK):
            advance(len(raw))
            if piece := pieces.add(raw):
                yield piece
        if piece := pieces.add(b"", final=True):
            yield piece
    if pieces.encoding in _IN_WORDS:
        notices.append(f"{document} is not in UTF-8: it was read as {_IN_WORDS[pieces.encoding]}")


def lines_of(document: TextFile, notices: list[str], advance: Callable[[int], object]) -> Iterator[tuple[int, str]]:
    """Yields the lines with their numbers, from 1, without their ends."""
    pieces = lines_in_pieces(document, notices, advance)
    for number, line in enumerate(chain.from_iterable(map(split_lines, pieces)), 1):
        yield number, line.rstrip("\r\n")


def split_lines(piece: str) -> Iterator[str]:
    """The lines with their ends; unlike str.splitlines, U+2028 and its like end none."""
    return io.StringIO(piece, newline="")


def _encoding_of(head: bytes) -> tuple[str, int]:
    """The encoding by the first bytes, and the length of the byte order mark."""
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return encoding, len(mark)
    half = len(head) // 2
    even, odd = head[0 : 2 * half : 2].count(0), head[1 : 2 * half : 2].count(0)
    # In UTF-16 every second byte of a text in a Latin script is 0.
    if half and odd > half / 2 and even < half / 10:
        return "utf-16-le", 0
    if half and even > half / 2 and odd < half / 10:
        return "utf-16-be", 0
    return "utf-8", 0


class _Pieces:
    """Decodes what is added to it, and keeps back the line that has not ended."""

    def __init__(self, document: TextFile) -> None:
        self._document = document
        self.encoding = ""
        self._marked = False
        self._lines, self._rest = 0, ""
        self._is_ascii = True

    def add(self, raw: bytes, final: bool = False) -> str:
        """The next whole lines; at the end, all that is left."""
        if not self.encoding:
            self.encoding, mark = _encoding_of(raw)
            self._marked = mark > 0
            self._decoder = codecs.getincrementaldecoder(self.encoding)()
            raw = raw[mark:]
        decoded = self._decode(raw, final)
        self._is_ascii = self._is_ascii and decoded.isascii()
        text = self._rest + decoded
        # A \r that comes last may be one half of \r\n.
        end = len(text) if final else max(text.rfind("\n"), text.rfind("\r", 0, len(text) - 1)) + 1
        piece, self._rest = text[:end], text[end:]
        self._check(piece)
        self._lines += _line_ends(piece)
        return piece

    def _check(self, piece: str) -> None:
        if "\0" in piece:
            where = self._place(piece[: piece.index("\0")])
            raise TweetstyleError("the line contains a NUL character", where=where, hint="remove it: the file may be damaged")
        if len(self._rest) > LONGEST_LINE or len(piece) > LONGEST_LINE:
            for number, line in enumerate(split_lines(piece + self._rest), self._lines + 1):
                if len(line) > LONGEST_LINE:
                    where = f"{self._document}:{number}"
                    raise TweetstyleError("the line is longer than 1 MiB", where=where, hint="tweets end with a line break")

    def _decode(self, raw: bytes, final: bool) -> str:
        try:
            return self._decoder.decode(raw, final)
        except UnicodeDecodeError as error:
            if self.encoding == "utf-8" and not self._marked and self._is_ascii and _is_latin(error):
                self.encoding = "cp1252"
                self._decoder = codecs.getincrementaldecoder("cp1252")()
                return self._decode(error.object, final)
            raise self._broken(error) from error

    def _broken(self, error: UnicodeDecodeError) -> TweetstyleError:
        before = self._rest + error.object[: error.start].decode(error.encoding, "replace")
        where, position = self._place(before), len(before) - max(before.rfind("\n"), before.rfind("\r"))
        byte = f"byte 0x{error.object[error.start]:02X} at character {position}"
        hint = "export the file again, or remove the character"
        if _SURROGATE.match(error.object, error.start) or "surrogate" in error.reason:
            what = f"the line contains half of a surrogate pair ({byte})"
        elif self.encoding == "cp1252":
            what = f"neither UTF-8 nor Windows-1252 ({byte})"
        else:
            what = f"not valid {self.encoding.upper().removesuffix('-LE').removesuffix('-BE')} ({byte})"
            hint = "the file may be damaged; export it again as UTF-8"
        return TweetstyleError(what, where=where, hint=hint)

    def _place(self, before: str) -> str:
        return f"{self._document}:{self._lines + _line_ends(before) + 1}"


def _line_ends(text: str) -> int:
    ends = text.count("\n")
    if "\r" in text:
        ends += text.count("\r") - text.count("\r\n")
    return ends


def _is_latin(error: UnicodeDecodeError) -> bool:
    """Whether the bytes around the one that is no UTF-8 are Windows-1252 rather than damaged UTF-8."""
    raw = error.object
    if _SURROGATE.match(raw, error.start):
        return False
    whole = _MULTIBYTE.findall(raw)
    broken = len(_HIGH.findall(raw)) - sum(map(len, whole))
    return broken > _LATIN_SHARE * len(whole)

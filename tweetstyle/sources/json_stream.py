"""X's .js files, read as a stream of entries."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Collection, Iterator
from typing import BinaryIO

from tweetstyle.errors import TweetstyleError

LONGEST_ENTRY = 2**20
"""Characters of one entry. A post of 25,000 characters with all its links takes a tenth."""
LARGEST_OBJECT = 16 * 2**20
"""Bytes of a file that is read whole: the manifest."""

_CHUNK = 2**20
_ASSIGNMENT = re.compile(r"\s*window\.([\w.]{1,100})\s*=\s*")
_YTD = re.compile(r"YTD\.(\w+)\.part\d+")
_BLANKS = re.compile(r"[ \t\r\n]*")
_DAMAGED = "the file may be damaged or changed: take it as X gave it"


def entries(
    stream: BinaryIO, place: str, kinds: Collection[str], advance: Callable[[int], object] = lambda count: None
) -> Iterator[tuple[int, object]]:
    """Yields (1, first entry), (2, second entry), … of a file `window.YTD.<kind>.part<N> = [ … ]`, or of the bare list.

    stream: the file's bytes; place: its name in messages; kinds: those allowed; advance: is called with the bytes just read.
    At most about 3 million characters are in memory at a time. Raises TweetstyleError naming the entry and line where the file is
    not UTF-8, not JSON, of another kind, nested hundreds of levels deep, or cut off.
    """
    window = _Window(stream, place, advance)
    kind = window.skip_assignment()
    if kind is not None and kind not in kinds:
        what = f"holds {kind!r} where {' or '.join(repr(kind) for kind in kinds)} belongs"
        raise TweetstyleError(what, where=place, hint=_DAMAGED)
    if window.next_sign() != "[":
        hint = "it begins with: window.YTD.tweets.part0 = ["
        raise TweetstyleError("is not a file of X's archive: no list begins it", where=place, hint=hint)
    window.position += 1
    number, sign = 0, window.next_sign()
    while sign != "]":
        number += 1
        yield number, window.value(number)
        sign = window.next_sign()
        if sign == ",":
            window.position += 1
            window.next_sign()
        elif sign != "]":
            raise window.broken(number, "a comma or ] is missing", ended=not sign)
    window.position += 1
    window.expect_end()


def assigned_object(stream: BinaryIO, place: str) -> dict:
    """The object of a small file `window.<name> = { … }`. Raises TweetstyleError where there is none."""
    raw = stream.read(LARGEST_OBJECT + 1)
    if len(raw) > LARGEST_OBJECT:
        raise TweetstyleError(f"is larger than {LARGEST_OBJECT // 2**20} MiB", where=place, hint=_DAMAGED)
    try:
        text = raw.decode("utf-8").removeprefix("\ufeff")
        start = found.end() if (found := _ASSIGNMENT.match(text)) else 0
        value = json.loads(text[start:].rstrip().removesuffix(";"))
    except (ValueError, RecursionError) as error:
        raise TweetstyleError(f"cannot be read ({error})", where=place, hint=_DAMAGED) from error
    if not isinstance(value, dict):
        raise TweetstyleError("holds no JSON object", where=place, hint=_DAMAGED)
    return value


class _Window:
    """The part of a text that is in memory: from `position` on LONGEST_ENTRY characters or more, or all that is left."""

    def __init__(self, stream: BinaryIO, place: str, advance: Callable[[int], object]) -> None:
        self._stream, self._place, self._advance = stream, place, advance
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._decode_json = json.JSONDecoder().raw_decode
        self._bytes, self._lines, self._final = 0, 1, False
        self.text, self.position = "", 0
        self._fill()
        self.text = self.text.removeprefix("\ufeff")

    def skip_assignment(self) -> str | None:
        """Passes `window.YTD.<kind>.part0 =` and returns the kind, None for the bare list."""
        found = _ASSIGNMENT.match(self.text)
        if not found:
            return None
        self.position = found.end()
        named = _YTD.fullmatch(found[1])
        return named[1] if named else found[1]

    def next_sign(self) -> str:
        """The next character that is not blank; empty at the end of the file."""
        while True:
            self._fill()
            self.position = _BLANKS.match(self.text, self.position).end()
            if self.position < len(self.text) or self._final:
                return self.text[self.position : self.position + 1]

    def value(self, number: int) -> object:
        """The JSON value that begins at `position`, which moves behind it."""
        try:
            value, self.position = self._decode_json(self.text, self.position)
        except json.JSONDecodeError as error:
            # A word or an escape that is cut in two is called invalid where it begins.
            end = len(self.text) - (0 if self._final else 12)
            ended = error.msg.startswith("Unterminated string") or error.pos >= end
            self.position = error.pos
            raise self.broken(number, error.msg, ended=ended) from None
        except RecursionError:
            raise self.broken(number, "its brackets are nested too deeply") from None
        except ValueError:
            raise self.broken(number, "a number has thousands of digits") from None
        return value

    def expect_end(self) -> None:
        """Allows `;` and blanks, and nothing else, behind the list."""
        if self.next_sign() == ";":
            self.position += 1
        if self.next_sign():
            raise TweetstyleError(f"more follows the end of its list (line {self._line()})", where=self._place, hint=_DAMAGED)

    def broken(self, number: int, what: str, ended: bool = False) -> TweetstyleError:
        """The error for an entry; ended: whether the text in memory was too short for it."""
        where = f"{self._place}, entry {number:,}"
        if ended and self._final:
            hint = "it is not all there: download or unpack the archive again"
            return TweetstyleError("the file ends before its list does", where=where, hint=hint)
        if ended:
            return TweetstyleError(f"the entry is longer than {LONGEST_ENTRY:,} characters", where=where, hint=_DAMAGED)
        return TweetstyleError(f"not valid JSON in line {self._line()} ({what})", where=where, hint=_DAMAGED)

    def _line(self) -> int:
        return self._lines + self.text.count("\n", 0, self.position)

    def _fill(self) -> None:
        if self._final or len(self.text) - self.position >= LONGEST_ENTRY:
            return
        self._lines = self._line()
        pieces = [self.text[self.position :]]
        have = len(pieces[0])
        while have < 2 * LONGEST_ENTRY and not self._final:
            pieces.append(self._decoded())
            have += len(pieces[-1])
        self.text, self.position = "".join(pieces), 0

    def _decoded(self) -> str:
        raw = self._stream.read(_CHUNK)
        self._final = not raw
        self._advance(len(raw))
        begins = self._bytes - len(self._decoder.getstate()[0])
        self._bytes += len(raw)
        try:
            return self._decoder.decode(raw, self._final)
        except UnicodeDecodeError as error:
            where = f"{self._place}, byte {begins + error.start + 1:,}"
            raise TweetstyleError(f"not valid UTF-8 (0x{error.object[error.start]:02X})", where=where, hint=_DAMAGED) from None

"""Tweets from JSON Lines and JSON lists, and the reader of X's .js files."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Collection, Iterator
from typing import BinaryIO

from tweetstyle.errors import TweetstyleError
from tweetstyle.records import SourceTweet
from tweetstyle.sources.csv_source import LONGEST_ID, NAMES, listed
from tweetstyle.sources.dates import Times
from tweetstyle.sources.text_files import TextFile, lines_of

EXAMPLE = '{"id": "1629000000000000000", "text": "…", "created_at": "2023-02-18T12:33:11Z"}'
LONGEST_ENTRY = 2**20
"""Characters of one entry in a list. A post of 25,000 characters with all its links takes a tenth."""

_HINT = f"a tweet is one object: {EXAMPLE}"
_DAMAGED = "the file may be damaged or changed: take it as X gave it"
_CHUNK = 2**20
_ASSIGNMENT = re.compile(r"\s*(?:window\.([\w.]{1,100})\s*=\s*)?")
_YTD = re.compile(r"YTD\.(\w+)\.part\d+")
_BLANKS = re.compile(r"[ \t\r\n]*")

Advance = Callable[[int], object]


def read_json_lines(document: TextFile, name: str, notices: list[str], advance: Advance) -> Iterator[SourceTweet]:
    """Yields the tweets of a file with one JSON object a line; blank lines are not tweets.

    Args:
        document: the file.
        name: what ids are made from where an object has none.
        notices: gets what the user should know.
        advance: is called with the number of bytes just read.

    Raises:
        TweetstyleError: for what is no tweet, naming the line.
    """
    lines = ((number, line.strip()) for number, line in enumerate(lines_of(document, notices, advance), 1))
    objects = ((number, f"{document}:{number}", _parsed(line, f"{document}:{number}")) for number, line in lines if line)
    return _tweets(objects, document, name, notices)


def read_json_array(document: TextFile, name: str, notices: list[str], advance: Advance) -> Iterator[SourceTweet]:
    """As `read_json_lines`, of a file in UTF-8 that is one list of objects; places are entries, not lines."""

    def objects() -> Iterator[tuple[int, str, object]]:
        with document.opened() as stream:
            for number, value in entries(stream, str(document), (), advance):
                yield number, f"{document}, entry {number}", value

    return _tweets(objects(), document, name, notices)


def entries(stream: BinaryIO, place: str, kinds: Collection[str], advance: Advance = lambda count: None) -> Iterator[tuple[int, object]]:
    """Yields (1, first entry), (2, second entry), … of a file `window.YTD.<kind>.part<N> = [ … ]`, or of the bare list.

    Args:
        stream: the file's bytes.
        place: its name in messages.
        kinds: those allowed.
        advance: is called with the number of bytes just read.

    Raises:
        TweetstyleError: naming the entry, where the file is not UTF-8, not JSON, of another kind, or cut off.
    """
    window = _Window(stream, place, advance)
    kind = window.skip_assignment()
    if kind and kind not in kinds:
        what = f"holds {kind!r} where {' or '.join(repr(kind) for kind in kinds)} belongs"
        raise TweetstyleError(what, where=place, hint=_DAMAGED)
    if window.next_sign() != "[":
        hint = "it begins with: window.YTD.tweets.part0 = ["
        raise TweetstyleError("is not a file of X's archive: no list begins it", where=place, hint=hint)
    number, sign = 0, window.next_sign(skip=1)
    while sign != "]":
        number += 1
        yield number, window.value(number)
        sign = window.next_sign()
        if sign == ",":
            window.next_sign(skip=1)
        elif sign != "]":
            raise window.broken(number, "a comma or ] is missing", ended=not sign)
    if window.next_sign(skip=1) == ";":
        window.next_sign(skip=1)
    if window.next_sign():
        raise TweetstyleError("more follows the end of its list", where=place, hint=_DAMAGED)


def assigned_object(stream: BinaryIO, place: str) -> dict:
    """The object of a small file `window.<name> = { … }`. Raises TweetstyleError where there is none."""
    try:
        text = stream.read().decode("utf-8-sig")
        value = json.loads(text[_ASSIGNMENT.match(text).end() :].rstrip().removesuffix(";"))
    except (ValueError, RecursionError) as error:
        raise TweetstyleError(f"cannot be read ({error})", where=place, hint=_DAMAGED) from error
    if not isinstance(value, dict):
        raise TweetstyleError("holds no JSON object", where=place, hint=_DAMAGED)
    return value


class _Window:
    """The part of a text that is in memory: from `position` on LONGEST_ENTRY characters or more, or all that is left."""

    def __init__(self, stream: BinaryIO, place: str, advance: Advance) -> None:
        self._place = place
        self._chunks = _decoded(stream, place, advance)
        self._decode_json = json.JSONDecoder().raw_decode
        self._text, self._position = "", 0

    def skip_assignment(self) -> str:
        """Passes `window.YTD.<kind>.part0 =` and returns the kind, empty for the bare list."""
        self.next_sign()
        found = _ASSIGNMENT.match(self._text)
        self._position = found.end()
        named = _YTD.fullmatch(found[1] or "")
        return named[1] if named else found[1] or ""

    def next_sign(self, skip: int = 0) -> str:
        """Passes `skip` characters and then blanks; returns the next character, empty at the end of the file."""
        self._position += skip
        while len(self._text) - self._position < LONGEST_ENTRY and (more := next(self._chunks, "")):
            self._text, self._position = self._text[self._position :] + more, 0
        self._position = _BLANKS.match(self._text, self._position).end()
        return self._text[self._position : self._position + 1]

    def value(self, number: int) -> object:
        """The JSON value that begins at `position`, which moves behind it."""
        try:
            value, self._position = self._decode_json(self._text, self._position)
        except json.JSONDecodeError as error:
            # A word or an escape that is cut in two is called invalid where it begins.
            ended = error.msg.startswith("Unterminated string") or error.pos >= len(self._text) - 12
            raise self.broken(number, error.msg, ended) from None
        except (ValueError, RecursionError) as error:  # a number of thousands of digits, brackets nested too deeply
            raise self.broken(number, str(error)) from None
        return value

    def broken(self, number: int, what: str, ended: bool = False) -> TweetstyleError:
        """The error for an entry; ended: whether the text in memory was too short for it."""
        where = f"{self._place}, entry {number:,}"
        if not ended:
            return TweetstyleError(f"not valid JSON ({what})", where=where, hint=_DAMAGED)
        if len(self._text) - self._position < LONGEST_ENTRY:
            hint = "it is not all there: download or unpack the archive again"
            return TweetstyleError("the file ends before its list does", where=where, hint=hint)
        return TweetstyleError(f"the entry is longer than {LONGEST_ENTRY:,} characters", where=where, hint=_DAMAGED)


def _decoded(stream: BinaryIO, place: str, advance: Advance) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    read, final = 0, False
    while not final:
        raw = stream.read(_CHUNK)
        advance(len(raw))
        read, final = read + len(raw), not raw
        try:
            if text := decoder.decode(raw, final):
                yield text
        except UnicodeDecodeError as error:
            where = f"{place}, byte {read - len(error.object) + error.start + 1:,}"
            raise TweetstyleError(f"not valid UTF-8 (0x{error.object[error.start]:02X})", where=where, hint=_DAMAGED) from None


def _tweets(objects: Iterator[tuple[int, str, object]], document: TextFile, name: str, notices: list[str]) -> Iterator[SourceTweet]:
    times, number = Times(str(document)), 0
    for number, where, value in objects:
        yield _tweet(value, where, f"{name}:{number:07}", times)
    if not number:
        raise TweetstyleError("there is no tweet in the file", where=str(document), hint=_HINT)
    notices += times.notices()


def _parsed(line: str, where: str) -> object:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise TweetstyleError(f"not valid JSON (character {error.pos + 1}: {error.msg})", where=where, hint=_HINT) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, brackets nested too deeply
        raise TweetstyleError(f"not valid JSON ({error})", where=where, hint=_HINT) from error


def _tweet(value: object, where: str, default_id: str, times: Times) -> SourceTweet:
    if not isinstance(value, dict):
        raise TweetstyleError(f"holds {_kind(value)}, not an object", where=where, hint=_HINT)
    # Exports nest it: {"tweet": {…}}
    value = value["tweet"] if isinstance(value.get("tweet"), dict) else value
    # Of the names for a field, the first that is there and not null.
    found = {column: next((value[name] for name in names if value.get(name) is not None), None) for column, names in NAMES.items()}
    text, date = found["texte"], found["date_creation"]
    if text is None:
        raise TweetstyleError(f"the field text is missing (there: {listed(value)})", where=where, hint=_HINT)
    if not isinstance(text, str):
        raise TweetstyleError(f"its text is {_kind(text)}, not a string", where=where, hint=_HINT)
    if unreadable := re.search("[\0\ud800-\udfff]", text):
        what = f"the text contains a NUL or half of a surrogate pair (\\u{ord(unreadable[0]):04x} at character {unreadable.start() + 1})"
        raise TweetstyleError(what, where=where, hint="export the file again, or remove the character")
    if not isinstance(date, str | int | float | None) or isinstance(date, bool):
        raise TweetstyleError(f"its date is {_kind(date)}, not a string", where=where, hint=_HINT)
    identifier = _id(found["id_tweet"], where) or default_id
    created_at = times.read("" if date is None else str(date), identifier, where)
    reply_to = _id(found["in_reply_to_status_id"], where)
    return SourceTweet(identifier, text.replace("\r\n", "\n").replace("\r", "\n"), created_at, where, reply_to)


def _id(identifier: object, where: str) -> str:
    if identifier is None or identifier == "":
        return ""
    if isinstance(identifier, int) and not isinstance(identifier, bool) and 0 <= identifier < 2**64:
        return str(identifier)
    if isinstance(identifier, str) and identifier.isprintable() and " " not in identifier and len(identifier) <= LONGEST_ID:
        return identifier
    hint = "write ids as strings: numbers with a point or an exponent have lost their last digits"
    raise TweetstyleError(f"the id is {str(identifier)[:80]!r} ({_kind(identifier)})", where=where, hint=hint)


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")

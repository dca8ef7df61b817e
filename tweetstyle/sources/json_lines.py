"""Tweets from JSON: one object a line, or a list."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from tweetstyle.errors import TweetstyleError
from tweetstyle.records import SourceTweet
from tweetstyle.sources.csv_source import LONGEST_ID, NAMES, listed
from tweetstyle.sources.documents import TextFile
from tweetstyle.sources.encodings import lines_of
from tweetstyle.sources.json_stream import entries
from tweetstyle.sources.snowflake import Times

EXAMPLE = '{"id": "1629000000000000000", "text": "…", "created_at": "2023-02-18T12:33:11Z"}'
_HINT = f"a tweet is one object: {EXAMPLE}"


def read_json_lines(document: TextFile, name: str, notices: list[str], advance: Callable[[int], object]) -> Iterator[SourceTweet]:
    """Yields the tweets of a file with one JSON object a line; blank lines are not tweets.

    name: what ids are made from where an object has none. Calls `advance` with the number of bytes just read; what the user should
    know goes to `notices`. Raises TweetstyleError naming the line for what is no tweet.
    """
    lines = ((number, line) for number, line in lines_of(document, notices, advance) if line and not line.isspace())
    objects = ((number, f"{document}:{number}", _parsed(line, f"{document}:{number}")) for number, line in lines)
    return _tweets(objects, document, name, notices)


def read_json_array(document: TextFile, name: str, notices: list[str], advance: Callable[[int], object]) -> Iterator[SourceTweet]:
    """As `read_json_lines`, of a file in UTF-8 that is one list of objects; places are entries, not lines."""

    def objects() -> Iterator[tuple[int, str, object]]:
        with document.opened() as stream:
            for number, value in entries(stream, str(document), (), advance):
                yield number, f"{document}, entry {number}", value

    return _tweets(objects(), document, name, notices)


def _tweets(objects: Iterator[tuple[int, str, object]], document: TextFile, name: str, notices: list[str]) -> Iterator[SourceTweet]:
    times = Times(str(document))
    tweets = times.settled(_tweet(*found, name, times) for found in objects)
    first = next(tweets, None)
    if first is None:
        raise TweetstyleError("there is no tweet in the file", where=str(document), hint=_HINT)
    yield first
    yield from tweets
    notices += times.notices()


def _parsed(line: str, where: str) -> object:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise TweetstyleError(f"not valid JSON (character {error.pos + 1}: {error.msg})", where=where, hint=_HINT) from error
    except RecursionError:
        raise TweetstyleError("its brackets are nested too deeply", where=where, hint=_HINT) from None
    except ValueError as error:
        raise TweetstyleError("a number has thousands of digits", where=where, hint=_HINT) from error


def _tweet(number: int, where: str, value: object, name: str, times: Times) -> SourceTweet:
    if not isinstance(value, dict):
        raise TweetstyleError(f"holds {_kind(value)}, not an object", where=where, hint=_HINT)
    # Exports nest it: {"tweet": {…}}
    value = value["tweet"] if isinstance(value.get("tweet"), dict) else value
    text = _field(value, "texte", where)
    if text is None:
        raise TweetstyleError(f"the field text is missing (there: {listed(value)})", where=where, hint=_HINT)
    if not isinstance(text, str):
        raise TweetstyleError(f"its text is {_kind(text)}, not a string", where=where, hint=_HINT)
    _check_text(text, where)
    identifier = _id(_field(value, "id_tweet", where), where) or f"{name}:{number:07}"
    date = _field(value, "date_creation", where)
    if not isinstance(date, str | int | float | None) or isinstance(date, bool):
        raise TweetstyleError(f"its date is {_kind(date)}, not a string", where=where, hint=_HINT)
    created_at = times.read("" if date is None else str(date), identifier, where)
    reply_to = _id(_field(value, "in_reply_to_status_id", where), where)
    return SourceTweet(identifier, text.replace("\r\n", "\n").replace("\r", "\n"), created_at, where, reply_to)


def _field(value: dict, column: str, where: str) -> object:
    """The first of the names for it that is there and not null."""
    return next((value[name] for name in NAMES[column] if value.get(name) is not None), None)


def _id(identifier: object, where: str) -> str:
    if identifier is None or identifier == "":
        return ""
    if isinstance(identifier, int) and not isinstance(identifier, bool) and 0 <= identifier < 2**64:
        return str(identifier)
    if isinstance(identifier, str) and identifier.isprintable() and " " not in identifier and len(identifier) <= LONGEST_ID:
        return identifier
    hint = "write ids as strings: numbers with a point or an exponent have lost their last digits"
    raise TweetstyleError(f"the id is {str(identifier)[:80]!r} ({_kind(identifier)})", where=where, hint=hint)


def _check_text(text: str, where: str) -> None:
    if "\0" in text:
        raise TweetstyleError("the text contains a NUL character", where=where, hint="remove it: the file may be damaged")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        what = f"the text contains half of a surrogate pair (\\u{ord(text[error.start]):04x} at character {error.start + 1})"
        raise TweetstyleError(what, where=where, hint="export the file again, or remove the character") from error


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")

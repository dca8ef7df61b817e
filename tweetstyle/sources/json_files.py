"""Tweets from JSON Lines and JSON lists, and the lists in X's .js files."""

import json
import re
from collections.abc import Callable, Collection, Iterator

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import N_, _
from tweetstyle.locale.libraries import reason
from tweetstyle.records import SourceTweet
from tweetstyle.sources.csv_source import NAMES, REQUIRED, listed, tweet_of_fields
from tweetstyle.sources.dates import Times
from tweetstyle.sources.text_files import TextFile, lines_of

EXAMPLE = '{"id": "1629000000000000000", "text": "…", "created_at": "2023-02-18T12:33:11Z"}'

_DAMAGED = N_("the file may be damaged or changed: use it as X gave it")
_BEGINNING = re.compile(r"\s*(?:window\.YTD\.(\w+)\.part\d+\s*=)?\s*\[\s*")
_BETWEEN = re.compile(r"[ \t\r\n]*([],]?)[ \t\r\n]*")
_decode = json.JSONDecoder().raw_decode

Advance = Callable[[int], object]


def read_json_lines(document: TextFile, name: str, notices: list[str], advance: Advance) -> Iterator[SourceTweet]:
    """As `read_csv`, of a file with one JSON object a line; blank lines are not tweets."""

    def objects() -> Iterator[tuple[int, str, object]]:
        for number, line in enumerate(lines_of(document, notices, advance), 1):
            if line.strip():
                where = f"{document}:{number}"
                try:
                    yield number, where, json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise _not_json(error, where, _hint()) from error

    return _tweets(objects(), document, name, notices)


def read_json_array(document: TextFile, name: str, notices: list[str], advance: Advance) -> Iterator[SourceTweet]:
    """As `read_json_lines`, of a file that is one list of objects; places are entries, not lines."""

    def objects() -> Iterator[tuple[int, str, object]]:
        text = document.text(notices)
        advance(document.size - len(text))
        for number, value in entries(text, str(document), (), advance):
            yield number, f"{document}, #{number}", value

    return _tweets(objects(), document, name, notices)


def entries(text: str, place: str, kinds: Collection[str], advance: Advance = lambda count: None) -> Iterator[tuple[int, object]]:
    """Yields (1, first entry), (2, second entry), … of a text `window.YTD.<kind>.part<N> = [ … ]`, or of the bare list.

    Args:
        text: what the file holds.
        place: its name in messages.
        kinds: those allowed.
        advance: is called with the number of characters just read.

    Raises:
        TweetstyleError: naming the entry, where the text is not JSON, of another kind, or cut off.
    """
    beginning = _BEGINNING.match(text)
    if not beginning or (beginning[1] and beginning[1] not in kinds):
        what = _("does not begin with a list of tweets")
        if kinds:
            what = _("does not begin as X writes it: {example}", example="window.YTD." + next(iter(kinds)) + ".part0 = [")
        raise TweetstyleError(what, where=place, hint=_(_DAMAGED))
    number, position = 0, beginning.end()
    advance(position)
    sign = "]" if text.startswith("]", position) else ","
    while sign == ",":
        number += 1
        try:
            value, end = _decode(text, position)
        except (ValueError, RecursionError) as error:
            raise _not_json(error, f"{place}, #{number}", _(_DAMAGED)) from error
        yield number, value
        found = _BETWEEN.match(text, end)
        advance(found.end() - position)
        sign, position = found[1], found.end()
    advance(len(text) - position)
    if sign != "]":
        raise TweetstyleError(_("a comma or the end of the list is missing"), where=f"{place}, #{number}", hint=_(_DAMAGED))


def _not_json(error: Exception, where: str, hint: str) -> TweetstyleError:
    return TweetstyleError(_("not valid JSON ({reason})", reason=reason(error)), where=where, hint=hint)


def _hint() -> str:
    return _("a tweet is one object: {example}; write ids as strings", example=EXAMPLE)


def _tweets(objects: Iterator[tuple[int, str, object]], document: TextFile, name: str, notices: list[str]) -> Iterator[SourceTweet]:
    times, number = Times(str(document)), 0
    for number, where, value in objects:
        yield _tweet(value, where, f"{name}:{number:07}", times)
    if not number:
        raise TweetstyleError(_("there is no tweet in the file"), where=str(document), hint=_hint())
    notices += times.notices()


def _tweet(value: object, where: str, default_id: str, times: Times) -> SourceTweet:
    if not isinstance(value, dict):
        raise TweetstyleError(_("this is not an object"), where=where, hint=_hint())
    # Exports nest it: {"tweet": {…}}
    value = value["tweet"] if isinstance(value.get("tweet"), dict) else value
    # Of the names for a field, the first that is there and not null; ids and dates may be numbers.
    fields = {column: next((value[name] for name in names if value.get(name) is not None), None) for column, names in NAMES.items()}
    if not isinstance(fields[REQUIRED], str):
        what = _("the field text is missing or is not a string (fields found: {found})", found=listed(value))
        raise TweetstyleError(what, where=where, hint=_hint())
    found = {column: str(field) for column, field in fields.items() if field not in (None, "") or column == REQUIRED}
    return tweet_of_fields(found, default_id, where, times)

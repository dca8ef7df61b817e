"""Tweets from JSON Lines and JSON lists, and the lists in X's .js files."""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import N_, _
from tweetstyle.locale.libraries import reason
from tweetstyle.records import SourceTweet
from tweetstyle.sources.csv_source import NAMES, REQUIRED, RETWEETED, TRUNCATED, listed, named, says_retweet, tweet_of_fields
from tweetstyle.sources.dates import Times
from tweetstyle.sources.text_files import BadRows, TextFile, lines_of

EXAMPLE = '{"id": "1629000000000000000", "text": "…", "created_at": "2023-02-18T12:33:11Z"}'

_DAMAGED = N_("the file may be damaged or changed: use it as X gave it")
_BEGINNING = re.compile(r"\s*(?:(?:window\.YTD\.(\w+)\.part\d+|Grailbird\.data\.tweets_\w+)\s*=)?\s*\[\s*")
_WHOLE = (("note_tweet", "text"), ("note_tweet", "note_tweet_results", "result", "text"), ("extended_tweet", "full_text"))
"""Where JSON has the whole of a text that is cut off under its usual name, in X's interfaces."""
_BETWEEN = re.compile(r"[ \t\r\n]*([],]?)[ \t\r\n]*")
_decode = json.JSONDecoder().raw_decode

Advance = Callable[[int], object]


def read_json_lines(document: TextFile, name: str, notices: list[str], advance: Advance) -> Iterator[SourceTweet]:
    """As `read_csv`, of a file with one JSON object a line; blank lines are not tweets."""

    bad = BadRows(str(document))

    def objects() -> Iterator[tuple[int, str, object]]:
        for number, line in enumerate(lines_of(document, notices, advance), 1):
            if line.strip():
                where = f"{document}:{number}"
                try:
                    value = json.loads(line)
                except (ValueError, RecursionError) as error:
                    bad.add(not_json(error, where, _hint()))
                    continue
                yield number, where, value

    return _tweets(objects(), document, name, notices, bad)


def read_json_array(document: TextFile, name: str, notices: list[str], advance: Advance) -> Iterator[SourceTweet]:
    """As `read_json_lines`, of a file that is one list of objects, or objects of several lines; places are entries, not lines."""

    def objects() -> Iterator[tuple[int, str, object]]:
        text = document.text(notices)
        advance(document.size - len(text))
        try:
            if text[:99].lstrip().startswith("{"):
                for number, value in enumerate(values_of(text), 1):
                    yield number, f"{document}, #{number}", value
                advance(len(text))
                return
            for number, value in entries(text, str(document), (), advance):
                yield number, f"{document}, #{number}", value
        except (ValueError, RecursionError) as error:
            bad.add(not_json(error, str(document), _hint()))
        except TweetstyleError as error:
            bad.add(error)

    bad = BadRows(str(document))
    return _tweets(objects(), document, name, notices, bad)


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
            raise not_json(error, f"{place}, #{number}", _(_DAMAGED)) from error
        yield number, value
        found = _BETWEEN.match(text, end)
        advance(found.end() - position)
        sign, position = found[1], found.end()
    advance(len(text) - position)
    if sign != "]":
        raise TweetstyleError(_("a comma or the end of the list is missing"), where=f"{place}, #{number}", hint=_(_DAMAGED))


def values_of(text: str) -> Iterator[object]:
    """The values of a text that has one behind the other. Raises ValueError for anything else."""
    end = len(text) - len(text.lstrip())
    while end < len(text):
        value, end = _decode(text, end)
        end = _BETWEEN.match(text, end).end()
        yield value


def not_json(error: Exception, where: str, hint: str) -> TweetstyleError:
    return TweetstyleError(_("not valid JSON ({reason})", reason=reason(error)), where=where, hint=hint)


def _hint() -> str:
    return _("a tweet is one object: {example}; write ids as strings", example=EXAMPLE)


def _tweets(
    objects: Iterator[tuple[int, str, object]], document: TextFile, name: str, notices: list[str], bad: BadRows
) -> Iterator[SourceTweet]:
    times, number = Times(str(document)), 0
    for number, where, value in objects:
        for place, entry in _entries_of(value):
            try:
                tweet = _tweet(entry, f"{where}{place and f', #{place}'}", f"{name}:{number:07}{place and f':{place:05}'}", times)
            except TweetstyleError as error:
                bad.add(error)
            else:
                yield tweet
    bad.check()
    if not number:
        raise TweetstyleError(_("there is no tweet in the file"), where=str(document), hint=_hint())
    notices += times.notices()


def _entries_of(value: object) -> Iterable[tuple[int | str, object]]:
    """The entries of a page of X's interface, or of another object that holds a list, with their numbers; else the value itself."""
    lists = (value.get(name) for name in ("data", "tweets", "statuses")) if isinstance(value, dict) else ()
    found = next((entries for entries in lists if isinstance(entries, list)), None)
    return [("", value)] if found is None else enumerate(found, 1)


def _tweet(value: object, where: str, default_id: str, times: Times) -> SourceTweet:
    if not isinstance(value, dict):
        raise TweetstyleError(_("this is not an object"), where=where, hint=_hint())
    written, value = value, _by_name(value)
    if nested := next((value[name] for name in ("tweet", "legacy", "data") if isinstance(value.get(name), dict)), None):
        written, value = nested, _by_name(nested)
    # Of the names for a field, the first that is there and not null; ids and dates may be numbers.
    fields = {column: next((value[name] for name in names if value.get(name) is not None), None) for column, names in NAMES.items()}
    whole = next((text for path in _WHOLE if isinstance(text := within(value, path), str) and text), None)
    fields[REQUIRED] = whole or fields[REQUIRED]
    if not isinstance(fields[REQUIRED], str):
        what = _("the field text is missing or is not a string (fields found: {found})", found=listed(written))
        raise TweetstyleError(what, where=where, hint=_hint())
    found = {column: str(field) for column, field in fields.items() if field not in (None, "") or column == REQUIRED}
    tweet = tweet_of_fields(found, default_id, where, times)
    if whole or (value.get("truncated") is True and "full_text" not in value and "…" in tweet.text):
        tweet = tweet._replace(reason="" if whole else TRUNCATED, evidence="" if whole else tweet.text[-40:])
    items = value.get("referenced_tweets")
    referenced = {item.get("type"): str(item.get("id", "")) for item in items if isinstance(item, dict)} if isinstance(items, list) else {}
    return tweet._replace(
        reply_to=tweet.reply_to or referenced.get("replied_to", ""),
        is_retweet=any(says_retweet(name, str(value[name])) for name in RETWEETED if value.get(name)),
    )


def _by_name(fields: dict[str, object]) -> dict[str, object]:
    """The fields by their names in any case; of two with one name, the first that is not null."""
    return {named(name): field for name, field in reversed(fields.items()) if field is not None}


def within(value: object, path: Collection[str]) -> object:
    """What is at `path` in objects within objects; None where that ends."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value

"""One entry of X's archive as a SourceTweet; long posts joined to their tweets."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Collection, Iterable
from typing import NamedTuple

from tweetstyle.errors import TweetstyleError
from tweetstyle.records import SourceTweet
from tweetstyle.sources.dates import as_utc, read_date

SHORTEST_BEGINNING = 100
"""Characters. X cuts at 280; what is shorter and bears no … is a post of its own that begins alike."""

# Users that are gone are -1.
_ID, _USER = re.compile(r"[0-9]{1,20}"), re.compile(r"-1|[0-9]{1,20}")
_STATUS = re.compile(r"https?://(?:www\.|m\.|mobile\.)?(?:x|twitter)\.com/(?:i/web|[^/]+)/status(?:es)?/([0-9]+)", re.IGNORECASE)
_LINKS = re.compile(r"(?:\s*https?://t\.co/\w+)+\s*$")
_MENTIONS = re.compile(r"(?:@\w+\s+)+")
_HINT = "the archive may be damaged or changed: take it as X gave it"


class Account(NamedTuple):
    """The author as X knows them: number and @name, either of them empty where the archive does not say."""

    id: str = ""
    name: str = ""


class Version(NamedTuple):
    """A tweet, and the ids of all versions of it that it knows of (its own alone where it was never edited)."""

    tweet: SourceTweet
    versions: tuple[str, ...]


def tweet_of(entry: object, where: str, account: Account, own: Collection[str] = ()) -> Version:
    """Reads `{"tweet": {…}}` or the bare `{…}`.

    account: whose archive it is; own: where the archive does not say whose, the ids of its tweets: an answer to one of them is an
    answer to oneself. Raises TweetstyleError at `where`.
    """
    tweet = entry.get("tweet", entry) if isinstance(entry, dict) else None
    if not isinstance(tweet, dict):
        raise TweetstyleError("is no tweet", where=where, hint=_HINT)
    identifier = _first_id(tweet, ("id_str", "id"), where)
    if not identifier:
        raise TweetstyleError("has no id", where=where, hint=_HINT)
    text = tweet.get("full_text", tweet.get("text"))
    if not isinstance(text, str):
        raise TweetstyleError(f"tweet {identifier} has no text", where=where, hint=_HINT)
    created_at = _utc(tweet.get("created_at"), where)
    reply_to = _first_id(tweet, ("in_reply_to_status_id_str", "in_reply_to_status_id"), where)
    answers_another = _answers_another(tweet, reply_to, where, account, own)
    media = _list(tweet, where, "entities", "media") or _list(tweet, where, "extended_entities", "media")
    quote = _is_quote(tweet, identifier, where)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    found = SourceTweet(identifier, text, created_at, where, reply_to, answers_another, bool(media), quote)
    return Version(found, _versions(tweet, identifier, where) if "edit_info" in tweet else (identifier,))


def _utc(date: object, where: str) -> str:
    """`Sat Feb 18 12:33:11 +0000 2023`, or any other form that `read_date` knows, as `2023-02-18T12:33:11Z`."""
    try:
        if not isinstance(date, str):
            raise ValueError("no text")
        return as_utc(read_date(date))
    except (ValueError, OverflowError) as error:
        hint = "X writes it as Sat Feb 18 12:33:11 +0000 2023; " + _HINT
        raise TweetstyleError(f"the date {date!r:.80} cannot be read ({error})", where=where, hint=hint) from error


def _first_id(tweet: dict, keys: tuple[str, ...], where: str, form: re.Pattern[str] = _ID) -> str:
    """The first id that is there, as text; empty where there is none."""
    for key in keys:
        value = tweet.get(key)
        if value is None or value == "":
            continue
        # A float has lost the last digits; True is an int to Python.
        if type(value) not in (str, int) or not form.fullmatch(str(value)):
            raise TweetstyleError(f"{key} is {value!r:.80}, not a number of at most 20 digits", where=where, hint=_HINT)
        return str(value)
    return ""


def _answers_another(tweet: dict, reply_to: str, where: str, account: Account, own: Collection[str]) -> bool:
    """Whether the tweet is a reply, and to someone else."""
    user = _first_id(tweet, ("in_reply_to_user_id_str", "in_reply_to_user_id"), where, _USER)
    name = tweet.get("in_reply_to_screen_name") or ""
    if not isinstance(name, str):
        raise TweetstyleError("in_reply_to_screen_name is no text", where=where, hint=_HINT)
    if not (reply_to or user or name):
        return False
    # The number stays when an account takes another name.
    if user and account.id:
        return user != account.id
    if name and account.name:
        return name.casefold() != account.name.casefold()
    return reply_to not in own


def _is_quote(tweet: dict, identifier: str, where: str) -> bool:
    """A link to a tweet, other than the link to itself that replaces its own end."""
    if tweet.get("quoted_status_id_str") or tweet.get("quoted_status_id"):
        return True
    for url in _list(tweet, where, "entities", "urls"):
        expanded = url.get("expanded_url") if isinstance(url, dict) else None
        if isinstance(expanded, str) and (found := _STATUS.match(expanded)) and found[1] != identifier:
            return True
    return False


def _versions(tweet: dict, identifier: str, where: str) -> tuple[str, ...]:
    """The ids of a post and its edits: in `initial` of the post itself, in `edit` of every later version."""
    initial = _object(tweet, where, "edit_info", "initial")
    edit = _object(tweet, where, "edit_info", "edit")
    ids = [*_list(initial, where, "editTweetIds"), *_list(edit, where, "editControlInitial", "editTweetIds"), identifier]
    first = edit.get("initialTweetId")
    ids = ids if first is None else [first, *ids]
    if not all(isinstance(one, str) and _ID.fullmatch(one) for one in ids):
        raise TweetstyleError("edit_info holds ids that are no numbers", where=where, hint=_HINT)
    return tuple(dict.fromkeys(ids))


def _object(within: dict, where: str, *keys: str) -> dict:
    for key in keys:
        within = within.get(key) or {}
        if not isinstance(within, dict):
            raise TweetstyleError(f"{key} is no object", where=where, hint=_HINT)
    return within


def _list(within: dict, where: str, *keys: str) -> list:
    value = _object(within, where, *keys[:-1]).get(keys[-1]) or []
    if not isinstance(value, list):
        raise TweetstyleError(f"{'.'.join(keys)} is no list", where=where, hint=_HINT)
    return value


class _Note(NamedTuple):
    text: str
    folded: str


class Notes:
    """The long posts of an archive, found again by the second they were written in and the beginning of their text."""

    def __init__(self) -> None:
        self._notes: list[_Note] = []
        self._by_second: dict[str, list[int]] = {}
        self._seen: set[tuple[str, str]] = set()

    def add(self, entry: object, where: str) -> None:
        """Takes an entry of note-tweet.js. Raises TweetstyleError at `where` for anything else."""
        note = entry.get("noteTweet", entry) if isinstance(entry, dict) else None
        core = note.get("core") if isinstance(note, dict) else None
        text = core.get("text") if isinstance(core, dict) else None
        if not isinstance(text, str):
            raise TweetstyleError("the long post has no text", where=where, hint=_HINT)
        second = _utc(note.get("createdAt"), where)
        if (second, text) not in self._seen:
            self._seen.add((second, text))
            self._by_second.setdefault(second, []).append(len(self._notes))
            self._notes.append(_Note(text.replace("\r\n", "\n").replace("\r", "\n"), _folded(text)))

    def near(self, tweet: SourceTweet) -> tuple[int, ...]:
        """The long posts that the tweet may be the beginning of."""
        same_second = self._by_second.get(tweet.created_at)
        return tuple(number for number in same_second if _begins(tweet.text, self._notes[number].folded)) if same_second else ()

    def join(self, held: Iterable[tuple[SourceTweet, tuple[int, ...]]], notices: list[str]) -> list[SourceTweet]:
        """The tweets with the whole text, where one tweet and one long post belong to each other and to no other.

        held: tweets with what `near` gave for them. What is not joined is counted in `notices`.
        """
        held = list(held)
        tweets_of = Counter(number for _, number in {(tweet.id, number) for tweet, near in held for number in near})
        joined: set[int] = set()
        texts = []
        for tweet, near in held:
            if len(near) == 1 and tweets_of[near[0]] == 1:
                joined.add(near[0])
                tweet = tweet._replace(text=self._notes[near[0]].text)
            texts.append(tweet)
        ambiguous, lost = len(set(tweets_of) - joined), len(self._notes) - len(set(tweets_of) | joined)
        if ambiguous:
            notices.append(_many(ambiguous, "could belong to several tweets, so these are left as they were cut off"))
        if lost:
            notices.append(_many(lost, "has no tweet in the archive" if lost == 1 else "have no tweet in the archive"))
        return texts


def _begins(text: str, note: str) -> bool:
    """Whether a tweet is the long post's beginning, or, where X did not cut it, all of it."""
    beginning = _LINKS.sub("", _folded(text))
    cut = beginning.endswith("…") and not note.startswith(beginning)
    beginning = beginning.removesuffix("…").rstrip() if cut else beginning
    for one, other in ((beginning, note), (_MENTIONS.sub("", beginning, 1), _MENTIONS.sub("", note, 1))):
        if one and (one == _LINKS.sub("", other) or ((cut or len(one) >= SHORTEST_BEGINNING) and other.startswith(one))):
            return True
    return False


def _folded(text: str) -> str:
    """The text with its entities resolved and its white space single: the two files need not agree in these."""
    return " ".join(html.unescape(text).split())


def _many(count: int, what: str) -> str:
    return f"{count:,} long {'post' if count == 1 else 'posts'} (note-tweet.js) {what}"

"""One entry of X's archive as a SourceTweet; long posts joined to their tweets."""

import html
import re
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Annotated, NamedTuple, TypeVar

from pydantic import BaseModel, Field, ValidationError

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import N_, _
from tweetstyle.locale.libraries import reason
from tweetstyle.records import SourceTweet
from tweetstyle.sources.csv_source import TRUNCATED, client_name
from tweetstyle.sources.dates import as_utc, read_date
from tweetstyle.sources.text_files import as_learned

SHORTEST_BEGINNING = 100
"""Characters. X cuts at 280; what is shorter and bears no … is a post of its own that begins alike."""
HINT = N_("the archive may be damaged or changed: use it as X gave it, or ask X for it again")

_STATUS = re.compile(r"https?://(?:www\.|m\.|mobile\.)?(?:x|twitter)\.com/(?:i/web|[^/]+)/status(?:es)?/([0-9]+)", re.IGNORECASE)
_LINKS = re.compile(r"(?:\s*https?://t\.co/\w+)+\s*$")
_MENTIONS = re.compile(r"(?:@\w+\s+)+")


class Account(NamedTuple):
    """The author as X knows them: number and @name, either of them empty where the archive does not say."""

    id: str = ""
    name: str = ""


# -- what is read of the files, in X's names --------------------------------------------------------------------

Id = Annotated[str, Field(pattern=r"^[0-9]{1,20}$")]


class _Link(BaseModel):
    expanded_url: str | None = None


class _Entities(BaseModel):
    urls: list[_Link] = []
    media: list[object] = []


class _Versions(BaseModel):
    editTweetIds: list[Id] = []


class _Edit(BaseModel):
    initialTweetId: Id


class _EditInfo(BaseModel):
    """`initial` of the first version of a post, `edit` of every later one."""

    initial: _Versions = _Versions()
    edit: _Edit | None = None


class _XTweet(BaseModel):
    id_str: Id
    full_text: str
    created_at: str
    in_reply_to_status_id_str: str = ""
    in_reply_to_user_id_str: str = ""
    in_reply_to_screen_name: str | None = None
    quoted_status_id_str: str = ""
    source: str | None = None
    entities: _Entities = _Entities()
    edit_info: _EditInfo = _EditInfo()


class _Core(BaseModel):
    text: str


class _NoteTweet(BaseModel):
    createdAt: str
    core: _Core


class _NoteEntry(BaseModel):
    noteTweet: _NoteTweet


Model = TypeVar("Model", bound=BaseModel)


def validated(model: type[Model], value: object, where: str) -> Model:
    """The value as X writes it. Raises TweetstyleError at `where`, naming the field, for anything else."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise unlike_x(error, where) from error


def unlike_x(error: ValidationError, where: str) -> TweetstyleError:
    """The error for what is not as X writes it, naming the field where there is one."""
    problem = error.errors(include_url=False)[0]
    field = ".".join(map(str, problem["loc"])) or "JSON"
    return TweetstyleError(_("is not as X writes it ({field}: {reason})", field=field, reason=_(problem["msg"])), where=where, hint=_(HINT))


# -- what becomes of it -----------------------------------------------------------------------------------------


class Version(NamedTuple):
    """A tweet, and the id of its post's first version; empty where it was never edited."""

    tweet: SourceTweet
    first: str


def tweet_of(entry: object, where: str, account: Account) -> Version:
    """Reads `{"tweet": {…}}` or the bare `{…}` of a tweet in the account's archive. Raises TweetstyleError at `where`."""
    tweet = validated(_XTweet, entry.get("tweet", entry) if isinstance(entry, dict) else entry, where)
    edit, versions = tweet.edit_info.edit, tweet.edit_info.initial.editTweetIds
    first = edit.initialTweetId if edit else versions[0] if len(versions) > 1 else ""
    linked = [status[1] for link in tweet.entities.urls if (status := _STATUS.match(link.expanded_url or ""))]
    found = SourceTweet(
        tweet.id_str,
        as_learned(tweet.full_text),
        _utc(tweet.created_at, where),
        where,
        tweet.in_reply_to_status_id_str,
        _answers_another(tweet, account),
        bool(tweet.entities.media),
        bool(tweet.quoted_status_id_str) or any(tweet.id_str != status for status in linked),
        client=client_name(tweet.source or ""),
    )
    if tweet.id_str in linked and "…" in tweet.full_text and not tweet.full_text.startswith("RT @"):
        found = found._replace(reason=TRUNCATED, evidence=found.text[-40:])
    return Version(found, first)


def _utc(date: str, where: str) -> str:
    """`Sat Feb 18 12:33:11 +0000 2023`, or any other form that `read_date` knows, as `2023-02-18T12:33:11Z`."""
    try:
        return as_utc(read_date(date))
    except (ValueError, OverflowError) as error:
        what = _("the date {date} cannot be read ({reason})", date=repr(date[:80]), reason=reason(error))
        raise TweetstyleError(what, where=where, hint=_(HINT)) from error


def _answers_another(tweet: _XTweet, account: Account) -> bool | None:
    """Whether the tweet is a reply, and to someone else; None where the archive does not say whose it is."""
    user, name = tweet.in_reply_to_user_id_str, tweet.in_reply_to_screen_name
    if not (tweet.in_reply_to_status_id_str or user or name):
        return False
    # The number stays when an account takes another name.
    if user and account.id:
        return user != account.id
    return name.casefold() != account.name.casefold() if name and account.name else None


class Notes:
    """The long posts of an archive, found again by when they were written, to the second or the next, and the beginning of their text."""

    def __init__(self) -> None:
        self._by_second: defaultdict[str, set[str]] = defaultdict(set)

    def add(self, entry: object, where: str) -> None:
        """Takes an entry of note-tweet.js. Raises TweetstyleError at `where` for anything else."""
        note = validated(_NoteEntry, entry, where).noteTweet
        self._by_second[_utc(note.createdAt, where)].add(as_learned(note.core.text))

    def whole(self, tweet: SourceTweet) -> SourceTweet:
        """The tweet with the whole text, no longer `TRUNCATED`, where it is the beginning of exactly one long post."""
        if not self._by_second:
            return tweet
        next_second = as_utc(datetime.fromisoformat(tweet.created_at).replace(tzinfo=None) + timedelta(seconds=1))
        for second in (tweet.created_at, next_second):
            found = [text for text in self._by_second.get(second, ()) if _begins(tweet.text, text)]
            if found:
                return tweet._replace(text=found[0], reason="", evidence="") if len(found) == 1 else tweet
        return tweet


def _begins(text: str, note: str) -> bool:
    """Whether a tweet is the long post's beginning, or, where X did not cut it, all of it."""
    beginning, note = _LINKS.sub("", _folded(text)), _folded(note)
    cut = beginning.endswith("…") and not note.startswith(beginning)
    beginning = beginning.removesuffix("…").rstrip() if cut else beginning
    for one, other in ((beginning, note), (_MENTIONS.sub("", beginning, 1), _MENTIONS.sub("", note, 1))):
        if one and (one == _LINKS.sub("", other) or ((cut or len(one) >= SHORTEST_BEGINNING) and other.startswith(one))):
            return True
    return False


def _folded(text: str) -> str:
    """The text with its entities resolved and its white space single: the two files need not agree in these."""
    return " ".join(html.unescape(text).split())

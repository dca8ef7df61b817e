"""X's archive, zipped or unpacked, as a stream of tweets.

Beside the posts, two identifiers of the account are read, its number and its @name: they tell a thread from replies to others.
They come from the manifest; exports without one have them in account.js. Deleted tweets, circle tweets, direct messages and all
else that X puts into the archive are never opened.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ValidationError

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import _, later
from tweetstyle.locale.libraries import reason
from tweetstyle.records import SourceTweet
from tweetstyle.sources.json_files import entries
from tweetstyle.sources.text_files import Members
from tweetstyle.sources.x_tweet import HINT, Account, Notes, tweet_of, unlike_x, validated

EARLIER_EDIT = "earlier edit"
"""Reason of a version that a later one in the archive replaces."""
NOTES, TWEETS, COMMUNITY, ACCOUNT = "note", "tweet", "community", "account"
KINDS = {NOTES: ("note_tweet",), TWEETS: ("tweets", "tweet"), COMMUNITY: ("community_tweet",), ACCOUNT: ("account",)}
"""What is read, in this order, and what the files call it in `window.YTD.<kind>.part0`. Nothing else of an archive is ever opened."""

_PART = re.compile(r"(?:(community|note)[-_])?tweets?(?:-part(\d+))?\.js")
_TWEETS = re.compile(r"((?:(?!assets/|js/)[^/]+/)*?(?:data/)?)tweets?(?:-part\d+)?\.js")
_MONTHS = re.compile(r"(?:[^/]+/)*data/js/tweets/\d{4}_\d\d\.js")
_OF_X = re.compile(
    r"(?:[^/]+/)*(?:Your archive\.html|data/(?:[\w-]+_media/.*|[^/]+\.js|js/.*)|"
    r"assets/(?:js|fonts|images)/.*|manifest\.js|account\.js|[\w-]*tweets?[\w-]*_media/.*)"
)
"""Files that X's archives alone have: beside them no text is a source."""

Advance = Callable[[int], object]


class Part(NamedTuple):
    """A file to read: its name among the members, its kind, and the count that the manifest gives (None: none)."""

    name: str
    kind: str
    count: int | None


class Contents(NamedTuple):
    parts: list[Part]
    account: Account


class _Listed(BaseModel):
    fileName: str
    count: int | None = None


class _DataType(BaseModel):
    files: list[_Listed] = []


class _DataTypes(BaseModel):
    tweets: _DataType = _DataType()
    tweet: _DataType = _DataType()
    communityTweet: _DataType = _DataType()
    noteTweet: _DataType = _DataType()


class _UserInfo(BaseModel):
    accountId: str = ""
    userName: str = ""


class _Manifest(BaseModel):
    userInfo: _UserInfo = _UserInfo()
    dataTypes: _DataTypes = _DataTypes()

    def counts(self) -> dict[str, int | None]:
        """Name of each file of tweets, without its folder → the entries that X says it has."""
        types = self.dataTypes
        listed = [*types.tweets.files, *types.tweet.files, *types.communityTweet.files, *types.noteTweet.files]
        return {file.fileName.rpartition("/")[2]: file.count for file in listed}


class _OwnAccount(BaseModel):
    accountId: str
    username: str


class _AccountEntry(BaseModel):
    account: _OwnAccount


def read_x_archive(path: Path, notices: list[str], advance: Advance = lambda count: None) -> Iterator[SourceTweet]:
    """Yields every tweet of the archive in the order of its files; edited posts last, once all their versions are known.

    An earlier edit has the reason EARLIER_EDIT and the last one's id as evidence. A long post has its whole text. is_reply is True
    for replies to others alone.

    Args:
        path: the zip or the folder.
        notices: gets sentences for the user.
        advance: is called with the number of bytes just read, `size_of(path)` in all.

    Raises:
        TweetstyleError: naming file and entry for anything damaged or missing.
    """
    members = Members(path)
    contents = contents_of(members)
    notes, edited = Notes(), []
    for part in contents.parts:
        for where, entry in _entries(members, part, notices, advance):
            if part.kind == NOTES:
                notes.add(entry, where)
                continue
            tweet, first = tweet_of(entry, where, contents.account)
            if first:
                edited.append((first, notes.whole(tweet)))
            else:
                yield notes.whole(tweet)
    last: dict[str, int] = {}
    for first, tweet in edited:
        last[first] = max(int(tweet.id), last.get(first, 0))
    for first, tweet in edited:
        final = str(last[first])
        yield tweet if final == tweet.id else tweet._replace(reason=EARLIER_EDIT, evidence=final)


def size_of(path: Path) -> int:
    """The bytes that `read_x_archive` reads and counts: those of the files of tweets, unpacked."""
    members = Members(path)
    return sum(members.sizes[part.name] for part in contents_of(members).parts)


def tweet_files_in(members: Members) -> list[str]:
    """The files of tweets proper, without which there is no archive of X."""
    return [name for name in members.sizes if name.endswith(".js") and _TWEETS.fullmatch(name)]


def months_in(members: Members) -> list[str]:
    """The files of X's exports until 2018, one a month."""
    return sorted(name for name in members.sizes if name.endswith(".js") and _MONTHS.fullmatch(name))


def is_of_x(members: Members) -> bool:
    """Whether this is X's archive or a part of it, with or without tweets."""
    return any(map(_OF_X.fullmatch, members.sizes))


def contents_of(members: Members) -> Contents:
    """The files that are read, long posts first and community tweets last, and whose archive it is.

    Raises TweetstyleError for two archives, and for a file that the manifest names and that is missing.
    """
    # data/ since 2020, the top in 2019, and either of them within folders of the user's
    folder, *others = sorted({_TWEETS.fullmatch(name)[1] for name in tweet_files_in(members)})
    if others:
        what = _("holds two archives, in {one} and {other}", one=repr(folder), other=repr(others[0]))
        raise TweetstyleError(what, where=str(members.path), hint=_("name the zip that X gave, or its folder"))
    here = {name.removeprefix(folder) for name in members.sizes if name.startswith(folder)}
    manifest = _manifest(members, f"{folder}manifest.js") if "manifest.js" in here else _Manifest()
    counts = manifest.counts()
    if missing := [name for name, count in counts.items() if name not in here and count != 0]:
        where = members.place(f"{folder}manifest.js")
        hint = _("if X gave several zips, unpack them all into one folder and name it; else ask X for the archive again")
        raise TweetstyleError(_("names {file}, which is missing from the archive", file=missing[0]), where=where, hint=hint)
    found = sorted((list(KINDS).index(match[1] or TWEETS), int(match[2] or 0), match[0]) for match in map(_PART.fullmatch, here) if match)
    parts = [Part(folder + name, list(KINDS)[kind], counts.get(name)) for kind, _, name in found]
    account = Account(manifest.userInfo.accountId, manifest.userInfo.userName)
    if not account.id and "account.js" in here:
        account = _account(members, f"{folder}account.js")
    return Contents(parts, account)


def _manifest(members: Members, name: str) -> _Manifest:
    raw = members.read(name)
    try:
        return _Manifest.model_validate_json(raw[raw.find(b"{") :])
    except ValidationError as error:
        raise unlike_x(error, members.place(name)) from error


def _account(members: Members, name: str) -> Account:
    """The two identifiers in account.js, which also holds an e-mail address: opened only where the manifest does not have them."""
    for where, entry in _entries(members, Part(name, ACCOUNT, None), [], lambda count: None):
        account = validated(_AccountEntry, entry, where).account
        return Account(account.accountId, account.username)
    return Account()


def _entries(members: Members, part: Part, notices: list[str], advance: Advance) -> Iterator[tuple[str, object]]:
    """The place of an entry, and the entry; at the end, a notice where the manifest counts otherwise."""
    place, raw = members.place(part.name), members.read(part.name)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = _("not valid UTF-8 from byte {number:,} on ({reason})", number=error.start + 1, reason=reason(error))
        raise TweetstyleError(what, where=place, hint=_(HINT)) from error
    advance(len(raw) - len(text))
    del raw  # of a large archive some hundred MB
    number = 0
    for number, entry in entries(text, place, KINDS[part.kind], advance):
        yield f"{place}, #{number}", entry
    if part.count not in (None, number):
        values = {"file": place, "expected": part.count, "count": number, "gap": abs(part.count - number)}
        if part.count > number:
            notices.append(later("{file}: X's manifest says {expected:,} entries, the file has {count:,}: {gap:,} missing", **values))
        else:
            notices.append(later("{file}: X's manifest says {expected:,} entries, the file has {count:,}: {gap:,} more", **values))

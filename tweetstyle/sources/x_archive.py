"""X's archive, zipped or unpacked, as a stream of tweets.

Beside the posts, two identifiers of the account are read, its number and its @name: they tell a thread from replies to others.
They come from the manifest; exports without one have them in account.js. Deleted tweets, circle tweets, direct messages and all
else that X puts into the archive are never opened.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tweetstyle.errors import TweetstyleError
from tweetstyle.records import SourceTweet
from tweetstyle.sources.containers import FolderMembers, ZipMembers
from tweetstyle.sources.json_files import assigned_object, entries
from tweetstyle.sources.x_tweet import Account, Notes, Version, tweet_of

EARLIER_EDIT = "earlier edit"
"""Reason of a version that a later one in the archive replaces."""

TWEETS, COMMUNITY, NOTES = "tweets", "community tweets", "long posts"
KINDS = {TWEETS: ("tweets", "tweet"), COMMUNITY: ("community_tweet",), NOTES: ("note_tweet",)}
"""What is read, and what the files call it in `window.YTD.<kind>.part0`. Nothing else of an archive is ever opened for tweets."""

_TYPES = {"tweets": TWEETS, "tweet": TWEETS, "communityTweet": COMMUNITY, "noteTweet": NOTES}
_STEMS = {TWEETS: "tweets?", COMMUNITY: "community[-_]tweets?", NOTES: "note[-_]tweets?"}
_PART = r"(?:-part([1-9]\d{0,4}))?\.js"
_PLACE = re.compile(rf"((?:[^/]+/)?(?:data/)?)(?:manifest\.js|tweets?{_PART})")
_AGAIN = "take the archive whole, as X gave it; if X gave it so, ask X for it again"
_NOT_ENCODABLE = re.compile("[\ud800-\udfff\0]")

Advance = Callable[[int], object]
Members = ZipMembers | FolderMembers


class Part(NamedTuple):
    """A file to read: its name among the members, its kind, and the count that the manifest gives (None: none)."""

    name: str
    kind: str
    count: int | None = None


class Contents(NamedTuple):
    parts: list[Part]
    account: Account


def read_x_archive(path: Path, notices: list[str], advance: Advance = lambda count: None) -> Iterator[SourceTweet]:
    """Yields every tweet of the archive in the order of its files; edited and long posts last, once all their versions are known.

    An earlier edit has the reason EARLIER_EDIT and the last one's id as evidence. A long post has its whole text. is_reply is True
    for replies to others alone. One tweet at a time is in memory, with the long posts and the edited ones.

    Args:
        path: the zip or the folder.
        notices: gets sentences for the user, the last of them at the end.
        advance: is called with the number of bytes just read, `size_of(path)` in all.

    Raises:
        TweetstyleError: naming file and entry for anything damaged or missing.
    """
    with _members(path) as members:
        contents = contents_of(members, notices)
        notes = Notes()
        for part in contents.parts:
            if part.kind == NOTES:
                for where, entry in _entries(members, part, notices, advance):
                    notes.add(entry, where)
        count, first = 0, ""
        for tweet in _tweets(members, contents, notes, notices, advance):
            if _NOT_ENCODABLE.search(tweet.text):
                count, first = count + 1, first or tweet.where
                tweet = tweet._replace(text=_NOT_ENCODABLE.sub("\ufffd", tweet.text))
            yield tweet
    if count:
        what = f"{count:,} texts contain half a surrogate pair or a NUL, which UTF-8 text cannot: it was replaced by U+FFFD"
        notices.append(f"{what} (the first: {first})")


def size_of(path: Path) -> int:
    """The bytes that `read_x_archive` reads and counts: those of the files of tweets, unpacked."""
    with _members(path) as members:
        return sum(members.size(part.name) for part in contents_of(members, []).parts)


def _members(path: Path) -> Members:
    return FolderMembers(path) if path.is_dir() else ZipMembers(path)


def _tweets(members: Members, contents: Contents, notes: Notes, notices: list[str], advance: Advance) -> Iterator[SourceTweet]:
    parts = [part for part in contents.parts if part.kind != NOTES]
    own = set() if contents.account != Account() else _own_ids(members, parts)
    held: list[tuple[Version, tuple[int, ...]]] = []
    for part in parts:
        for where, entry in _entries(members, part, notices, advance):
            version = tweet_of(entry, where, contents.account, own)
            near = notes.near(version.tweet)
            if near or len(version.versions) > 1:
                held.append((version, near))
            else:
                yield version.tweet
    whole = notes.join([(version.tweet, near) for version, near in held], notices)
    yield from _edits_marked(whole, [version.versions for version, _ in held])


def _entries(members: Members, part: Part, notices: list[str], advance: Advance) -> Iterator[tuple[str, object]]:
    """The place of an entry, and the entry; at the end, a notice where the manifest counts otherwise."""
    place = members.place(part.name)
    number = 0
    with members.open(part.name) as stream:
        for number, entry in entries(stream, place, KINDS[part.kind], advance):
            yield f"{place}, entry {number}", entry
    if part.count is not None and part.count != number:
        gap = f"{part.count - number:,} are missing" if part.count > number else f"{number - part.count:,} more"
        notices.append(f"{place}: X's manifest says {part.count:,} entries, the file has {number:,}: {gap}")


def _own_ids(members: Members, parts: list[Part]) -> set[str]:
    """Where nothing says whose archive it is, the author's own tweets are those in it."""
    found = (one for part in parts for one in _entries(members, part, [], lambda count: None))
    return {tweet_of(entry, where, Account()).tweet.id for where, entry in found}


def _edits_marked(tweets: list[SourceTweet], versions: list[tuple[str, ...]]) -> Iterator[SourceTweet]:
    """Of the versions of one post that are there, all but the last get EARLIER_EDIT."""
    there = {tweet.id for tweet in tweets}
    last: dict[str, str] = {}
    for ids in versions:
        present = [one for one in ids if one in there]
        # Every version knows the first; one may know of later ones than another does.
        last[ids[0]] = max([*present, last.get(ids[0], present[0])], key=int)
    for tweet, ids in zip(tweets, versions, strict=True):
        final = last[ids[0]]
        yield tweet if final == tweet.id else tweet._replace(reason=EARLIER_EDIT, evidence=final)


def contents_of(members: Members, notices: list[str]) -> Contents:
    """The files that the manifest names; in exports without one, those whose names say so. Tweets come before community tweets.

    Raises TweetstyleError naming the file for a part that is missing, for a name that X does not give, for no tweets at all.
    """
    folder = _folder(members)
    here = {name.removeprefix(folder) for name in members.names if name.startswith(folder) and "/" not in name.removeprefix(folder)}
    manifest = _Manifest(members, folder, here) if "manifest.js" in here else None
    parts = manifest.parts() if manifest else _by_name(members, folder, here)
    account = (manifest and manifest.account()) or _account_file(members, folder, here)
    if manifest:
        notices += manifest.notices(parts)
    if not any(part.kind == TWEETS for part in parts):
        raise TweetstyleError("the archive names no file of tweets", where=members.place(f"{folder}manifest.js"), hint=_AGAIN)
    return Contents(sorted(parts, key=lambda part: list(KINDS).index(part.kind)), account)


def _folder(members: Members) -> str:
    """Where manifest and tweets lie: `data/` since 2020, the top in 2019, and either of them within one folder more."""
    matches = [found for name in members.names if (found := _PLACE.fullmatch(name))]
    # Other programs' manifests have no tweets beside them.
    folders = sorted({found[1] for found in matches if "tweet" in found[0]} or {found[1] for found in matches})
    if len(folders) == 1:
        return folders[0]
    what = f"holds two archives, in {folders[0]!r} and {folders[1]!r}" if folders else "holds no manifest.js and no tweets.js"
    raise TweetstyleError(what, where=str(members.path), hint="name the zip that X gave, or its folder")


class _Manifest:
    """manifest.js, checked while it is read: every message names the file and the key."""

    def __init__(self, members: Members, folder: str, here: set[str]) -> None:
        self._folder, self._here, self._place = folder, here, members.place(f"{folder}manifest.js")
        with members.open(f"{folder}manifest.js") as stream:
            self._content = assigned_object(stream, self._place)

    def parts(self) -> list[Part]:
        types = self._object(self._content, "dataTypes")
        parts: dict[str, Part] = {}
        for name, kind in _TYPES.items():
            files = self._object(types, name).get("files") or []
            if not isinstance(files, list):
                raise self._wrong(f"dataTypes.{name}.files is not a list")
            for number, file in enumerate(files, 1):
                if part := self._part(file, kind, f"dataTypes.{name}.files, {number}"):
                    parts[part.name] = part
        return list(parts.values())

    def account(self) -> Account | None:
        user = self._object(self._content, "userInfo")
        identifiers = [user.get(key, "") for key in ("accountId", "userName")]
        if not all(isinstance(value, str) for value in identifiers):
            raise self._wrong("userInfo holds an accountId or a userName that is not text")
        return Account(*identifiers) if identifiers[0] else None

    def notices(self, parts: list[Part]) -> list[str]:
        named = {part.name.removeprefix(self._folder) for part in parts}
        pattern = re.compile("|".join(f"(?:{stem}{_PART})" for stem in _STEMS.values()))
        found = [f"{name} was not read: {self._place} does not list it" for name in self._here - named if pattern.fullmatch(name)]
        if self._object(self._content, "archiveInfo").get("isPartialArchive") is True:
            found.append(f"{self._place}: X divided the archive into several zips; this is one of them")
        return sorted(found)

    def _part(self, file: object, kind: str, where: str) -> Part | None:
        name, count = (file.get("fileName"), file.get("count")) if isinstance(file, dict) else (None, None)
        base = name.removeprefix("data/") if isinstance(name, str) else ""
        if not re.fullmatch(_STEMS[kind] + _PART, base):
            raise self._wrong(f"{where} is {name!r:.80}: no name that X gives to {kind}")
        if count is not None and not re.fullmatch(r"\d{1,12}", str(count)):
            raise self._wrong(f"{where} has the count {count!r:.80}")
        if base in self._here:
            return Part(self._folder + base, kind, None if count is None else int(count))
        if count is not None and int(count) == 0:
            return None
        raise self._wrong(f"names {name}, which is missing from the archive")

    def _object(self, within: dict, key: str) -> dict:
        value = within.get(key) or {}
        if not isinstance(value, dict):
            raise self._wrong(f"{key} is not an object")
        return value

    def _wrong(self, what: str) -> TweetstyleError:
        return TweetstyleError(what, where=self._place, hint=_AGAIN)


def _by_name(members: Members, folder: str, here: set[str]) -> list[Part]:
    """The parts in their order: tweet.js, tweet-part1.js, … without a gap."""
    parts = []
    for kind, pattern in _STEMS.items():
        found = [match for name in here if (match := re.fullmatch(f"({pattern}){_PART}", name))]
        for stem in sorted({match[1] for match in found}):
            numbers = {int(match[2] or 0) for match in found if match[1] == stem}
            for number in range(max(numbers) + 1):
                name = f"{folder}{stem}{f'-part{number}' if number else ''}.js"
                if number not in numbers:
                    raise TweetstyleError("is missing: there are later parts of it", where=members.place(name), hint=_AGAIN)
                parts.append(Part(name, kind))
    return parts


def _account_file(members: Members, folder: str, here: set[str]) -> Account:
    """The two identifiers in account.js, which also holds an e-mail address: opened only where the manifest does not have them."""
    if "account.js" not in here:
        return Account()
    place = members.place(f"{folder}account.js")
    with members.open(f"{folder}account.js") as stream:
        for _, entry in entries(stream, place, ("account",)):
            account = entry.get("account") if isinstance(entry, dict) else None
            identifiers = [account.get(key, "") for key in ("accountId", "username")] if isinstance(account, dict) else [None]
            if not all(isinstance(value, str) for value in identifiers):
                raise TweetstyleError("holds no accountId and username", where=place, hint=_AGAIN)
            return Account(*identifiers)
    return Account()

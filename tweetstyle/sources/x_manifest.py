"""Which files of X's archive hold tweets, and whose they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple, Protocol

from tweetstyle.errors import TweetstyleError
from tweetstyle.sources.json_stream import assigned_object, entries

TWEETS, COMMUNITY, NOTES = "tweets", "community tweets", "long posts"
KINDS = {TWEETS: ("tweets", "tweet"), COMMUNITY: ("community_tweet",), NOTES: ("note_tweet",)}
"""What is read, and what the files call it in `window.YTD.<kind>.part0`. Nothing else of an archive is ever opened for tweets."""

_TYPES = {"tweets": TWEETS, "tweet": TWEETS, "communityTweet": COMMUNITY, "noteTweet": NOTES}
_FILES = {TWEETS: "(tweets?)", COMMUNITY: "(community[-_]tweets?)", NOTES: "(note[-_]tweets?)"}
_PART = r"(?:-part([1-9]\d{0,4}))?\.js"
_PLACE = re.compile(rf"((?:[^/]+/)?(?:data/)?)(?:manifest\.js|tweets?{_PART})")
_AGAIN = "take the archive whole, as X gave it; if X gave it so, ask X for it again"


class Members(Protocol):
    """A zip or a folder: ZipMembers or FolderMembers."""

    path: Path
    names: list[str]

    def place(self, name: str) -> str: ...
    def size(self, name: str) -> int: ...
    def open(self, name: str): ...


class Part(NamedTuple):
    """A file to read: its name among the members, its kind, and the count that the manifest gives (None: none)."""

    name: str
    kind: str
    count: int | None = None


class Account(NamedTuple):
    """The author as X knows them: number and @name, either of them empty where the archive does not say."""

    id: str = ""
    name: str = ""


class Contents(NamedTuple):
    parts: list[Part]
    account: Account


def contents_of(members: Members, notices: list[str]) -> Contents:
    """The files that the manifest names; in exports without one, those whose names say so. Tweets come before community tweets.

    Raises TweetstyleError naming the file for a part that is missing, for a name that X does not give, for no tweets at all.
    """
    folder = _folder(members)
    here = {name.removeprefix(folder) for name in members.names if name.startswith(folder) and "/" not in name.removeprefix(folder)}
    if "manifest.js" in here:
        manifest = _Manifest(members, folder, here)
        contents = Contents(manifest.parts(), manifest.account() or _account_file(members, folder, here))
        notices += manifest.notices(contents.parts)
    else:
        contents = Contents(_by_name(members, folder, here), _account_file(members, folder, here))
    if not any(part.kind == TWEETS for part in contents.parts):
        raise TweetstyleError("the archive names no file of tweets", where=members.place(f"{folder}manifest.js"), hint=_AGAIN)
    return Contents(sorted(contents.parts, key=lambda part: list(KINDS).index(part.kind)), contents.account)


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
                raise self._wrong(f"dataTypes.{name}.files is no list")
            for number, file in enumerate(files, 1):
                part = self._part(file, kind, f"dataTypes.{name}.files, {number}")
                if part:
                    parts[part.name] = part
        return list(parts.values())

    def account(self) -> Account | None:
        user = self._object(self._content, "userInfo")
        identifiers = [user.get(key, "") for key in ("accountId", "userName")]
        if not all(isinstance(value, str) for value in identifiers):
            raise self._wrong("userInfo holds an accountId or a userName that is no text")
        return Account(*identifiers) if identifiers[0] else None

    def notices(self, parts: list[Part]) -> list[str]:
        named = {part.name.removeprefix(self._folder) for part in parts}
        pattern = re.compile("|".join(f"(?:{name}{_PART})" for name in _FILES.values()))
        unnamed = [f"{name} was not read: {self._place} does not list it" for name in self._here - named if pattern.fullmatch(name)]
        if self._object(self._content, "archiveInfo").get("isPartialArchive") is True:
            unnamed.append(f"{self._place}: X divided the archive into several zips; this is one of them")
        return sorted(unnamed)

    def _part(self, file: object, kind: str, where: str) -> Part | None:
        name, count = (file.get("fileName"), file.get("count")) if isinstance(file, dict) else (None, None)
        base = name.removeprefix("data/") if isinstance(name, str) else ""
        if not re.fullmatch(_FILES[kind] + _PART, base):
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
            raise self._wrong(f"{key} is no object")
        return value

    def _wrong(self, what: str) -> TweetstyleError:
        return TweetstyleError(what, where=self._place, hint=_AGAIN)


def _by_name(members: Members, folder: str, here: set[str]) -> list[Part]:
    """The parts in their order: tweet.js, tweet-part1.js, … without a gap."""
    parts = []
    for kind, pattern in _FILES.items():
        found = [match for name in here if (match := re.fullmatch(pattern + _PART, name))]
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

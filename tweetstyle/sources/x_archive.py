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
from tweetstyle.sources.json_stream import entries
from tweetstyle.sources.x_manifest import KINDS, NOTES, Account, Contents, Members, Part, contents_of
from tweetstyle.sources.x_notes import Notes
from tweetstyle.sources.x_tweet import Version, tweet_of

EARLIER_EDIT = "earlier edit"
"""Reason of a version that a later one in the archive replaces."""
MOST_HELD = 200_000
"""Edited and long posts: they wait in memory until all of their versions are known."""

_NOT_ENCODABLE = re.compile("[\ud800-\udfff\0]")

Advance = Callable[[int], object]


class _Held(NamedTuple):
    """A tweet of which the rest of the archive may say more."""

    version: Version
    near: tuple[int, ...]


class _Mended:
    """Counts the texts with characters that no file of text can hold."""

    def __init__(self) -> None:
        self.count, self.first = 0, ""

    def __call__(self, tweet: SourceTweet) -> SourceTweet:
        if not _NOT_ENCODABLE.search(tweet.text):
            return tweet
        self.count, self.first = self.count + 1, self.first or tweet.where
        return tweet._replace(text=_NOT_ENCODABLE.sub("\ufffd", tweet.text))


def read_x_archive(path: Path, notices: list[str], advance: Advance = lambda count: None) -> Iterator[SourceTweet]:
    """Yields every tweet of the archive in the order of its files; edited and long posts last, once all their versions are known.

    An earlier edit has the reason EARLIER_EDIT and the last one's id as evidence. A long post has its whole text. is_reply is True
    for replies to others alone. advance: is called with the bytes just read, `size_of(path)` in all; notices: gets sentences for
    the user, the last of them at the end. One tweet at a time is in memory, with the long posts and the edited ones.
    Raises TweetstyleError naming file and entry for anything damaged, missing or dangerous.
    """
    with _members(path) as members:
        contents = contents_of(members, notices)
        notes = Notes()
        for part in contents.parts:
            if part.kind == NOTES:
                for where, entry in _entries(members, part, notices, advance):
                    notes.add(entry, where)
        yield from _tweets(members, contents, notes, notices, advance)


def size_of(path: Path) -> int:
    """The bytes that `read_x_archive` reads and counts: those of the files of tweets, unpacked."""
    with _members(path) as members:
        return sum(members.size(part.name) for part in contents_of(members, []).parts)


def _members(path: Path) -> ZipMembers | FolderMembers:
    return FolderMembers(path) if path.is_dir() else ZipMembers(path)


def _tweets(members: Members, contents: Contents, notes: Notes, notices: list[str], advance: Advance) -> Iterator[SourceTweet]:
    parts = [part for part in contents.parts if part.kind != NOTES]
    own = set() if contents.account != Account() else _own_ids(members, parts)
    held: list[_Held] = []
    mended = _Mended()
    for part in parts:
        for where, entry in _entries(members, part, notices, advance):
            version = tweet_of(entry, where, contents.account, own)
            near = notes.near(version.tweet) if notes else ()
            if not near and len(version.versions) == 1:
                yield mended(version.tweet)
                continue
            held.append(_Held(version, near))
            if len(held) > MOST_HELD:
                raise TweetstyleError(f"more than {MOST_HELD:,} edited and long posts", where=where, hint="take the zip as X gave it")
    whole = notes.join([(one.version.tweet, one.near) for one in held], notices)
    for tweet in _edits_marked(whole, [one.version.versions for one in held]):
        yield mended(tweet)
    if mended.count:
        what = f"{mended.count:,} texts contain half a surrogate pair or a NUL, which UTF-8 text cannot: it was replaced by U+FFFD"
        notices.append(f"{what} (the first: {mended.first})")


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
    return {
        tweet_of(entry, where, Account()).tweet.id for part in parts for where, entry in _entries(members, part, [], lambda count: None)
    }


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

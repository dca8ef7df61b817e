"""Long posts of X's archive, joined to the tweets that they were cut to."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from tweetstyle.errors import TweetstyleError
from tweetstyle.records import SourceTweet
from tweetstyle.sources.x_tweet import utc

LARGEST_NOTES = 2**27
"""Characters of all long posts together, each counted with 200 more: they are in memory while the tweets are read."""
SHORTEST_BEGINNING = 100
"""Characters. X cuts at 280; what is shorter and bears no … is a post of its own that begins alike."""

_LINKS = re.compile(r"(?:\s*https?://t\.co/\w+)+\s*$")
_MENTIONS = re.compile(r"(?:@\w+\s+)+")


class _Note(NamedTuple):
    text: str
    folded: str


class Notes:
    """The long posts of an archive, found again by the second they were written in and the beginning of their text."""

    def __init__(self) -> None:
        self._notes: list[_Note] = []
        self._by_second: dict[str, list[int]] = {}
        self._seen: set[tuple[str, str]] = set()
        self._characters = 0

    def __len__(self) -> int:
        return len(self._notes)

    def add(self, entry: object, where: str) -> None:
        """Takes an entry of note-tweet.js. Raises TweetstyleError at `where` for anything else."""
        note = entry.get("noteTweet", entry) if isinstance(entry, dict) else None
        core = note.get("core") if isinstance(note, dict) else None
        text = core.get("text") if isinstance(core, dict) else None
        if not isinstance(text, str):
            hint = "the archive may be damaged or changed: take it as X gave it"
            raise TweetstyleError("the long post has no text", where=where, hint=hint)
        second = utc(note.get("createdAt"), where)
        self._characters += len(text) + 200
        if self._characters > LARGEST_NOTES:
            what = f"the long posts hold more than {LARGEST_NOTES:,} characters"
            raise TweetstyleError(what, where=where, hint="take the zip as X gave it")
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

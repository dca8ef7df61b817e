"""The records that pass between stages: source tweets, tweets, dropped tweets."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import _
from tweetstyle.locale.libraries import reason

TWEET, REPLY = "Tweet", "Réponse"
SPLITS = ("train", "mini-train", "validation", "test")
_FURTHER = ("created_at", "type", "topic", "thread", "language", "follows")
"""A row's other fields, in the order of Tweet's; `message` comes after them, in rows that have one."""


class SourceTweet(NamedTuple):
    """One tweet as an archive holds it.

    id: the archive's own, or for one without ids the file's name and the place in it; text: lines end in \\n, HTML entities as
    they are; created_at: `YYYY-MM-DDTHH:MM:SSZ`, or empty where the archive has no date; where: file and place, for messages;
    reply_to: id of the tweet it answers; is_reply: whether the archive says so (None: it does not say); reason, evidence: why the
    source itself refuses it ("duplicate id", "earlier edit", "truncated", "broken"), or empty; is_retweet: the archive says so; client: the
    program that posted it, where the archive says; message: what another person wrote that it answers, where the archive has it.
    """

    id: str
    text: str
    created_at: str
    where: str
    reply_to: str = ""
    is_reply: bool | None = None
    has_media: bool = False
    is_quote: bool = False
    reason: str = ""
    evidence: str = ""
    is_retweet: bool = False
    client: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Tweet:
    """One kept tweet. `id` and `created_at` (ISO 8601, UTC; empty where the archive has no date) are strings.

    A snowflake id does not survive a float. thread: the id of the thread's first tweet, empty for a tweet alone; follows: the id of
    the author's own tweet that it answers, kept or not, empty where it answers none; language: ISO 639-1, empty where it is uncertain;
    message: what another person wrote that it answers, empty where the archive does not have it.
    """

    id: str
    text: str
    created_at: str
    type: str = TWEET
    topic: str | None = None
    thread: str = ""
    language: str = ""
    follows: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A row that was read and not kept: `reason` is the name of the rule, `evidence` what it saw, `text` what the file held."""

    id: str
    reason: str
    text: str
    created_at: str = ""
    evidence: str = ""


def write_split(stream, tweets: list[Tweet], render) -> None:
    """Writes one JSON object a line: `text` is the rendered line, the other fields are what it was rendered from."""
    for tweet in tweets:
        row = {"text": render(tweet), "tweet": tweet.text, "id": tweet.id} | {name: getattr(tweet, name) for name in _FURTHER}
        row |= {"message": tweet.message} if tweet.message else {}
        stream.write(json.dumps(row, ensure_ascii=False) + "\n")


def read_split(path: Path) -> Iterator[Tweet]:
    """Yields the tweets of a file made by `write_split`. Raises TweetstyleError where a row has unexpected fields."""
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                row = json.loads(line)
                yield Tweet(row["id"], row["tweet"], *(row[name] for name in _FURTHER), row.get("message", ""))
            except (ValueError, KeyError, TypeError) as error:
                hint = _("run the prepare stage again: tweetstyle-fit RECIPE --from prepare")
                what = _("not a row that prepare wrote ({reason})", reason=reason(error))
                raise TweetstyleError(what, where=f"{path}:{number}", hint=hint) from error


def seeded_bytes(seed: int, id: str, purpose: bytes) -> bytes:
    """12 bytes that depend on the seed, the tweet and the purpose alone, so that further tweets do not reshuffle the others."""
    return hashlib.blake2b(f"{seed}:{id}".encode(), digest_size=12, person=purpose).digest()

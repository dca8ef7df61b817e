"""Which tweets get which kind of message."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tweetstyle.dataset.messages import Kind
from tweetstyle.dataset.threads import goes_on_from, is_answerable
from tweetstyle.records import Tweet

if TYPE_CHECKING:
    from tweetstyle.recipe import Playback

LARGEST = 2.0**64


@dataclass(frozen=True, slots=True)
class MessageRequest:
    """A tweet that a message is wanted for. language: of both, ISO 639-1; before: the author's own tweet before it
    in a conversation, or empty: a message that leans on what the model will not have seen would be a wrong one."""

    id: str
    text: str
    language: str
    kind: Kind
    before: str = ""


@dataclass(frozen=True)
class Chosen:
    """unknown_parent: replies to somebody whose words the archive has not; left_out: what the sample is smaller by."""

    requests: list[MessageRequest]
    unknown_parent: int
    left_out: int


def choose(tweets: Sequence[Tweet], settings: Playback, most: int, otherwise: str) -> Chosen:
    """At most about `most` of a split's tweets, in their order; a thread is in the sample whole or not at all.

    A reply has a message already, which nobody knows, unless it continues the author's own tweet. What is chosen and its kind
    depend on the seed and the id alone: further tweets change neither, and a resumed run requests the same.
    otherwise: the language of a tweet whose own is uncertain.
    """
    answerable = [tweet for tweet in tweets if is_answerable(tweet)]
    before = {id: tweet.text for id, tweet in goes_on_from(answerable).items()}
    threads: dict[str, int] = Counter(tweet.thread or tweet.id for tweet in answerable)
    kept: set[str] = set()
    room = most
    for thread in sorted(threads, key=lambda name: fraction(settings.seed, name, b"sample")):
        if room <= 0:
            break
        kept.add(thread)
        room -= threads[thread]
    requests = [
        MessageRequest(tweet.id, tweet.text, tweet.language or otherwise, kind_of(tweet.id, settings), before.get(tweet.id, ""))
        for tweet in answerable
        if (tweet.thread or tweet.id) in kept
    ]
    return Chosen(requests, len(tweets) - len(answerable), len(answerable) - len(requests))


def kind_of(id: str, settings: Playback) -> Kind:
    """The kind to request, by the recipe's shares."""
    place = fraction(settings.seed, id, b"kind")
    if place < settings.questions:
        return "question"
    return "remark" if place < settings.questions + settings.remarks else "request"


def fraction(seed: int, id: str, purpose: bytes) -> float:
    """A number in [0, 1) that depends on the seed, the tweet and the purpose alone."""
    digest = hashlib.blake2b(f"{seed}:{id}".encode("utf-8", "surrogatepass"), digest_size=8, person=purpose).digest()
    return int.from_bytes(digest, "big") / LARGEST


def main_language(tweets: Sequence[Tweet], likely: Sequence[str]) -> str:
    """The language of most tweets; of none that is certain, the first likely one."""
    counts = Counter(tweet.language for tweet in tweets if tweet.language)
    return max(counts, key=lambda language: (counts[language], language)) if counts else likely[0]

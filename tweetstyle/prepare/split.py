"""Which tweets are trained on and which are held out, without a twin or a thread on both sides."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tweetstyle.errors import TweetstyleError
from tweetstyle.prepare.duplicates import connected
from tweetstyle.prepare.leaks import with_twin_elsewhere
from tweetstyle.prepare.split_warnings import warnings
from tweetstyle.records import Tweet

if TYPE_CHECKING:
    from tweetstyle.recipe import Data

FEWEST = 30
"""With fewer kept tweets nothing can be held out that says anything."""
MEASURABLE = 30
"""Held-out tweets wanted of a small archive, whatever the fraction says."""
SMALL_SHARE = 5
"""But at most one tweet in so many for this: the rest is to be learned from."""


@dataclass(frozen=True)
class Splits:
    """parts: train, mini-train, validation and test, each in order of time; warnings: plain sentences on what can be measured."""

    parts: dict[str, list[Tweet]]
    warnings: list[str]


class _Taken(NamedTuple):
    """positions: of the tweets held out; left: the groups before them; refused: tweets in groups too large for the part."""

    positions: list[int]
    left: list[list[int]]
    refused: list[list[int]]


def seeded_bytes(seed: int, id: str, purpose: bytes) -> bytes:
    """12 bytes that depend on the seed, the tweet and the purpose alone, so that further tweets do not reshuffle the others."""
    return hashlib.blake2b(f"{seed}:{id}".encode(), digest_size=12, person=purpose).digest()


def joined(*labellings: Sequence[Hashable]) -> list[int]:
    """The group of each tweet, as the position of its first: tweets with the same label in any of the labellings are together.

    Every labelling has a label for each tweet; a label of one has nothing to do with a label of another.
    """
    links = []
    for labels in labellings:
        firsts: dict[Hashable, int] = {}
        links += [(first, place) for place, label in enumerate(labels) if (first := firsts.setdefault(label, place)) != place]
    return connected(links, len(labellings[0]))


def split(tweets: list[Tweet], groups: Sequence[Hashable], data: Data) -> Splits:
    """Train, mini-train, validation and test of tweets in order of time; tweets with the same label in `groups` stay together.

    Groups are ordered by their first tweet: test has the latest, validation those before, each as near to its fraction of the
    tweets as whole groups come; undated tweets are the earliest, in the order given. A small archive holds out more than the fraction: 30
    tweets for each, or a fifth. A group too large for a held-out part is trained on, whenever it began. mini-train is a seeded
    sample of train. Raises TweetstyleError where groups are so large that nothing can be held out.
    """
    order = sorted(range(len(tweets)), key=lambda place: tweets[place].created_at)
    members: dict[Hashable, list[int]] = {}
    for place in order:
        members.setdefault(groups[place], []).append(place)
    wanted = {name: held_out_count(len(tweets), fraction) for name, fraction in _fractions(data).items()}
    most = max(len(tweets) // 4, *wanted.values())
    holdable = sum(len(group) for group in members.values() if len(group) <= most)
    left, held, refused = list(members.values()), {}, []
    for name, number in wanted.items():
        taken = _latest(left, min(number, holdable // 2), most)
        left, held[name] = taken.left, taken.positions
        refused += taken.refused
    if not all(held.values()):
        raise _indivisible(tweets, list(members.values()))
    out = {place for places in held.values() for place in places}
    parts = {"train": [tweets[place] for place in order if place not in out]}
    parts["mini-train"] = _sample(parts["train"], data)
    for name in ("validation", "test"):
        chosen = set(held[name])
        parts[name] = [tweets[place] for place in order if place in chosen]
    return Splits(parts, warnings(parts, _fractions(data), wanted, sum(map(len, refused))))


def leak(parts: Mapping[str, Sequence[Tweet]], threshold: float) -> int:
    """Held-out tweets that have a twin in train or in the other held-out part, by their texts alone: no cluster is believed."""
    names = [name for name in ("train", "validation", "test") if parts.get(name)]
    texts = [tweet.text for name in names for tweet in parts[name]]
    labels = [number for number, name in enumerate(names) for _ in parts[name]]
    return sum(names[labels[place]] != "train" for place in with_twin_elsewhere(texts, labels, threshold))


def _fractions(data: Data) -> dict[str, float]:
    """In the order in which the parts are taken, from the latest tweet backwards."""
    return {"test": data.test_fraction, "validation": data.validation_fraction}


def held_out_count(count: int, fraction: float) -> int:
    """Tweets wanted in a held-out part of `count` kept ones; `fraction` is the recipe's."""
    return max(1, round(count * fraction), min(MEASURABLE, count // SMALL_SHARE))


def training_count(count: int, validation_fraction: float, test_fraction: float) -> int:
    """Tweets that `split` leaves to train on, of `count` kept ones without threads or near-duplicates."""
    return count - sum(min(held_out_count(count, fraction), count // 2) for fraction in (validation_fraction, test_fraction))


def _latest(groups: list[list[int]], wanted: int, most: int) -> _Taken:
    """Takes whole groups from the end of `groups` until more of them would be further from `wanted` than none."""
    taken: list[int] = []
    refused: list[list[int]] = []
    end = len(groups)
    while end and len(taken) < wanted:
        group = groups[end - 1]
        overshoots = len(taken) + len(group) - wanted > wanted - len(taken)
        too_large = len(group) > most
        if overshoots and 2 * len(taken) >= wanted and not too_large:
            break
        end -= 1
        if overshoots or too_large or len(taken) + len(group) > most:
            refused.append(group)
        else:
            taken += group
    return _Taken(taken, groups[:end], refused)


def _sample(train: list[Tweet], data: Data) -> list[Tweet]:
    sample = sorted(train, key=lambda tweet: seeded_bytes(data.seed, tweet.id, b"mini-train"))[: data.mini_train]
    chosen = {tweet.id for tweet in sample}
    return [tweet for tweet in train if tweet.id in chosen]


def _indivisible(tweets: list[Tweet], groups: list[list[int]]) -> TweetstyleError:
    largest = max(groups, key=len)
    first = tweets[largest[0]]
    what = (
        f"the {len(tweets):,} tweets cannot be divided: {len(largest):,} of them hang together as twins or one thread, from {first.id} on"
    )
    hint = (
        "raise data.near_duplicate_jaccard, or add tweets that stand alone: "
        "a thread or twins both trained on and held out would make every measure too good"
    )
    return TweetstyleError(what, where="data.source", hint=hint)

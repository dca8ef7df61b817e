"""The split: no near-duplicate and no thread is on both sides."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tweetstyle.cleaning.near_duplicates import clusters, connected, near_duplicate_pairs
from tweetstyle.dataset.held_out import held_out_count
from tweetstyle.errors import TweetstyleError
from tweetstyle.records import Tweet, seeded_bytes

if TYPE_CHECKING:
    from tweetstyle.recipe import Data


LEAK_SEED = 2


@dataclass(frozen=True)
class Splits:
    """parts: train, mini-train, validation and test, each in order of time; warnings: plain sentences on what can be measured."""

    parts: dict[str, list[Tweet]]
    warnings: list[str]


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
    left, held = list(members.values()), {}
    for name, number in wanted.items():
        held[name], left = _latest(left, min(number, holdable // 2), most)
    if not all(held.values()):
        raise _indivisible(tweets, list(members.values()))
    out = {place for places in held.values() for place in places}
    parts = {"train": [tweets[place] for place in order if place not in out]}
    parts["mini-train"] = _sample(parts["train"], data)
    for name in ("validation", "test"):
        chosen = set(held[name])
        parts[name] = [tweets[place] for place in order if place in chosen]
    return Splits(parts, warnings(parts, _fractions(data), wanted))


def leak(parts: Mapping[str, Sequence[Tweet]], threshold: float) -> int:
    """Held-out tweets that have a near-duplicate in train or in the other held-out part.

    By their texts alone and with other signatures than the rules used, so that it does not miss the same pairs.
    """
    labelled = [(name, tweet.text) for name in ("train", "validation", "test") for tweet in parts.get(name, ())]
    found = clusters(near_duplicate_pairs([text for _, text in labelled], threshold, LEAK_SEED), len(labelled))
    names: dict[int, set[str]] = {}
    for cluster, (name, _) in zip(found, labelled, strict=True):
        names.setdefault(cluster, set()).add(name)
    return sum(name != "train" and len(names[cluster]) > 1 for cluster, (name, _) in zip(found, labelled, strict=True))


def _fractions(data: Data) -> dict[str, float]:
    """In the order in which the parts are taken, from the latest tweet backwards."""
    return {"test": data.test_fraction, "validation": data.validation_fraction}


def _latest(groups: list[list[int]], wanted: int, most: int) -> tuple[list[int], list[list[int]]]:
    """Takes whole groups from the end of `groups` until more of them would be further from `wanted` than none.

    Returns:
        The tweets taken, and the groups before them. Groups too large to be taken are in neither: they are trained on.
    """
    taken: list[int] = []
    end = len(groups)
    while end and len(taken) < wanted:
        group = groups[end - 1]
        overshoots = len(taken) + len(group) - wanted > wanted - len(taken)
        if overshoots and 2 * len(taken) >= wanted and len(group) <= most:
            break
        end -= 1
        if not overshoots and len(taken) + len(group) <= most:
            taken += group
    return taken, groups[:end]


def _sample(train: list[Tweet], data: Data) -> list[Tweet]:
    sample = sorted(train, key=lambda tweet: seeded_bytes(data.seed, tweet.id, b"mini-train"))[: data.mini_train]
    chosen = {tweet.id for tweet in sample}
    return [tweet for tweet in train if tweet.id in chosen]


def _indivisible(tweets: list[Tweet], groups: list[list[int]]) -> TweetstyleError:
    largest = max(groups, key=len)
    first = tweets[largest[0]]
    what = f"the {len(tweets):,} tweets cannot be divided: {len(largest):,} of them are near-duplicates or one thread, from {first.id} on"
    hint = (
        "raise data.near_duplicate_jaccard, or add tweets on other subjects: "
        "near-duplicates or a thread in both train and test would make every figure too good"
    )
    return TweetstyleError(what, where="data.source", hint=hint)


ENOUGH_TWEETS = 100
"""Test tweets from which the margin of a mean, 1.96 / √n of the spread among tweets, is below a fifth of that spread."""
ENOUGH_DAYS, FEWEST_DAYS = 30, 5
"""Evaluation draws whole days: with fewer than 30 its interval may be too narrow, with fewer than 5 there is none."""


def warnings(parts: Mapping[str, Sequence[Tweet]], fractions: Mapping[str, float], wanted: Mapping[str, int]) -> list[str]:
    """Sentences on the sizes and dates of `parts`. fractions, wanted: of test and validation, the recipe's and in tweets."""
    count = sum(len(parts[name]) for name in ("train", "validation", "test"))
    found = [_dates(parts, count), _enlarged(parts, fractions, wanted, count), _margin(len(parts["test"])), _days(parts["test"])]
    return [sentence for sentence in found if sentence]


def _dates(parts: Mapping[str, Sequence[Tweet]], count: int) -> str:
    undated = sum(not tweet.created_at for name in ("train", "validation", "test") for tweet in parts[name])
    if undated == count:
        return "No tweet has a date: they are taken to be in chronological order."
    return f"{undated:,} of {count:,} tweets have no date: they are taken to be the earliest." if undated else ""


def _enlarged(parts: Mapping[str, Sequence[Tweet]], fractions: Mapping[str, float], wanted: Mapping[str, int], count: int) -> str:
    requested = round(count * fractions["test"])
    if wanted["test"] <= max(1, requested):
        return ""
    held = f"{len(parts['test']):,} for test and {len(parts['validation']):,} for validation are held out"
    return (
        f"{fractions['test']:.0%} of {count:,} tweets would be {requested:,}: {held} instead, {len(parts['train']):,} are left to train on."
    )


def _margin(tweets: int) -> str:
    if tweets >= ENOUGH_TWEETS:
        return ""
    rougher = (ENOUGH_TWEETS / tweets) ** 0.5
    known = f"Only {tweets:,} test tweets: margins of error are {rougher:.1f} times wider than with {ENOUGH_TWEETS}"
    return f"{known}. That is enough to see a clear gain, not a small difference between two settings."


def _days(test: Sequence[Tweet]) -> str:
    days = len({tweet.created_at[:10] for tweet in test})
    if not any(tweet.created_at for tweet in test) or days >= ENOUGH_DAYS:
        return ""
    on = f"The test tweets are from {days} {'day' if days == 1 else 'days'} only"
    if days < FEWEST_DAYS:
        return f"{on}: too few for an interval (evaluation draws whole days and needs at least {FEWEST_DAYS})."
    return f"{on}: their intervals may be too narrow (tweets of a day are alike; {ENOUGH_DAYS} days are enough)."

"""Does it answer what was said? Each tweet's likelihood after its own message against that after four others; numpy in, numbers out."""

from __future__ import annotations

import random
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from tweetstyle.evaluate.intervals import Interval
from tweetstyle.evaluate.obedience import stems
from tweetstyle.evaluate.shares import exact_share, mean_between, share, share_difference
from tweetstyle.records import Tweet

OTHERS = 4
"""Messages that each tweet's own is held against."""
CHANCE = 1 / (1 + OTHERS)
MOST_TRIALS = 200
"""Tweets for which it is tried, of more a seeded choice: a share of 20% is then known to 6 points, of 50% to 7."""


@dataclass(frozen=True)
class Trial:
    """A tweet, and tweets whose messages are put before it one after the other, its own (at place `right`) among them; all indices."""

    tweet: int
    messages: tuple[int, ...]
    right: int


@dataclass(frozen=True)
class Relevance:
    """base, tuned: share of the tweets that are likeliest after their own message, CHANCE for a model that hears nothing.

    difference: tuned minus base on the same tweets. reciprocal: "base" and "tuned" → the mean of 1 over the place of the own message
    among the five, 0.457 by chance.
    """

    tweets: int
    base: Interval
    tuned: Interval
    difference: Interval
    reciprocal: dict[str, Interval]
    chance: float = CHANCE


@dataclass(frozen=True)
class Opening:
    """A scripted beginning of a conversation: two messages, and what each model answered to them."""

    language: str
    messages: tuple[str, str]
    base: tuple[str, str]
    tuned: tuple[str, str]


@dataclass(frozen=True)
class Conversation:
    """What is measured only of a model that answers messages.

    told: the words in which the untrained model was told to write like the author; shown: examples that stood behind them; gains: name
    of a baseline → the tuned model's gain over it on the test tweets, bits per byte; own_words: share of the author's own answers in
    which a word of the message comes back. A part is None or empty where it cannot be measured; notes say why.
    """

    told: str
    shown: int
    gains: dict[str, Interval]
    relevance: Relevance | None
    own_words: Interval | None
    openings: list[Opening]
    notes: list[str]


def choose_trials(tweets: Sequence[Tweet], clusters: Sequence[Hashable], seed: int, most: int = MOST_TRIALS) -> list[Trial]:
    """A seeded choice of tweets with four other messages each; tweets for which there are no four are left out.

    tweets: each with its message as its topic. The others' messages are of other clusters, say other words than its own and than one
    another, and are of the tweet's own language where there are enough: another language would give them away. The own message stands
    at a place drawn by lot, so that a model to which all five are the same is right once in five.
    """
    drawn = random.Random(seed)
    order = drawn.sample(range(len(tweets)), len(tweets))
    said = [_bare(tweet.topic) for tweet in tweets]
    trials = []
    for own in order:
        if len(trials) == most:
            break
        others = [place for place in order if clusters[place] != clusters[own] and said[place] != said[own]]
        alike = _different([place for place in others if tweets[place].language == tweets[own].language], said)
        others = alike if len(alike) >= OTHERS else _different(others, said)
        if len(others) >= OTHERS:
            right, chosen = drawn.randrange(1 + OTHERS), drawn.sample(others, OTHERS)
            trials.append(Trial(own, (*chosen[:right], own, *chosen[right:]), right))
    return trials


def relevance(
    base: np.ndarray, tuned: np.ndarray, right: Sequence[int], clusters: Sequence[Hashable], *, confidence: float
) -> Relevance | None:
    """base, tuned: nats [n, 5] of each tweet after each message; right: [n] the place of its own. None without any tweet.

    Which of equal ones is the likeliest their places decide, which were drawn by lot. Shares have exact intervals, the difference is
    paired; the mean of reciprocal places lies between 1 / 5 and 1, and so does its interval.
    """
    if not len(right):
        return None
    places = {"base": own_places(base, right), "tuned": own_places(tuned, right)}
    hits = {who: found == 1 for who, found in places.items()}
    difference = share_difference(hits["tuned"], clusters, hits["base"], clusters, confidence=confidence, paired=True)
    reciprocal = {
        who: mean_between(1 / found, clusters, least=1 / base.shape[1], most=1, confidence=confidence) for who, found in places.items()
    }
    shares = {who: exact_share(found, clusters, confidence=confidence) for who, found in hits.items()}
    return Relevance(len(right), shares["base"], shares["tuned"], difference, reciprocal)


def own_places(nats: np.ndarray, right: Sequence[int]) -> np.ndarray:
    """Place of the own message among [n, m], 1 for the likeliest; of equal ones the earlier column comes first. Int [n]."""
    rows = np.arange(len(nats))
    columns = np.asarray(right)
    own = nats[rows, columns][:, None]
    before = np.arange(nats.shape[1])[None, :] < columns[:, None]
    return 1 + (nats < own).sum(axis=1) + ((nats == own) & before).sum(axis=1)


def word_overlap(messages: Sequence[str], answers: Sequence[str], clusters: Sequence[Hashable], *, confidence: float) -> Interval | None:
    """Share of the answers in which a content word of their message comes back; None where no message has one."""
    wanted = [stems(message) for message in messages]
    asked = [place for place, words in enumerate(wanted) if words]
    if not asked:
        return None
    hits = [bool(wanted[place] & stems(answers[place])) for place in asked]
    return share(hits, [clusters[place] for place in asked], confidence=confidence)


def _different(places: Sequence[int], said: Sequence[str]) -> list[int]:
    """The first place of each message."""
    return list({said[place]: place for place in reversed(places)}.values())


def _bare(message: str | None) -> str:
    return " ".join((message or "").casefold().split())

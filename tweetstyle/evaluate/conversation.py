"""Does the model answer its message? Likelihoods after right and wrong messages."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tweetstyle.dataset.held_out import HeldOut, clusters
from tweetstyle.evaluate.adherence import stems
from tweetstyle.evaluate.baselines import INSTRUCTED, INSTRUCTED_EXAMPLES, Examples
from tweetstyle.evaluate.habits import ALWAYS_ASKED, find_habits
from tweetstyle.inference.likelihood import Reading
from tweetstyle.model.base import BaseModel
from tweetstyle.model.tokenizer import Encoded
from tweetstyle.prompt.chat_template import Turn
from tweetstyle.prompt.template import Template
from tweetstyle.records import Tweet
from tweetstyle.statistics.intervals import Interval
from tweetstyle.statistics.shares import exact_share, mean_between, share, share_difference
from tweetstyle.wording.words import Note

OTHERS = 4
"""Messages that each tweet's own is compared with."""
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
    """base, tuned: share of the tweets that are likeliest after their own message, CHANCE for a model that ignores the message.

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
class ConversationResult:
    """What is measured only of a model that answers messages.

    told: the instruction given to the untrained model to write like the author; shown: examples that followed it; gains: name
    of a baseline → the tuned model's gain over it on the test tweets, bits per byte; own_words: share of the author's own answers in
    which a word of the message comes back. A part is None or empty where it cannot be measured; notes say why.
    """

    told: str
    shown: int
    gains: dict[str, Interval]
    relevance: Relevance | None
    own_words: Interval | None
    openings: list[Opening]
    notes: list[Note]


def choose_trials(tweets: Sequence[Tweet], clusters: Sequence[Hashable], seed: int, most: int = MOST_TRIALS) -> list[Trial]:
    """A seeded choice of tweets with four other messages each; tweets for which there are no four are left out.

    tweets: each with its message as its topic. The others' messages are of other clusters, say other words than its own and than one
    another, and are of the tweet's own language where there are enough: another language would give them away. The own message is put
    at a place drawn at random, so that a model that ignores messages is right once in five.
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
    placed = [place for place, words in enumerate(wanted) if words]
    if not placed:
        return None
    hits = [bool(wanted[place] & stems(answers[place])) for place in placed]
    return share(hits, [clusters[place] for place in placed], confidence=confidence)


def _different(places: Sequence[int], said: Sequence[str]) -> list[int]:
    """The first place of each message."""
    return list({said[place]: place for place in reversed(places)}.values())


def _bare(message: str | None) -> str:
    return " ".join((message or "").casefold().split())


TRIALS, UNRELATED = "trials", "unrelated messages"
"""Not baselines: tweets after five messages each, and after another tweet's message, as other people's tweets have to be read."""
USUAL = 0.5
"""A habit in this share of the author's tweets or more is named in the instruction."""
MOST_HABITS = 8
FAIR_SHARE = 0.1
"""A language with this share of the author's tweets of known language or more is named in the instruction."""
LANGUAGES = {"fr": "French", "en": "English"}
OF_THE_MESSAGE = "the language of the message"


@dataclass(frozen=True)
class InstructionBaseline:
    """The instruct model with an instruction. line: the instruction; template: with it; examples: what else precedes a message.

    After the examples' ids a message is put under `examples.after`. Without any that fit, `examples.count` is 0.
    """

    line: str
    template: Template
    examples: Examples


def instruction_text(style: str, answers: Sequence[Tweet]) -> str:
    """The instruction that describes an author to a model: the languages, the length and the habits of most of these tweets."""
    texts = [tweet.text for tweet in answers]
    short, long = (int(np.quantile([len(text) for text in texts], q)) for q in (0.25, 0.75))
    # A habit of every tweet cannot be compared and is not counted, but the instruction must name it.
    known = {habit.label: habit for habit in (*ALWAYS_ASKED, *find_habits(texts)) if habit.kind != "length"}
    usual = [name for name, habit in known.items() if np.mean([habit.holds(text) for text in texts]) >= USUAL][:MOST_HABITS]
    marks = f" Most of the tweets have this in common: {'; '.join(usual)}." if usual else ""
    return (
        f"You are {style}. Answer each message as {style} would in a tweet: in {_languages(answers)}, in {short} to {long} characters, "
        f"with nothing before or after it.{marks}"
    )


def _languages(answers: Sequence[Tweet]) -> str:
    """Those of a fair share of the tweets, the most frequent first; of several the message's. That alone where one has no name here."""
    counted = Counter(tweet.language for tweet in answers if tweet.language)
    names = [LANGUAGES.get(code) for code, count in counted.most_common() if count / counted.total() >= FAIR_SHARE]
    if not names or None in names:
        return OF_THE_MESSAGE
    named = " or ".join(name for name in names if name)
    return named if len(names) == 1 else f"{named}, {OF_THE_MESSAGE}"


def instruction_baseline(
    base: BaseModel, template: Template, answers: Sequence[Tweet], documents: Sequence[Encoded], count: int, seed: int
) -> InstructionBaseline:
    """The words in the system message's place, and a seeded choice of `count` training tweets as turns, in order of time.

    Where the chat template has no place for a system message, the words open the first message. Fewer examples where they would leave
    a held-out tweet no room. documents: the held-out tweets as the run's own template puts them.
    """
    line = instruction_text(template.style, answers)
    turns = template.turns
    head = turns.head + line + "\n\n" if turns.around_system is None else turns.opening(line)
    instructed = replace(template, turns=replace(turns, head=head))
    after = replace(template, add_bos=False, turns=replace(turns, head=turns.again))
    longest = max(len(document.ids) for document in documents) + len(base.tokenizer.prompt_ids(turns.again, add_bos=False))
    order = random.Random(seed).sample(range(len(answers)), min(count, len(answers)))
    while order:
        pairs: list[Turn] = [(answers[place].topic or "", answers[place].text) for place in sorted(order)]
        ids, _ = base.tokenizer.encode_turns(instructed, pairs)
        if len(ids) + longest <= base.max_positions:
            return InstructionBaseline(line, instructed, Examples(len(order), ids, after))
        order.pop()
    return InstructionBaseline(line, instructed, Examples(0, []))


def instruction_readings(base: BaseModel, instructed: InstructionBaseline, tweets: Sequence[Tweet]) -> dict[str, Reading]:
    """The held-out tweets as answers of the instruct model instructed, and instructed and shown examples; without those that do not fit."""
    alone = [base.tokenizer.encode(instructed.template, tweet.text, tweet.topic, tweet.type) for tweet in tweets]
    if max(len(document.ids) for document in alone) > base.max_positions:
        return {}
    readings = {INSTRUCTED: Reading(alone)}
    if instructed.examples.after:
        after = [base.tokenizer.encode(instructed.examples.after, tweet.text, tweet.topic, tweet.type) for tweet in tweets]
        readings[INSTRUCTED_EXAMPLES] = Reading(after, instructed.examples.ids)
    return readings


def trial_readings(base: BaseModel, template: Template, sample: HeldOut, seed: int) -> tuple[list[Trial], dict[str, Reading]]:
    """The trials, and what tuned and base model read alike: TRIALS, five documents a trial, and UNRELATED, one for each tweet.

    A trial one of whose documents is longer than the model's context is left out.
    """
    tweets = sample.tweets
    trials, documents = [], []
    for trial in choose_trials(tweets, clusters(tweets), seed):
        after_each = [_after(base, template, tweets[trial.tweet], tweets[place]) for place in trial.messages]
        if all(len(document.ids) <= base.max_positions for document in after_each):
            trials.append(trial)
            documents += after_each
    unrelated = [_after(base, template, tweet, other) for tweet, other in zip(tweets, _turned(tweets, seed), strict=True)]
    readings = {UNRELATED: Reading(unrelated)} | ({TRIALS: Reading(documents)} if documents else {})
    return trials, readings


def drawn_messages(tweets: Sequence[Tweet], count: int, seed: int) -> list[str | None]:
    """`count` messages of these tweets, drawn by lot, for texts that answer none of them."""
    return [tweet.topic for tweet in random.Random(seed).choices(tweets, k=count)]


def _after(base: BaseModel, template: Template, tweet: Tweet, other: Tweet) -> Encoded:
    return base.tokenizer.encode(template, tweet.text, other.topic, tweet.type)


def _turned(tweets: Sequence[Tweet], seed: int) -> list[Tweet]:
    """For each tweet another one, each once; a single tweet has only itself."""
    order = random.Random(seed).sample(range(len(tweets)), len(tweets))
    other = dict(zip(order, order[1:] + order[:1], strict=True))
    return [tweets[other[place]] for place in range(len(tweets))]

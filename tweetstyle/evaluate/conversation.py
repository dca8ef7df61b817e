"""Models that answer: the instruction baseline, and whether answers fit messages."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tweetstyle.dataset.held_out import HeldOut, clusters
from tweetstyle.evaluate.baselines import INSTRUCTED, INSTRUCTED_EXAMPLES, WITH_TOPIC, Examples, ModelPair, gain_interval
from tweetstyle.evaluate.habits import ALWAYS_ASKED, find_habits
from tweetstyle.evaluate.samples import Opening
from tweetstyle.evaluate.style import word_overlap
from tweetstyle.inference.likelihood import Reading
from tweetstyle.model.base import BaseModel
from tweetstyle.model.tokenizer import Encoded
from tweetstyle.prompt.chat_template import Turn
from tweetstyle.prompt.template import Template
from tweetstyle.records import Tweet
from tweetstyle.statistics.intervals import Interval, share, share_difference
from tweetstyle.wording.words import Note

if TYPE_CHECKING:
    from tweetstyle.recipe import Evaluation

OTHERS = 4
"""Messages that each tweet's own is compared with."""
CHANCE = 1 / (1 + OTHERS)
MOST_TRIALS = 200
"""Tweets for which it is tried, of more a seeded choice: a share of 20% is then known to 6 points, of 50% to 7."""
TRIALS = "trials"
"""Not a baseline: tweets after five messages each."""
USUAL = 0.5
"""A habit in this share of the author's tweets or more is named in the instruction."""
MOST_HABITS = 8
FAIR_SHARE = 0.1
"""A language with this share of the author's tweets of known language or more is named in the instruction."""
LANGUAGES = {"fr": "French", "en": "English"}
OF_THE_MESSAGE = "the language of the message"

Nats = dict[str, np.ndarray]


@dataclass(frozen=True)
class Relevance:
    """base, tuned: share of the tweets that are likeliest after their own message, CHANCE for a model that ignores the message.

    difference: tuned minus base on the same tweets.
    """

    tweets: int
    base: Interval
    tuned: Interval
    difference: Interval
    chance: float = CHANCE


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


@dataclass(frozen=True)
class ConversationReadings:
    """What is scored besides for a conversation. of_base: by the base model alone; of_both: by both models."""

    instruction: InstructionBaseline
    test: HeldOut
    trials: Sequence[Trial]
    of_base: dict[str, Reading]
    of_both: dict[str, Reading]
    evaluation: Evaluation

    @classmethod
    def prepare(
        cls, model: ModelPair, known: Sequence[Tweet], samples: Mapping[str, HeldOut], evaluation: Evaluation
    ) -> ConversationReadings:
        """known: the training tweets, each with its message; samples: the held-out splits, the test tweets among them."""
        documents = [document for sample in samples.values() for document in sample.documents]
        tweets = [tweet for sample in samples.values() for tweet in sample.tweets]
        instruction = instruction_baseline(model.base, model.template, known, documents, evaluation.examples, evaluation.seed)
        trials, of_both = trial_readings(model.base, model.template, samples["test"], evaluation.seed)
        of_base = instruction_readings(model.base, instruction, tweets)
        return cls(instruction, samples["test"], trials, of_base, of_both, evaluation)

    def pop_relevance(self, by_base: Nats, by_tuned: Nats) -> Relevance | None:
        """Takes the trials, which are no baseline, out of the nats that were read; None where there are too few messages."""
        if not self.trials:
            return None
        nats = [by.pop(TRIALS).reshape(len(self.trials), 1 + OTHERS) for by in (by_base, by_tuned)]
        grouped = clusters(self.test.tweets)
        groups = [grouped[trial.tweet] for trial in self.trials]
        return relevance(*nats, [trial.right for trial in self.trials], groups, confidence=self.evaluation.confidence)

    def result(self, by_base: Nats, tuned: np.ndarray, found: Relevance | None, openings: list[Opening]) -> ConversationResult:
        """by_base: nats of the test tweets by a baseline's name in words; tuned: those of the tuned model."""
        tweets, confidence = self.test.tweets, self.evaluation.confidence
        gains = {name: gain_interval(nats - tuned, self.test, self.evaluation) for name, nats in by_base.items() if name != WITH_TOPIC}
        messages, texts = [tweet.topic or "" for tweet in tweets], [tweet.text for tweet in tweets]
        own = word_overlap(messages, texts, clusters(tweets), confidence=confidence)
        notes = [] if found else [Note("relevance_too_few", {"tweets": len(tweets)})]
        if not self.of_base:
            notes.append(Note("no_room"))
        return ConversationResult(self.instruction.line, self.instruction.examples.count, gains, found, own, openings, notes)


# -- likelihoods after right and wrong messages -------------------------------------------------------------


@dataclass(frozen=True)
class Trial:
    """A tweet, and tweets whose messages are put before it one after the other, its own (at place `right`) among them; all indices."""

    tweet: int
    messages: tuple[int, ...]
    right: int


def choose_trials(tweets: Sequence[Tweet], clusters: Sequence[Hashable], seed: int, most: int = MOST_TRIALS) -> list[Trial]:
    """A seeded choice of tweets with four other messages each; tweets for which there are no four are left out.

    The others' messages are of other clusters, say other words than its own and than one another, and are of the tweet's own language
    where there are enough: another language would give them away. The own message is put at a place drawn at random, so that a model
    that ignores messages is right once in five.

    Args:
        tweets: each with its message as its topic.
    """
    drawn = random.Random(seed)
    order = drawn.sample(range(len(tweets)), len(tweets))
    said = [" ".join((tweet.topic or "").casefold().split()) for tweet in tweets]
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


def _different(places: Sequence[int], said: Sequence[str]) -> list[int]:
    """The first place of each message."""
    return list({said[place]: place for place in reversed(places)}.values())


def trial_readings(base: BaseModel, template: Template, sample: HeldOut, seed: int) -> tuple[list[Trial], dict[str, Reading]]:
    """The trials, and what both models read: TRIALS, five documents a trial.

    A trial one of whose documents is longer than the model's context is left out.
    """
    tweets = sample.tweets
    trials, documents = [], []
    for trial in choose_trials(tweets, clusters(tweets), seed):
        own = tweets[trial.tweet]
        after_each = [base.tokenizer.encode(template, own.text, tweets[place].topic, own.type) for place in trial.messages]
        if all(len(document.ids) <= base.max_positions for document in after_each):
            trials.append(trial)
            documents += after_each
    return trials, {TRIALS: Reading(documents)} if documents else {}


def relevance(
    base: np.ndarray, tuned: np.ndarray, right: Sequence[int], clusters: Sequence[Hashable], *, confidence: float
) -> Relevance | None:
    """Shares and their paired difference; None without any tweet.

    Args:
        base, tuned: nats [n, 5] of each tweet after each message. Of equal ones the first is the likeliest: places were drawn by lot.
        right: [n] the place of its own message.
    """
    if not len(right):
        return None
    at_base, at_tuned = (nats.argmin(axis=1) == np.asarray(right) for nats in (base, tuned))
    shares = [share(hits, clusters, confidence=confidence) for hits in (at_base, at_tuned)]
    difference = share_difference(at_tuned, clusters, at_base, clusters, confidence=confidence, paired=True)
    return Relevance(len(right), *shares, difference)


# -- the instruct model, instructed to write like the author ------------------------------------------------


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

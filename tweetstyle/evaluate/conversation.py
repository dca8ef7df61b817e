"""Models that answer: the instruction baseline, and whether answers fit messages."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tweetstyle.dataset.held_out import HeldOut, clusters
from tweetstyle.evaluate.baselines import (
    BASELINES,
    INSTRUCTED,
    INSTRUCTED_EXAMPLES,
    PROMPT,
    Examples,
    ModelPair,
    Nats,
    chosen_examples,
    gain_interval,
)
from tweetstyle.evaluate.samples import Opening
from tweetstyle.evaluate.style import PromptAdherence, word_overlap
from tweetstyle.inference.likelihood import Reading
from tweetstyle.model.base import BaseModel
from tweetstyle.prompt.template import Template
from tweetstyle.recipe import Evaluation
from tweetstyle.records import Tweet
from tweetstyle.statistics.intervals import Interval
from tweetstyle.text.habits import ALWAYS_ASKED, find_habits
from tweetstyle.wording.words import Note

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
LANGUAGE_NAMES = {"fr": "French", "en": "English"}
OF_THE_MESSAGE = "the language of the message"


@dataclass(frozen=True)
class ConversationResult:
    """What is measured only of a model that answers messages.

    instruction: what is given to the untrained model to write like the author; gains: name of a baseline → the tuned model's gain
    over it on the test tweets, bits per byte; relevance: share of the tweets that are likeliest
    after their own message; own_words: share of the author's own answers in which a word of the message comes back. A part is None or
    empty where it cannot be measured; notes say why.
    """

    instruction: str
    gains: dict[str, Interval]
    relevance: PromptAdherence | None
    own_words: Interval | None
    openings: list[Opening]
    notes: list[Note]


@dataclass(frozen=True)
class ConversationReadings:
    """What is scored besides for a conversation. of_base: by the base model, as instructed; of_both: the trials, by both models.

    line: the instruction; examples: messages and answers that follow it, as turns.
    """

    line: str
    examples: Examples
    of_base: dict[str, Reading]
    test: HeldOut
    trials: Sequence[Trial]
    of_both: dict[str, Reading]

    @classmethod
    def prepare(
        cls, model: ModelPair, known: Sequence[Tweet], samples: Mapping[str, HeldOut], evaluation: Evaluation
    ) -> ConversationReadings:
        """known: the training tweets, each with its message; samples: the held-out splits, the test tweets among them."""
        base, template, test, seed = model.base, model.template, samples["test"], evaluation.seed
        tweets = [tweet for sample in samples.values() for tweet in sample.tweets]
        instruction = instruction_baseline(base, template, known, tweets, evaluation.examples, seed)
        return cls(*instruction, test, *trial_readings(base, template, test, seed))

    def result(self, by_base: Nats, by_tuned: Nats, openings: list[Opening], evaluation: Evaluation) -> ConversationResult:
        """by_base, by_tuned: nats by the names of the readings; of held-out tweets those of the test are the last."""
        tweets, confidence, count = self.test.tweets, evaluation.confidence, len(self.test.tweets)
        saved = {name: (by_base[name] - by_tuned[PROMPT])[-count:] for name in BASELINES if name in by_base}
        gains = {name: gain_interval(nats, self.test, evaluation) for name, nats in saved.items()}
        grouped = clusters(tweets)
        own = word_overlap([tweet.topic or "" for tweet in tweets], [tweet.text for tweet in tweets], grouped, confidence=confidence)
        by_likelihood = relevance(*(by.get(TRIALS) for by in (by_base, by_tuned)), self.trials, grouped, confidence=confidence)
        notes = [] if by_likelihood else [Note("relevance_too_few", {"tweets": count})]
        if not self.of_base:
            notes.append(Note("no_room"))
        return ConversationResult(self.line, gains, by_likelihood, own, openings, notes)


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
    messages = [" ".join((tweet.topic or "").casefold().split()) for tweet in tweets]
    trials = []
    for own in order:
        if len(trials) == most:
            break
        others = [place for place in order if clusters[place] != clusters[own] and messages[place] != messages[own]]
        alike = _different([place for place in others if tweets[place].language == tweets[own].language], messages)
        others = alike if len(alike) >= OTHERS else _different(others, messages)
        if len(others) >= OTHERS:
            right, chosen = drawn.randrange(1 + OTHERS), drawn.sample(others, OTHERS)
            trials.append(Trial(own, (*chosen[:right], own, *chosen[right:]), right))
    return trials


def _different(places: Sequence[int], messages: Sequence[str]) -> list[int]:
    """The first place of each message."""
    return list({messages[place]: place for place in reversed(places)}.values())


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
    base: np.ndarray | None, tuned: np.ndarray | None, trials: Sequence[Trial], clusters: Sequence[Hashable], *, confidence: float
) -> PromptAdherence | None:
    """How often a tweet is likeliest after its own message; None without a trial.

    Args:
        base, tuned: nats [5 n] of each tweet after each message. Of equal ones the first is the likeliest: places were drawn by lot.
        trials: [n].
        clusters: of all test tweets.
    """
    if base is None or tuned is None:
        return None
    right, groups = np.array([trial.right for trial in trials]), [clusters[trial.tweet] for trial in trials]
    hits = (nats.reshape(-1, 1 + OTHERS).argmin(axis=1) == right for nats in (base, tuned))
    return PromptAdherence.of(*hits, groups, CHANCE, confidence)


# -- the instruct model, instructed to write like the author ------------------------------------------------


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
    codes = [code for code, count in counted.most_common() if count / counted.total() >= FAIR_SHARE]
    if not codes or set(codes) - LANGUAGE_NAMES.keys():
        return OF_THE_MESSAGE
    return " or ".join(LANGUAGE_NAMES[code] for code in codes) + (f", {OF_THE_MESSAGE}" if len(codes) > 1 else "")


def instruction_baseline(
    base: BaseModel, template: Template, answers: Sequence[Tweet], tweets: Sequence[Tweet], count: int, seed: int
) -> tuple[str, Examples, dict[str, Reading]]:
    """The instruction in the system message's place, and a seeded choice of `count` training tweets as turns, in order of time.

    Given are the instruction, the examples, and the held-out tweets after the instruction alone and after the examples too; without
    those for which there is no room.

    Where the chat template has no place for a system message, the instruction opens the first message. Fewer examples where they
    would leave a held-out tweet no room.

    Args:
        answers: the training tweets.
        tweets: the held-out ones.
    """
    line, turns = instruction_text(template.style, answers), template.turns
    head = turns.head + line + "\n\n" if turns.around_system is None else turns.opening(line)
    instructed = replace(template, turns=replace(turns, head=head))
    after = replace(template, add_bos=False, turns=replace(turns, head=turns.again))
    alone, behind = ([base.tokenizer.encode(of, t.text, t.topic, t.type) for t in tweets] for of in (instructed, after))
    if max(len(document.ids) for document in alone) > base.max_positions:
        return line, Examples(0, []), {}
    readings = {INSTRUCTED: Reading(alone)}
    room = base.max_positions - max(len(document.ids) for document in behind)

    def ids(shown: Sequence[Tweet]) -> list[int]:
        return base.tokenizer.encode_turns(instructed, [(tweet.topic or "", tweet.text) for tweet in shown])[0]

    found, before = chosen_examples(answers, count, seed, ids, room)
    if found:
        readings[INSTRUCTED_EXAMPLES] = Reading(behind, before)
    return line, Examples(found, before, after if found else None), readings

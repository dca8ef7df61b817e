"""Scripted conversations with the model, and what its answers are judged by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from tweetstyle.dataset.held_out import HeldOut, clusters
from tweetstyle.evaluate.baselines import WITH_TOPIC, Examples
from tweetstyle.evaluate.conversation import (
    OTHERS,
    TRIALS,
    UNRELATED,
    ConversationResult,
    InstructionBaseline,
    Opening,
    Relevance,
    Trial,
    drawn_messages,
    instruction_baseline,
    instruction_readings,
    relevance,
    trial_readings,
    word_overlap,
)
from tweetstyle.evaluate.samples import BASE, TUNED, WritingPrompt, Written
from tweetstyle.inference.likelihood import Reading
from tweetstyle.model.base import BaseModel
from tweetstyle.prompt.template import Template
from tweetstyle.records import TWEET, Tweet
from tweetstyle.statistics.intervals import bootstrap_t
from tweetstyle.wording.words import Note

if TYPE_CHECKING:
    from tweetstyle.recipe import Evaluation

LANGUAGES = ("fr", "en")


@dataclass(frozen=True)
class Script:
    """then: said after the answer to `first`, independent of it."""

    language: str
    first: str
    then: str


def scripts() -> list[Script]:
    """The openings that come with the program, ten in each language."""
    found = []
    for language in LANGUAGES:
        lines = (files("tweetstyle.evaluate") / f"openings_{language}.txt").read_text(encoding="utf-8").splitlines()
        found += [Script(language, *(part.strip() for part in line.split("|"))) for line in lines if line.strip()]
    return found


def first_prompts(start: int) -> list[WritingPrompt]:
    """The first messages, numbered from `start`."""
    return [WritingPrompt(start + place, script.first, TWEET, f"opening {place}") for place, script in enumerate(scripts())]


def second_prompts(answers: Sequence[Written]) -> list[WritingPrompt]:
    """The second messages, each after the first and its answer."""
    return [
        WritingPrompt(answer.number, script.then, TWEET, f"opening {place}", ((script.first, answer.text),))
        for place, (script, answer) in enumerate(zip(scripts(), answers, strict=True))
    ]


def as_openings(first: Mapping[str, Sequence[Written]], second: Mapping[str, Sequence[Written]]) -> list[Opening]:
    """Side by side. first, second: who → answers to the first and to the second messages, in the scripts' order."""
    return [
        Opening(
            script.language,
            (script.first, script.then),
            (first[BASE][place].text, second[BASE][place].text),
            (first[TUNED][place].text, second[TUNED][place].text),
        )
        for place, script in enumerate(scripts())
    ]


Nats = dict[str, np.ndarray]


@dataclass(frozen=True)
class TrialScores:
    """relevance: None where there are too few messages; gains: nats won by the tuning on each test tweet after another's message."""

    relevance: Relevance | None
    gains: np.ndarray


@dataclass(frozen=True)
class Conversing:
    """What is measured besides for a conversation. of_base: by the base model alone; of_both: by both models."""

    instructed: InstructionBaseline
    test: HeldOut
    trials: Sequence[Trial]
    of_base: dict[str, Reading]
    of_both: dict[str, Reading]
    evaluation: Evaluation

    @classmethod
    def prepare(
        cls, base: BaseModel, template: Template, known: Sequence[Tweet], samples: Mapping[str, HeldOut], evaluation: Evaluation
    ) -> Conversing:
        """known: the training tweets, each with its message; samples: the held-out splits, the test tweets among them."""
        documents = [document for sample in samples.values() for document in sample.documents]
        tweets = [tweet for sample in samples.values() for tweet in sample.tweets]
        instructed = instruction_baseline(base, template, known, documents, evaluation.examples, evaluation.seed)
        trials, of_both = trial_readings(base, template, samples["test"], evaluation.seed)
        return cls(instructed, samples["test"], trials, instruction_readings(base, instructed, tweets) | of_both, of_both, evaluation)

    @property
    def examples(self) -> Examples:
        return self.instructed.examples

    def messages_for(self, count: int) -> list[str | None]:
        """Messages of the test tweets for `count` texts that answer none of them."""
        return drawn_messages(self.test.tweets, count, self.evaluation.seed)

    def take(self, by_base: Nats, by_tuned: Nats) -> TrialScores:
        """Takes what is no baseline out of the nats that were read, and measures with it."""
        gains = by_base.pop(UNRELATED) - by_tuned.pop(UNRELATED)
        if not self.trials:
            return TrialScores(None, gains)
        nats = [by.pop(TRIALS).reshape(len(self.trials), 1 + OTHERS) for by in (by_base, by_tuned)]
        grouped = clusters(self.test.tweets)
        groups = [grouped[trial.tweet] for trial in self.trials]
        return TrialScores(relevance(*nats, [trial.right for trial in self.trials], groups, confidence=self.evaluation.confidence), gains)

    def result(self, by_base: Nats, tuned: np.ndarray, trial_scores: TrialScores, openings: list[Opening]) -> ConversationResult:
        """by_base: nats of the test tweets by a baseline's name in words; tuned: those of the tuned model."""
        tweets, grouped = self.test.tweets, clusters(self.test.tweets)
        gains = {
            name: bootstrap_t((nats - tuned) / np.log(2), self.test.bytes, grouped, **self._settings)
            for name, nats in by_base.items()
            if name != WITH_TOPIC
        }
        messages, texts = [tweet.topic or "" for tweet in tweets], [tweet.text for tweet in tweets]
        own = word_overlap(messages, texts, grouped, confidence=self.evaluation.confidence)
        return ConversationResult(
            self.instructed.line,
            self.instructed.examples.count,
            gains,
            trial_scores.relevance,
            own,
            openings,
            self._notes(trial_scores.relevance),
        )

    @property
    def _settings(self) -> dict:
        return {
            "confidence": self.evaluation.confidence,
            "resamples": self.evaluation.bootstrap_resamples,
            "seed": self.evaluation.seed,
        }

    def _notes(self, found: Relevance | None) -> list[Note]:
        notes = []
        if found is None:
            notes.append(Note("relevance_too_few", {"tweets": len(self.test.tweets)}))
        if len(self.of_base) == len(self.of_both):
            notes.append(Note("no_room"))
        return notes

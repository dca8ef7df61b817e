"""Chooses the sampling: candidates write for validation prompts, the closest one wins."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tweetstyle.dataset.held_out import clusters
from tweetstyle.evaluate.samples import TUNED, Writing, WrittenSamples
from tweetstyle.evaluate.style import word_overlap
from tweetstyle.evaluate.text_distance import ClusterSums, Jackknifed, TextDistance, jackknifed, noise_floor
from tweetstyle.evaluate.two_sample import Texts
from tweetstyle.evaluate.writing_prompts import WritingPrompt, prompts_of
from tweetstyle.inference.sampling_grid import FEWEST_SAMPLES, GRID, ROUNDS, tweets_by_round
from tweetstyle.records import Tweet
from tweetstyle.statistics.intervals import FEWEST_CLUSTERS, SMALLEST_SHARE, Interval
from tweetstyle.text.copying import find_copies

if TYPE_CHECKING:
    from tweetstyle.recipe import Sampling

BY_DEFAULT = "default"
"""The writer that is the tuned model with the default sampling, where another one was chosen."""
MOST_TRAINING = 2_000
"""Training tweets from which features are chosen and scaled."""


@dataclass(frozen=True)
class SamplingCandidate:
    """sampling: its settings; tweets: that it wrote until it was left out, or to the end; distance: to the validation tweets; closer: how
    much smaller it is than the default's, for the same prompts; copied, on_topic: shares of the tweets that hold a copied span, and in
    which a word of the prompt recurs (None without topics); refused: "", "copies" or "off_topic".
    """

    sampling: dict[str, Any]
    tweets: int
    distance: Interval
    closer: Interval
    copied: float
    on_topic: float | None
    refused: str


@dataclass(frozen=True)
class Calibration:
    """chosen: place among the candidates, of which the first is the default; floor: of the distance, real against real; copied: share of
    the validation tweets with a copied span; on_test: as `distance_on_test` gives it, empty where the default was chosen.
    """

    chosen: int
    floor: float
    copied: float
    candidates: list[SamplingCandidate]
    on_test: dict[str, Interval] = field(default_factory=dict)


def calibrate(
    writing: Writing, known: Sequence[str], validation: Sequence[Tweet], samples: int, confidence: float, directory: Path
) -> Calibration | None:
    """Candidates of a grid write for the validation tweets' prompts; after each round the closest ones stay.

    Chosen is the closest to the validation tweets among those that are closer than the default beyond the interval of the difference,
    copy no more than the author or the default, and keep to the topic as the default does; else the default.

    None where the validation tweets are of too few days for any interval, or the samples too few to tell candidates apart.

    Args:
        known: texts of the training tweets.
        samples: tweets that each candidate of the last round has written.
        directory: what is written is kept there, and resumed after a kill.
    """
    if samples < FEWEST_SAMPLES or len(set(groups := clusters(validation))) < FEWEST_CLUSTERS:
        return None
    prompts = prompts_of(validation, groups, samples, writing.seed)
    measures = Measures.of(known, validation, prompts)
    grid = {f"candidate-{place}": sampling for place, sampling in enumerate(GRID)}
    writer = replace(writing, others=grid, model=replace(writing.model, gguf=None))
    left, start, texts = list(grid), 0, {name: [] for name in grid}
    for number, ((count, _share), end) in enumerate(zip(ROUNDS, tweets_by_round(samples), strict=True)):
        by_distance = sorted(left[1:], key=lambda name: measures.distance(texts[name]).estimate) if number else left[1:]
        left = [left[0], *by_distance[: count - 1]]
        for name, answers in writer.answers(dict.fromkeys(left, prompts[start:end]), directory / f"round-{number + 1}").items():
            texts[name] += answers
        start = end
    real = [tweet.text for tweet in validation]
    everything = list(dict.fromkeys([*real, *chain(*texts.values())]))
    copies = {text for text, sources in zip(everything, find_copies(everything, known), strict=True) if sources}
    limit = share_in(copies, real)
    # The default has written for the prompts of every other candidate: once for each number of them.
    default = {count: measures.measured(texts[left[0]][:count], copies, confidence) for count in {*map(len, texts.values())}}
    found = {name: default[len(of)] if name == left[0] else measures.measured(of, copies, confidence) for name, of in texts.items()}
    candidates = [candidate(grid[name], of, default[of.tweets], limit, confidence) for name, of in found.items()]
    chosen = [place for place, one in enumerate(candidates) if one.tweets == samples and not one.refused and one.closer.sign > 0]
    nearest = min(chosen, key=lambda place: candidates[place].distance.estimate, default=0)
    return Calibration(nearest, noise_floor(measures.real, writing.seed), limit, candidates)


@dataclass(frozen=True)
class Measures:
    """What written texts are measured by. real: the tweets that have the prompts' topics; order: their clusters."""

    by: TextDistance
    real: ClusterSums
    order: Sequence[Hashable]
    prompts: Sequence[WritingPrompt]

    @classmethod
    def of(cls, known: Sequence[str], real: Sequence[Tweet], prompts: Sequence[WritingPrompt]) -> Measures:
        """known: texts of the training tweets."""
        side = Texts([tweet.text for tweet in real], clusters(real))
        by, order = TextDistance(known[:: -(-len(known) // MOST_TRAINING)]), list(dict.fromkeys(side.clusters))
        return cls(by, ClusterSums.of(by, side, order), order, prompts)

    def distance(self, texts: Sequence[str]) -> Jackknifed:
        """texts: written for the first prompts."""
        written = Texts(texts, [prompt.cluster for prompt in self.prompts[: len(texts)]])
        return jackknifed(self.real, ClusterSums.of(self.by, written, self.order))

    def measured(self, texts: Sequence[str], copies: set[str], confidence: float) -> MeasuredTexts:
        """texts: written for the first prompts; copies: texts with a copied span."""
        topics, groups = zip(*((prompt.topic or "", prompt.cluster) for prompt in self.prompts[: len(texts)]), strict=True)
        found = word_overlap(topics, texts, groups, confidence=confidence)
        return MeasuredTexts(len(texts), self.distance(texts), share_in(copies, texts), found and found.estimate)


@dataclass(frozen=True)
class MeasuredTexts:
    """tweets: their number; copied, on_topic: as in `SamplingCandidate`."""

    tweets: int
    distance: Jackknifed
    copied: float
    on_topic: float | None


def candidate(
    sampling: Sampling, found: MeasuredTexts, default: MeasuredTexts, copied_by_author: float, confidence: float
) -> SamplingCandidate:
    """default: what the default sampling wrote for the same prompts."""
    refused = ""
    if found.copied > max(copied_by_author, default.copied):
        refused = "copies"
    elif found.on_topic is not None and found.on_topic < default.on_topic - SMALLEST_SHARE:
        refused = "off_topic"
    distances = found.distance.interval(confidence), found.distance.interval(confidence, default.distance)
    return SamplingCandidate(sampling.model_dump(mode="json"), found.tweets, *distances, found.copied, found.on_topic, refused)


def share_in(copies: set[str], texts: Sequence[str]) -> float:
    return float(np.mean([text in copies for text in texts]))


def distance_on_test(known: Sequence[str], test: Sequence[Tweet], written: WrittenSamples, confidence: float) -> dict[str, Interval]:
    """ "default" and "chosen": distances to the test tweets, which chose nothing; "closer": how much closer the chosen sampling is.

    known: texts of the training tweets; written: by default and as chosen, for the test tweets' prompts.
    """
    measures = Measures.of(known, test, written.prompts)
    default, chosen = (measures.distance(written.answers[who]) for who in (BY_DEFAULT, TUNED))
    return {
        "default": default.interval(confidence),
        "chosen": chosen.interval(confidence),
        "closer": chosen.interval(confidence, default),
    }

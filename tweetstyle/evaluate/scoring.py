"""Held-out tweets scored by base and tuned model: bits per byte, gains, warnings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tweetstyle.dataset.held_out import HeldOut
from tweetstyle.evaluate.baselines import (
    IN_WORDS,
    NGRAM,
    OTHERS,
    PROMPT,
    WITH_TOPIC,
    Examples,
    ModelPair,
    OtherPeople,
    Specificity,
    base_readings,
    gain_interval,
    tuned_readings,
)
from tweetstyle.evaluate.conversation import ConversationReadings, Relevance
from tweetstyle.evaluate.ngrams import ngram_bits, train_ngrams
from tweetstyle.inference.clean_process import run_in_clean_process
from tweetstyle.inference.likelihood import Reading, first_scored, score_readings
from tweetstyle.records import Tweet
from tweetstyle.statistics.effect import SMALLEST_GAIN, Effect, effect
from tweetstyle.statistics.intervals import Interval
from tweetstyle.statistics.metrics import BITS_PER_BYTE, RISE, best_validation, validations
from tweetstyle.wording.words import Note

if TYPE_CHECKING:
    from tweetstyle.recipe import Evaluation

Readings = dict[str, Reading]
Nats = dict[str, np.ndarray]
"""Name of a baseline → summed losses of each tweet, in nats."""


@dataclass(frozen=True)
class Likelihood:
    """nats: summed over all scored tokens; bits_per_byte: of the tweets' UTF-8 text; perplexity: per token."""

    nats: float
    bits_per_byte: float
    perplexity: float


@dataclass(frozen=True)
class SplitResult:
    """tweets, tokens (end tokens included), bytes: what was scored; too_long: tweets left out because the model cannot hold them.

    gain: bits per byte of the base minus those of the tuned model on the same tweets; above 0 the tuning helped.
    baselines: what else the tuned model is compared with, in the order of the table, its name in words; best: the name of that which
    predicts the validation tweets best; over_best: the gain over it. with_topic: "base" and "tuned" where the prompt names the tweet's
    topic, which was taken from the tweet and gives a part of it away; None where prompts have no topic.
    """

    tweets: int
    tokens: int
    bytes: int
    too_long: int
    base: Likelihood
    tuned: Likelihood
    gain: Interval
    baselines: dict[str, Likelihood]
    best: str
    over_best: Interval
    with_topic: dict[str, Likelihood] | None


@dataclass(frozen=True)
class Comparison:
    """What the tuned model is compared with besides the baselines. talk: in a conversation; others: elsewhere."""

    examples: Examples
    talk: ConversationReadings | None
    others: OtherPeople | None


@dataclass(frozen=True)
class Scored:
    """base, tuned: nats of all held-out tweets under the same prompt, validation before test; of_test: nats of the test tweets by a
    baseline's name in words, tuned_test: those of the tuned model.
    """

    splits: dict[str, SplitResult]
    specificity: Specificity | None
    relevance: Relevance | None
    base: np.ndarray
    tuned: np.ndarray
    of_test: Nats
    tuned_test: np.ndarray


def score_held_out(
    model: ModelPair, samples: Mapping[str, HeldOut], known: Sequence[Tweet], compared: Comparison, evaluation: Evaluation
) -> Scored:
    """samples: "validation" and "test"; known: the training tweets."""
    tweets = [tweet for sample in samples.values() for tweet in sample.tweets]
    documents = [document for sample in samples.values() for document in sample.documents]
    of_base = base_readings(model.base, model.template, tweets, documents, compared.examples)
    of_tuned = tuned_readings(model.base, model.template, tweets, documents)
    talk, others = compared.talk, compared.others
    besides = talk.of_both if talk else {OTHERS: Reading(others.sample.documents)} if others else {}
    of_base |= (talk.of_base if talk else {}) | besides
    by_base, by_tuned = run_in_clean_process(_score_with_bar, model, of_base, of_tuned | besides, evaluation.bf16)
    found = talk.pop_relevance(by_base, by_tuned) if talk else None
    start = len(samples["validation"].tweets)
    specific = None
    if others:
        gained, gains = by_base.pop(OTHERS) - by_tuned.pop(OTHERS), by_base[PROMPT] - by_tuned[PROMPT]
        specific = others.specificity(samples["test"], gains[start:], gained, evaluation)
    texts = [tweet.text for tweet in tweets]
    by_base[NGRAM] = ngram_bits(train_ngrams([tweet.text for tweet in known]), texts) * math.log(2)
    named = {IN_WORDS.get(name, name).format(count=compared.examples.count): nats for name, nats in by_base.items()}
    of_test = {name: nats[start:] for name, nats in named.items()}
    splits = _results(samples, named, by_tuned, evaluation)
    return Scored(splits, specific, found, by_base[PROMPT], by_tuned[PROMPT], of_test, by_tuned[PROMPT][start:])


def _results(samples: Mapping[str, HeldOut], by_base: Nats, by_tuned: Nats, evaluation: Evaluation) -> dict[str, SplitResult]:
    """by_base: nats of all samples' tweets, one after the other, by the baseline's name in words."""
    parts, start = {}, 0
    for name, sample in samples.items():
        parts[name] = slice(start, start := start + len(sample.documents))
    # Chosen on validation: chosen on test, the best would be so by luck too.
    best = min((name for name in by_base if name != WITH_TOPIC), key=lambda name: by_base[name][parts["validation"]].sum())
    return {
        name: _result(sample, *({of: nats[parts[name]] for of, nats in by.items()} for by in (by_base, by_tuned)), best, evaluation)
        for name, sample in samples.items()
    }


def _result(sample: HeldOut, by_base: Nats, by_tuned: Nats, best: str, evaluation: Evaluation) -> SplitResult:
    tokens = sum(len(document.ids) - first_scored(document) for document in sample.documents)
    size = int(sample.bytes.sum())
    prompt, tuned = IN_WORDS[PROMPT], by_tuned[PROMPT]
    topics = {"base": by_base[WITH_TOPIC], "tuned": by_tuned[WITH_TOPIC]} if WITH_TOPIC in by_tuned else None
    return SplitResult(
        tweets=len(sample.tweets),
        tokens=tokens,
        bytes=size,
        too_long=sample.too_long,
        base=figures(by_base[prompt], tokens, size),
        tuned=figures(tuned, tokens, size),
        gain=gain_interval(by_base[prompt] - tuned, sample, evaluation),
        baselines={name: figures(nats, tokens, size) for name, nats in by_base.items() if name not in (prompt, WITH_TOPIC)},
        best=best,
        over_best=gain_interval(by_base[best] - tuned, sample, evaluation),
        with_topic=topics and {name: figures(nats, tokens, size) for name, nats in topics.items()},
    )


def figures(nats: np.ndarray, tokens: int, bytes: int) -> Likelihood:
    """nats / (ln 2 · bytes) compares models of any tokenizer; exp(nats / tokens) only those of the same."""
    total = float(nats.sum())
    return Likelihood(total, total / (math.log(2) * bytes), math.exp(total / tokens))


def warnings(splits: Mapping[str, SplitResult], metrics: Sequence[Mapping[str, Any]]) -> list[Note]:
    """What a person should know before believing the figures. metrics: the lines of metrics.jsonl.

    No training tweets are scored for this: every tuned model knows those better, and that gap alone says nothing about new
    tweets. Overfitting is reported where it does harm: held-out tweets that the tuned model predicts worse than the base does,
    or worse again than it did earlier in the run.
    """
    said = [note for name, split in splits.items() for note in _on_split(name, split)]
    best, curve = best_validation(metrics), validations(metrics)
    if best and curve[-1][BITS_PER_BYTE] > RISE * best[BITS_PER_BYTE]:
        values = {"best_step": best["step"], "best": best[BITS_PER_BYTE], "last": curve[-1][BITS_PER_BYTE], "last_step": curve[-1]["step"]}
        said.append(Note("overfitting", values))
    return said


def _on_split(name: str, split: SplitResult) -> list[Note]:
    gain, days = split.gain, {"split": name, "days": split.gain.clusters}
    said, learned = [], effect(gain, SMALLEST_GAIN)
    if gain.low is None:
        said.append(Note("few_days", days))
    elif learned is Effect.LESS:
        said.append(Note("worse", {"split": name}))
    elif learned is Effect.NONE:
        said.append(Note("no_better", {"split": name}))
    elif learned is Effect.UNKNOWN:
        said.append(Note("unknown", {"split": name, "tweets": split.tweets}))
    elif effect(split.over_best, SMALLEST_GAIN) is Effect.LESS:
        said.append(Note("below_best", {"split": name, "baseline": split.best}))
    if gain.low is not None and gain.may_be_too_narrow:
        said.append(Note("narrow", days))
    if split.too_long:
        said.append(Note("too_long", {"split": name, "tweets": split.too_long}))
    return said


# -- where the scoring runs ---------------------------------------------------------------------------------


def _score_with_bar(model: ModelPair, of_base: Readings, of_tuned: Readings, bf16: bool) -> tuple[Nats, Nats]:
    from tweetstyle.progress import Bar

    tokens = sum(reading.positions for reading in (*of_base.values(), *of_tuned.values()))
    with Bar("scoring tweets", tokens, "tokens", loading="loading the models") as bar:
        return score_readings(model, of_base, of_tuned, bar.advance, bf16=bf16)

"""Held-out tweets scored by base and tuned model: bits per byte, gains."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tweetstyle.dataset.held_out import HeldOut
from tweetstyle.evaluate.baselines import (
    BASELINES,
    NGRAMS,
    PROMPT,
    WITH_TOPIC,
    ModelPair,
    Nats,
    TweetReadings,
    base_readings,
    gain_interval,
    tuned_readings,
)
from tweetstyle.evaluate.conversation import ConversationReadings
from tweetstyle.evaluate.ngrams import ngram_bits, train_ngrams
from tweetstyle.inference.clean_process import run_in_clean_process
from tweetstyle.inference.likelihood import Reading, first_scored, score_readings
from tweetstyle.locale import _, localised
from tweetstyle.records import Tweet
from tweetstyle.statistics.intervals import FEW_CLUSTERS, Interval
from tweetstyle.wording.words import Note

if TYPE_CHECKING:
    from rich.table import Table

    from tweetstyle.recipe import Evaluation


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
    baselines: what else the tuned model is compared with, by BASELINES; best: that which predicts the validation tweets best;
    over_best: the gain over it. with_topic: "base" and "tuned" where the prompt names the tweet's topic, which was taken from the
    tweet and gives a part of it away; None where prompts have no topic.
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


def score_held_out(
    model: ModelPair,
    samples: Mapping[str, HeldOut],
    known: Sequence[Tweet],
    besides: TweetReadings | ConversationReadings,
    evaluation: Evaluation,
) -> tuple[dict[str, SplitResult], Nats, Nats]:
    """The results of each split, and the nats of what was read with base and tuned model, by the names of the readings.

    Args:
        samples: "validation" and "test"; their tweets are read in this order.
        known: the training tweets.
        besides: what else is read.
    """
    tweets = [tweet for sample in samples.values() for tweet in sample.tweets]
    documents = [document for sample in samples.values() for document in sample.documents]
    of_base = base_readings(model.base, model.template, tweets, documents, besides.examples) | besides.of_base | besides.of_both
    of_tuned = tuned_readings(model.base, model.template, tweets, documents) | besides.of_both
    scored = {} if evaluation.bf16 else _scored_already(model, tweets)
    unscored = {name: reading for name, reading in of_tuned.items() if name not in scored}
    by_base, by_tuned = run_in_clean_process(_score_with_bar, model, of_base, unscored, evaluation.bf16)
    by_tuned |= scored
    by_base[NGRAMS] = ngram_bits(train_ngrams([tweet.text for tweet in known]), [tweet.text for tweet in tweets]) * math.log(2)
    return _results(samples, by_base, by_tuned, evaluation), by_base, by_tuned


def _scored_already(model: ModelPair, tweets: Sequence[Tweet]) -> Nats:
    """What the end of the training measured, where that was all of these tweets."""
    if not all(tweet.id in model.as_trained for tweet in tweets):
        return {}
    return {PROMPT: np.array([model.as_trained[tweet.id] for tweet in tweets])}


def _results(samples: Mapping[str, HeldOut], by_base: Nats, by_tuned: Nats, evaluation: Evaluation) -> dict[str, SplitResult]:
    """by_base, by_tuned: nats by the names of the readings, of all samples' tweets one after the other where they are of these."""
    parts, start = {}, 0
    for name, sample in samples.items():
        parts[name] = slice(start, start := start + len(sample.documents))
    # Chosen on validation: chosen on test, the best would be so by luck too.
    best = min((name for name in BASELINES if name in by_base), key=lambda name: by_base[name][parts["validation"]].sum())
    names = (*BASELINES, WITH_TOPIC)
    return {
        split: _result(sample, *({of: by[of][parts[split]] for of in names if of in by} for by in (by_base, by_tuned)), best, evaluation)
        for split, sample in samples.items()
    }


def _result(sample: HeldOut, by_base: Nats, by_tuned: Nats, best: str, evaluation: Evaluation) -> SplitResult:
    tokens = sum(len(document.ids) - first_scored(document) for document in sample.documents)
    size, tuned = int(sample.bytes.sum()), by_tuned[PROMPT]
    by_name = {name: figures(nats, tokens, size) for name, nats in by_base.items()}
    with_topic = by_name.pop(WITH_TOPIC, None)
    return SplitResult(
        tweets=len(sample.tweets),
        tokens=tokens,
        bytes=size,
        too_long=sample.too_long,
        base=by_name.pop(PROMPT),
        tuned=figures(tuned, tokens, size),
        gain=gain_interval(by_base[PROMPT] - tuned, sample, evaluation),
        baselines=by_name,
        best=best,
        over_best=gain_interval(by_base[best] - tuned, sample, evaluation),
        with_topic=with_topic and {"base": with_topic, "tuned": figures(by_tuned[WITH_TOPIC], tokens, size)},
    )


def figures(nats: np.ndarray, tokens: int, bytes: int) -> Likelihood:
    """nats / (ln 2 · bytes) compares models of any tokenizer; exp(nats / tokens) only those of the same."""
    total = float(nats.sum())
    return Likelihood(total, total / (math.log(2) * bytes), math.exp(total / tokens))


def warnings(splits: Mapping[str, SplitResult]) -> list[Note]:
    """What limits the figures; what they say is in the verdict."""
    notes = []
    for name, split in splits.items():
        if split.gain.clusters < FEW_CLUSTERS:
            notes.append(Note("few_days" if split.gain.low is None else "narrow", {"split": name, "days": split.gain.clusters}))
        if split.too_long:
            notes.append(Note("too_long", {"split": name, "tweets": split.too_long}))
    return notes


# -- tables for the terminal ----------------------------------------------------------------------------------


def terminal_table(title: str, first: str, *columns: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Column, Table

    right = (Column(column, justify="right") for column in columns)
    return Table(first, *right, title=title, title_justify="left", caption_justify="left", box=SIMPLE_HEAD, pad_edge=False)


def gain_in_words(gain: Interval) -> str:
    if gain.low is None:
        return localised(f"{gain.estimate:+.3f}")
    return _("{gain:+.3f} ({low:+.3f} to {high:+.3f})", gain=gain.estimate, low=gain.low, high=gain.high)


# -- where the scoring runs ---------------------------------------------------------------------------------


def _score_with_bar(model: ModelPair, of_base: dict[str, Reading], of_tuned: dict[str, Reading], bf16: bool) -> tuple[Nats, Nats]:
    from tweetstyle.progress import Bar

    tokens = sum(reading.positions for reading in (*of_base.values(), *of_tuned.values()))
    with Bar(_("scoring tweets"), tokens, _("tokens"), loading=_("loading the models")) as bar:
        return score_readings(model, of_base, of_tuned, bar.advance, bf16=bf16)

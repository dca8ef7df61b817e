"""Measures whether the model writes like the author."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tweetstyle.dataset.held_out import HeldOut, clusters, held_out, nothing_in, scored_bytes
from tweetstyle.dataset.threads import read_tweets
from tweetstyle.evaluate.adherence import Specificity, other_people, specificity
from tweetstyle.evaluate.baselines import (
    IN_WORDS,
    NGRAM,
    OTHERS,
    PROMPT,
    WITH_TOPIC,
    base_readings,
    few_examples,
    ngram_nats,
    tuned_readings,
)
from tweetstyle.evaluate.compare import SCORES, scores_of
from tweetstyle.evaluate.result import Evaluated, SplitResult, figures, style_table, table, warnings
from tweetstyle.evaluate.scripted_chats import Conversing
from tweetstyle.evaluate.writing import write_samples
from tweetstyle.files import complete_file, read_json_lines
from tweetstyle.inference.clean_process import run_in_clean_process
from tweetstyle.inference.likelihood import Reading, TunedModel, first_scored, score_readings
from tweetstyle.model.base import BaseModel
from tweetstyle.prompt.template import Template
from tweetstyle.records import TWEET, SourceTweet
from tweetstyle.statistics.intervals import Interval, bootstrap_t

if TYPE_CHECKING:
    from tweetstyle.recipe import Evaluation, Sampling

__all__ = ["Evaluated", "evaluate", "style_table", "table"]

Readings = dict[str, Reading]
Nats = dict[str, np.ndarray]


def evaluate(
    base: BaseModel,
    final_model: Path,
    method: str,
    template: Template,
    evaluation: Evaluation,
    sampling: Sampling,
    train: Path,
    validation: Path,
    test: Path,
    directory: Path,
    gguf: Path | None = None,
    clean: Callable[[SourceTweet], str] = lambda tweet: tweet.text,
) -> Evaluated:
    """Scores the same held-out tweets with base and tuned model, lets both write, and writes directory/evaluation.json.

    Scored prompts name no topic: a topic is taken from the tweet and would leak it; in a conversation they are the message that the
    tweet answers. The answer and its end token bear the loss, prompt and BOS do not. The tuned model is compared with the best of
    several baselines, which know the training tweets too: some of them are in the base model's prompt, or their letters are
    counted. Then each model writes `evaluation.samples` tweets on the test tweets' own topics (directory/written/); gguf: the exported
    file that writes in the tuned model's place; clean: what is learned of a tweet in an archive, for other people's tweets are to be
    cleaned as the author's were. If directory/metrics.jsonl is there, its validation curve is read for signs of overfitting. Raises
    TweetstyleError where a split cannot be read or holds no tweet, the adapter does not fit, or the model cannot be loaded in 4-bit.
    """
    files = {"validation": validation, "test": test}
    limits = base.max_positions, evaluation.max_tweets, evaluation.seed
    samples = {name: held_out(path, template, base.tokenizer, *limits) for name, path in files.items()}
    tweets = [tweet for sample in samples.values() for tweet in sample.tweets]
    documents = [document for sample in samples.values() for document in sample.documents]
    known = list(read_tweets(train, template))
    if not known:
        raise nothing_in(train, template, "to learn from", "tweetstyle prepare makes it from the archive")
    talk = Conversing.prepare(base, template, known, samples, evaluation) if template.turns else None
    examples = talk.examples if talk else few_examples(base, template, known, documents, evaluation.examples, evaluation.seed)
    others, source = other_people(evaluation.others, [*known, *tweets], clean, evaluation.max_tweets, evaluation.seed)
    strangers = _strangers(base, template, others, talk.messages_for(len(others)) if talk else [None] * len(others))
    to_read = base_readings(base, template, tweets, documents, examples), tuned_readings(base, template, tweets, documents)
    for readings in to_read:
        readings[OTHERS] = Reading(strangers.documents)
    if talk:
        to_read = to_read[0] | talk.of_base, to_read[1] | talk.of_both
    by_base, by_tuned = run_in_clean_process(_score_with_bar, base, final_model, method, *to_read, evaluation.bf16)
    gained = by_base.pop(OTHERS) - by_tuned.pop(OTHERS)
    trial_scores = talk.take(by_base, by_tuned) if talk else None
    by_base[NGRAM] = ngram_nats(known, tweets)
    scored = {IN_WORDS.get(name, name).format(count=examples.count): nats for name, nats in by_base.items()}
    splits = _results(samples, scored, by_tuned, evaluation)
    start = len(samples["validation"].tweets)
    gains = trial_scores.gains if trial_scores else by_base[PROMPT][start:] - by_tuned[PROMPT][start:]
    specific = _specificity(samples["test"], gains, strangers, gained, source, evaluation)
    style, shown, openings = None, [], []
    if evaluation.samples:
        style, shown, openings = write_samples(
            base, final_model, method, template, evaluation, sampling, known, samples, examples, directory / "written", gguf
        )
    noted = warnings(splits, _validation_curve(directory / "metrics.jsonl"))
    of_test = {name: nats[start:] for name, nats in scored.items()}, by_tuned[PROMPT][start:]
    spoken = talk.result(*of_test, trial_scores, openings) if talk and trial_scores else None
    evaluated = Evaluated(splits, noted, specific, style, shown, spoken)
    nats = [nats.tolist() for nats in (by_base[PROMPT], by_tuned[PROMPT])]
    with complete_file(directory / SCORES) as stream:
        json.dump(scores_of(samples, *nats), stream)
    with complete_file(directory / "evaluation.json") as stream:
        json.dump(asdict(evaluated), stream, indent=2, ensure_ascii=False)
    return evaluated


def _strangers(base: BaseModel, template: Template, texts: list[str], messages: Sequence[str | None]) -> HeldOut:
    """Other people's tweets under the author's prompt, without a topic or after these messages, those that fit. Only texts: no tweets."""
    pairs = [(text, base.tokenizer.encode(template, text, said, TWEET)) for text, said in zip(texts, messages, strict=True)]
    fitting = [(text, document) for text, document in pairs if len(document.ids) <= base.max_positions]
    sizes = [scored_bytes(text, document, template, base.tokenizer) for text, document in fitting]
    return HeldOut([], [document for _, document in fitting], np.array(sizes, dtype=float), len(pairs) - len(fitting))


def _specificity(
    author: HeldOut, gains: np.ndarray, strangers: HeldOut, gained: np.ndarray, source: str, evaluation: Evaluation
) -> Specificity | None:
    """gains, gained: nats of the base less those of the tuned model, of the author's tweets and other people's; None where none fits."""
    if not strangers.documents:
        return None
    return specificity(
        (gains / np.log(2), author.bytes, clusters(author.tweets)),
        (gained / np.log(2), strangers.bytes, list(range(len(strangers.documents)))),
        source,
        confidence=evaluation.confidence,
        resamples=evaluation.bootstrap_resamples,
        seed=evaluation.seed,
    )


def _results(
    samples: dict[str, HeldOut], by_base: dict[str, np.ndarray], by_tuned: dict[str, np.ndarray], evaluation: Evaluation
) -> dict[str, SplitResult]:
    """by_base: nats of all samples' tweets, one after the other, by the baseline's name in words."""
    parts, start = {}, 0
    for name, sample in samples.items():
        parts[name] = slice(start, start := start + len(sample.documents))
    baselines = {name: nats for name, nats in by_base.items() if name != WITH_TOPIC}
    # Chosen on validation: chosen on test, the best would be so by luck too.
    best = min(baselines, key=lambda name: baselines[name][parts["validation"]].sum())
    return {
        name: _result(
            sample, {b: n[parts[name]] for b, n in by_base.items()}, {t: n[parts[name]] for t, n in by_tuned.items()}, best, evaluation
        )
        for name, sample in samples.items()
    }


def _result(
    sample: HeldOut, by_base: dict[str, np.ndarray], by_tuned: dict[str, np.ndarray], best: str, evaluation: Evaluation
) -> SplitResult:
    tokens = sum(len(document.ids) - first_scored(document) for document in sample.documents)
    size = int(sample.bytes.sum())
    prompt, tuned = IN_WORDS[PROMPT], by_tuned[PROMPT]
    grouped = clusters(sample.tweets)

    def gain_over(nats: np.ndarray) -> Interval:
        return bootstrap_t(
            (nats - tuned) / np.log(2),
            sample.bytes,
            grouped,
            confidence=evaluation.confidence,
            resamples=evaluation.bootstrap_resamples,
            seed=evaluation.seed,
        )

    topics = {"base": by_base[WITH_TOPIC], "tuned": by_tuned[WITH_TOPIC]} if WITH_TOPIC in by_tuned else None
    return SplitResult(
        tweets=len(sample.tweets),
        tokens=tokens,
        bytes=size,
        too_long=sample.too_long,
        base=figures(by_base[prompt], tokens, size),
        tuned=figures(tuned, tokens, size),
        gain=gain_over(by_base[prompt]),
        baselines={name: figures(nats, tokens, size) for name, nats in by_base.items() if name not in (prompt, WITH_TOPIC)},
        best=best,
        over_best=gain_over(by_base[best]),
        with_topic=topics and {name: figures(nats, tokens, size) for name, nats in topics.items()},
    )


def _validation_curve(metrics: Path) -> list[tuple[int, float]]:
    """(step, bits per byte) of each validation of the trained model, without step 0."""
    lines = read_json_lines(metrics, "step")
    return [(line["step"], line["eval_bits_per_byte"]) for line in lines if "eval_bits_per_byte" in line and line["step"] > 0]


# -- where the scoring runs ---------------------------------------------------------------------------------


def _score_with_bar(
    base: BaseModel, final_model: Path, method: str, of_base: Readings, of_tuned: Readings, bf16: bool
) -> tuple[Nats, Nats]:
    from tweetstyle.progress import Bar

    tokens = sum(reading.positions for reading in (*of_base.values(), *of_tuned.values()))
    with Bar("scoring tweets", tokens, "tokens", loading="loading the models") as bar:
        return score_readings(TunedModel(base, final_model, method), of_base, of_tuned, bar.advance, bf16=bf16)

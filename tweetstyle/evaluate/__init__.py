"""How much better the tuned model predicts tweets it has never seen than the base model does."""

from __future__ import annotations

import json
import multiprocessing
import random
import signal
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tweetstyle.base_model import BaseModel
from tweetstyle.errors import TweetstyleError
from tweetstyle.evaluate.intervals import bootstrap_t
from tweetstyle.evaluate.likelihood import Scored, first_scored, score
from tweetstyle.evaluate.result import Evaluated, SplitResult, figures, table, warnings_in_words
from tweetstyle.files import complete_file
from tweetstyle.records import Tweet, read_split
from tweetstyle.template import Template
from tweetstyle.tokenizer import Encoded, Tokenizer

if TYPE_CHECKING:
    from tweetstyle.recipe import Evaluation

__all__ = ["Evaluated", "evaluate", "table"]


@dataclass(frozen=True)
class Sample:
    """The tweets of one split that are scored, and how: one document and one number of bytes for each."""

    tweets: list[Tweet]
    documents: list[Encoded]
    bytes: np.ndarray
    too_long: int


def evaluate(
    base: BaseModel,
    final_model: Path,
    method: str,
    template: Template,
    evaluation: Evaluation,
    validation: Path,
    test: Path,
    directory: Path,
) -> Evaluated:
    """Scores the same held-out tweets with base and tuned model under the same prompt, and writes directory/evaluation.json.

    The prompt names no topic: a topic is taken from the tweet and would leak it. The answer and its end token bear the loss,
    prompt and BOS do not. If directory/metrics.jsonl is there, its validation curve is read for signs of overfitting.
    Raises TweetstyleError where a split cannot be read or holds no tweet, the adapter does not fit, or 4 bits cannot be had.
    """
    samples = {path.stem: _sample(path, template, base.tokenizer, base.max_positions, evaluation) for path in (validation, test)}
    documents = [document for sample in samples.values() for document in sample.documents]
    scored = _score_apart_from_unsloth(base, final_model, method, documents)
    splits, start = {}, 0
    for name, sample in samples.items():
        part = slice(start, start := start + len(sample.documents))
        splits[name] = _result(sample, scored.base[part], scored.tuned[part], evaluation)
    evaluated = Evaluated(splits, warnings_in_words(splits, _validation_curve(directory / "metrics.jsonl")))
    with complete_file(directory / "evaluation.json") as stream:
        json.dump(asdict(evaluated), stream, indent=2, ensure_ascii=False)
    return evaluated


def _sample(path: Path, template: Template, tokenizer: Tokenizer, max_positions: int, evaluation: Evaluation) -> Sample:
    """At most `max_tweets` tweets of a split, seeded, in their order."""
    tweets = list(read_split(path))
    if len(tweets) > evaluation.max_tweets:
        chosen = random.Random(evaluation.seed).sample(range(len(tweets)), evaluation.max_tweets)
        tweets = [tweets[index] for index in sorted(chosen)]
    pairs = [(tweet, tokenizer.encode(template, tweet.text, None, tweet.type)) for tweet in tweets]
    fitting = [(tweet, document) for tweet, document in pairs if len(document.ids) <= max_positions]
    if not fitting:
        raise TweetstyleError("there is no tweet to score", where=str(path), hint="raise data.validation_fraction and data.test_fraction")
    bytes = [scored_bytes(tweet.text, document, template, tokenizer) for tweet, document in fitting]
    return Sample([t for t, _ in fitting], [d for _, d in fitting], np.array(bytes, dtype=float), len(pairs) - len(fitting))


def scored_bytes(text: str, document: Encoded, template: Template, tokenizer: Tokenizer) -> int:
    """UTF-8 bytes of the tweet that its scored tokens stand for: all, unless the first token has nothing before it."""
    if document.prompt_length:
        return len(text.encode())
    return len(template.answer(text).encode()) - tokenizer.byte_length(document.ids[0])


def _result(sample: Sample, base: np.ndarray, tuned: np.ndarray, evaluation: Evaluation) -> SplitResult:
    tokens = sum(len(document.ids) - first_scored(document) for document in sample.documents)
    size = int(sample.bytes.sum())
    gain = bootstrap_t(
        (base - tuned) / np.log(2),
        sample.bytes,
        [tweet.thread or tweet.created_at[:10] or tweet.id for tweet in sample.tweets],
        confidence=evaluation.confidence,
        resamples=evaluation.bootstrap_resamples,
        seed=evaluation.seed,
    )
    both = (figures(nats, tokens, size) for nats in (base, tuned))
    return SplitResult(len(sample.tweets), tokens, size, sample.too_long, *both, gain)


def _validation_curve(metrics: Path) -> list[tuple[int, float]]:
    """(step, bits per byte) of each validation during training; a last line that a kill cut off is left out."""
    curve = []
    for line in metrics.read_text(encoding="utf-8").splitlines() if metrics.is_file() else ():
        try:
            row = json.loads(line)
        except ValueError:
            break
        if "eval_bits_per_byte" in row:
            curve.append((row["step"], row["eval_bits_per_byte"]))
    return curve


# -- where the scoring runs ---------------------------------------------------------------------------------


def _score_apart_from_unsloth(base: BaseModel, final_model: Path, method: str, documents: list[Encoded]) -> Scored:
    """Scores here, or in a fresh process where training has imported Unsloth into this one: it rewrites transformers in place."""
    if "unsloth" not in sys.modules:
        return _score_with_bar(base, final_model, method, documents)
    fresh = multiprocessing.get_context("spawn")
    # SIG_DFL: at Ctrl-C the child ends without a traceback of its own, and this process says what is to be said.
    with ProcessPoolExecutor(1, fresh, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_DFL)) as pool:
        return pool.submit(_score_with_bar, base, final_model, method, documents).result()


def _score_with_bar(base: BaseModel, final_model: Path, method: str, documents: list[Encoded]) -> Scored:
    from tqdm import tqdm

    tokens = 2 * sum(len(document.ids) for document in documents)
    with tqdm(total=tokens, desc="evaluate", unit="tok", unit_scale=True, file=sys.stderr, disable=None, leave=False) as bar:
        return score(base, final_model, method, documents, bar.update)

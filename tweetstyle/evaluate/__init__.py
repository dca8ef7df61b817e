"""Measures whether the model writes like the author."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tweetstyle.dataset.held_out import HeldOut, clusters, held_out, nothing_in
from tweetstyle.dataset.threads import read_tweets
from tweetstyle.evaluate.baselines import ModelPair, Specificity, few_examples, other_people
from tweetstyle.evaluate.compare import SCORES, scores_of
from tweetstyle.evaluate.conversation import ConversationReadings, ConversationResult
from tweetstyle.evaluate.samples import Opening, Sample, Writing, side_by_side, write_samples
from tweetstyle.evaluate.scoring import Comparison, SplitResult, score_held_out, warnings
from tweetstyle.evaluate.style import Style, measure
from tweetstyle.evaluate.two_sample import Texts
from tweetstyle.files import complete_file
from tweetstyle.records import SourceTweet, Tweet
from tweetstyle.statistics.metrics import read_metrics
from tweetstyle.wording.words import Note

if TYPE_CHECKING:
    from tweetstyle.recipe import Evaluation, Sampling

Held = Mapping[str, HeldOut]


@dataclass(frozen=True)
class Evaluated:
    """splits: "validation" and "test". The checkpoint was chosen on validation, so test is the one to believe.

    specificity: None where it was not measured; style: None where no tweets were written; samples: some of them, drawn by lot;
    conversation: None for a model that writes tweets and answers no messages.
    """

    splits: dict[str, SplitResult]
    warnings: list[Note]
    specificity: Specificity | None = None
    style: Style | None = None
    samples: list[Sample] = field(default_factory=list)
    conversation: ConversationResult | None = None


def evaluate(
    model: ModelPair,
    splits: Mapping[str, Path],
    evaluation: Evaluation,
    sampling: Sampling,
    directory: Path,
    clean: Callable[[SourceTweet], str] = lambda tweet: tweet.text,
) -> Evaluated:
    """Scores the same held-out tweets with base and tuned model, lets both write, and writes directory/evaluation.json.

    Scored prompts name no topic: a topic is taken from the tweet and would leak it; in a conversation they are the message that the
    tweet answers. The tuned model is compared with the best of several baselines, which know the training tweets too. Then each model
    writes `evaluation.samples` tweets on the test tweets' own topics (directory/written/).

    Args:
        splits: "train", "validation" and "test".
        directory: the run's; the validation curve of its metrics.jsonl is read for signs of overfitting.
        clean: what is learned of a tweet in an archive: other people's tweets are to be cleaned as the author's were.

    Raises:
        TweetstyleError: a split cannot be read or holds no tweet, the adapter does not fit, or the model cannot be loaded in 4-bit.
    """
    limits = model.base.max_positions, evaluation.max_tweets, evaluation.seed
    held = {name: held_out(splits[name], model.template, model.base.tokenizer, *limits) for name in ("validation", "test")}
    known = list(read_tweets(splits["train"], model.template))
    if not known:
        raise nothing_in(splits["train"], model.template, "to learn from", "tweetstyle prepare makes it from the archive")
    compared = _compared(model, held, known, evaluation, clean)
    scored = score_held_out(model, held, known, compared, evaluation)
    writing = Writing.of(model, compared.examples, sampling, evaluation.seed)
    style, shown, openings = _write(writing, held, known, evaluation, directory / "written") if evaluation.samples else (None, [], [])
    noted = warnings(scored.splits, read_metrics(directory / "metrics.jsonl"))
    talk = compared.talk.result(scored.of_test, scored.tuned_test, scored.relevance, openings) if compared.talk else None
    evaluated = Evaluated(scored.splits, noted, scored.specificity, style, shown, talk)
    with complete_file(directory / SCORES) as stream:
        json.dump(scores_of(held, scored.base.tolist(), scored.tuned.tolist()), stream)
    with complete_file(directory / "evaluation.json") as stream:
        json.dump(asdict(evaluated), stream, indent=2, ensure_ascii=False)
    return evaluated


def _compared(
    model: ModelPair, held: Held, known: Sequence[Tweet], evaluation: Evaluation, clean: Callable[[SourceTweet], str]
) -> Comparison:
    if model.template.turns:
        talk = ConversationReadings.prepare(model, known, held, evaluation)
        return Comparison(talk.instruction.examples, talk, None)
    documents = [document for sample in held.values() for document in sample.documents]
    examples = few_examples(model.base, model.template, known, documents, evaluation.examples, evaluation.seed)
    author = [*known, *(tweet for sample in held.values() for tweet in sample.tweets)]
    return Comparison(examples, None, other_people(model, author, clean, evaluation))


def _write(
    writing: Writing, held: Held, known: Sequence[Tweet], evaluation: Evaluation, directory: Path
) -> tuple[Style, list[Sample], list[Opening]]:
    test = held["test"].tweets
    written, openings = write_samples(writing, known, test, evaluation.samples, directory)
    real, floor = (Texts([tweet.text for tweet in held[name].tweets], clusters(held[name].tweets)) for name in ("test", "validation"))
    style = measure([tweet.text for tweet in known], real, floor, written, confidence=evaluation.confidence, seed=evaluation.seed)
    return style, side_by_side(test, written, evaluation.seed), openings

"""Measures whether the model writes like the author."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tweetstyle.dataset.held_out import HeldOut, clusters, held_out, nothing_in
from tweetstyle.dataset.threads import read_tweets
from tweetstyle.evaluate.baselines import PROMPT, Cleaner, ModelPair, Specificity, TweetReadings
from tweetstyle.evaluate.calibration import BY_DEFAULT, Calibration, calibrate, distance_on_test
from tweetstyle.evaluate.compare import SCORES, scores_of
from tweetstyle.evaluate.conversation import ConversationReadings, ConversationResult
from tweetstyle.evaluate.samples import Opening, Sample, Writing, side_by_side, write_samples
from tweetstyle.evaluate.scoring import SplitResult, gain_in_words, score_held_out, terminal_table, warnings
from tweetstyle.evaluate.style import Style, measure
from tweetstyle.evaluate.two_sample import Texts
from tweetstyle.files import complete_file
from tweetstyle.inference.sampling_grid import DEFAULT
from tweetstyle.locale import _, current_language
from tweetstyle.recipe import Sampling
from tweetstyle.records import Tweet
from tweetstyle.wording.words import Note, Say

if TYPE_CHECKING:
    from rich.table import Table

    from tweetstyle.recipe import Evaluation


@dataclass(frozen=True)
class Evaluated:
    """splits: "validation" and "test". The checkpoint was chosen on validation, so test is the one to believe.

    shown: how many tweets, or messages and answers, the base model was shown where it was shown any; specificity: None where it was
    not measured; style: None where no tweets were written; samples: some of them, drawn by lot; conversation: None for a model that
    writes tweets and answers no messages; sampling: how it was chosen, None where the recipe names it or nothing was written.
    """

    splits: dict[str, SplitResult]
    shown: int
    warnings: list[Note]
    specificity: Specificity | None = None
    style: Style | None = None
    samples: list[Sample] = field(default_factory=list)
    conversation: ConversationResult | None = None
    sampling: Calibration | None = None


def evaluate(
    model: ModelPair,
    splits: Mapping[str, Path],
    evaluation: Evaluation,
    sampling: Sampling | None,
    directory: Path,
    clean: Cleaner = lambda tweet: tweet.text,
) -> Evaluated:
    """Scores the same held-out tweets with base and tuned model, lets both write, and writes directory/evaluation.json.

    Scored prompts name no topic: a topic is taken from the tweet and would leak it; in a conversation they are the message that the
    tweet answers. The tuned model is compared with the best of several baselines, which know the training tweets too. Then each model
    writes `evaluation.samples` tweets on the test tweets' own topics (directory/written/).

    Args:
        splits: "train", "validation" and "test".
        sampling: None chooses one by the validation tweets.
        clean: what is learned of a tweet in an archive: other people's tweets are to be cleaned as the author's were.

    Raises TweetstyleError where a split cannot be read or holds no tweet, or the model does not load.
    """
    limits = model.base.max_positions, evaluation.max_tweets, evaluation.seed
    held = {name: held_out(splits[name], model.template, model.base.tokenizer, *limits) for name in ("validation", "test")}
    known = list(read_tweets(splits["train"], model.template))
    if not known:
        raise nothing_in(splits["train"], model.template, _("tweetstyle prepare makes it from the archive"))
    talks = model.template.turns is not None
    prepare = ConversationReadings.prepare if talks else partial(TweetReadings.prepare, clean=clean)
    readings = prepare(model, known, held, evaluation)
    results, base, tuned = score_held_out(model, held, known, readings, evaluation)
    writing = Writing.of(model, readings.examples, sampling or DEFAULT, evaluation.seed)
    style, shown, openings, chosen = _write(writing, sampling is None, held, known, evaluation, directory / "written")
    talk = readings.result(base, tuned, openings, evaluation) if talks else None
    specific = None if talks else readings.specificity(held["test"], base, tuned, evaluation)
    evaluated = Evaluated(results, readings.examples.count, warnings(results), specific, style, shown, talk, chosen)
    written = {SCORES: scores_of(held, base[PROMPT].tolist(), tuned[PROMPT].tolist()), "evaluation.json": asdict(evaluated)}
    for name, found in written.items():
        with complete_file(directory / name) as stream:
            json.dump(found, stream, indent=2, ensure_ascii=False)
    return evaluated


def _write(
    writing: Writing, search: bool, held: Mapping[str, HeldOut], known: Sequence[Tweet], evaluation: Evaluation, directory: Path
) -> tuple[Style | None, list[Sample], list[Opening], Calibration | None]:
    """search: whether the sampling is yet to be chosen. Nothing where no samples are wanted."""
    if not evaluation.samples:
        return None, [], [], None
    test, validation = (held[name].tweets for name in ("test", "validation"))
    texts, amounts, chosen = [tweet.text for tweet in known], (evaluation.samples, evaluation.confidence), None
    if search and (chosen := calibrate(writing, texts, validation, *amounts, directory / "sampling")) and chosen.chosen:
        sampling = Sampling(**chosen.candidates[chosen.chosen].sampling)
        writing = replace(writing, sampling=sampling, others={BY_DEFAULT: DEFAULT})
    written, openings = write_samples(writing, known, test, evaluation.samples, directory)
    if writing.others:
        chosen = replace(chosen, on_test=distance_on_test(texts, test, written, evaluation.confidence))
    real, floor = (Texts([tweet.text for tweet in of], clusters(of)) for of in (test, validation))
    style = measure(texts, real, floor, written, confidence=evaluation.confidence, seed=evaluation.seed)
    return style, side_by_side(test, written, evaluation.seed), openings, chosen


# -- the table for the terminal -------------------------------------------------------------------------------


def evaluation_table(evaluated: Evaluated, begins: bool = False) -> Table:
    """Base against tuned for each split, the gain with its interval, also over the best baseline; the warnings beneath.

    Args:
        begins: whether prompts hold a tweet's first words in the place of its topic.
    """
    level = next(iter(evaluated.splits.values())).gain.confidence
    say = Say(current_language(), talks=evaluated.conversation is not None, begins=begins, shown=evaluated.shown)
    drawn = terminal_table(say("e_title"), "", say("e_base"), say("e_tuned"), _("gain ({level:.0%} interval)", level=level))
    for name, split in evaluated.splits.items():
        _add_split(drawn, name, split, say)
    if evaluated.specificity:
        drawn.add_row(_("other people's tweets: {count:,}", count=evaluated.specificity.tweets), style="bold")
        drawn.add_row("  " + _("gain on them"), "", "", gain_in_words(evaluated.specificity.others))
    drawn.caption, drawn.caption_style = "\n".join(map(str, evaluated.warnings)) or None, "yellow"
    return drawn


def _add_split(drawn: Table, name: str, split: SplitResult, say: Say) -> None:
    heading = {"split": say(name), "tweets": say.number(split.tweets), "clusters": say.number(split.gain.clusters)}
    drawn.add_row(say("e_split", **heading), style="bold")
    both = split.base, split.tuned
    drawn.add_row("  " + say("l_bits"), *(say.number(found.bits_per_byte, 3) for found in both), gain_in_words(split.gain))
    drawn.add_row("  " + say("e_perplexity"), *(say.number(found.perplexity, 1) for found in both), "")
    for baseline, found in split.baselines.items():
        gain = gain_in_words(split.over_best) if baseline == split.best else ""
        drawn.add_row("  " + say.baseline(baseline, short=True), say.number(found.bits_per_byte, 3), "", gain)
    if split.with_topic:
        drawn.add_row("  " + say("e_topic"), *(say.number(found.bits_per_byte, 3) for found in split.with_topic.values()), "")

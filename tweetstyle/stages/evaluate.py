"""The stage evaluate: held-out tweets, generated tweets, the blind test."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tweetstyle.console import say_of_stage
from tweetstyle.files import fingerprints
from tweetstyle.inference.sampling_grid import GRID, in_words, tweets_written
from tweetstyle.locale import _
from tweetstyle.recipe import Sampling
from tweetstyle.records import read_split
from tweetstyle.sources.recognise import files_of
from tweetstyle.stages.stage import Done, Stage, exported_gguf, plain, show, trained_inputs, trained_scores, tweets_of

if TYPE_CHECKING:
    from tweetstyle.evaluate.samples import Sample
    from tweetstyle.run import Run


def evaluate_stage(run: Run) -> Stage:
    manifest = run.recipe.run_directory / "evaluate.json"
    settings = run.settings("prompt", "evaluation", "sampling") | {"export": {"adapter_scale": run.recipe.export.adapter_scale}}
    return Stage("evaluate", manifest, settings, partial(_inputs, run), partial(_evaluate, run))


def _inputs(run: Run) -> dict[str, str]:
    others = run.recipe.evaluation.others
    tweets = tweets_of(run, run.recipe.training.split, "validation", "test")
    return trained_inputs(run) | tweets | fingerprints(list(files_of(others)) if others else [])


def _evaluate(run: Run) -> Done:
    from tweetstyle.cleaning.clean import clean
    from tweetstyle.evaluate import ModelPair, evaluate, evaluation_table

    recipe, directory = run.recipe, run.recipe.run_directory
    writer = exported_gguf(run.recipe, run.path) if run.writes_by_gguf else None
    splits = {"train": run.split(recipe.training.split)} | {name: run.split(name) for name in ("validation", "test")}
    trained = trained_scores(run)
    as_trained = {id: nats for of in trained.splits.values() for id, nats in zip(of.ids, of.nats, strict=True)}
    scale = trained.adapter_scale.chosen
    model = ModelPair(run.base, run.final_model, recipe.model.method, run.template, writer, as_trained, adapter_scale=scale)
    if recipe.sampling is None and (count := tweets_written(recipe.evaluation.samples)):
        say_of_stage(_("sampling: auto: {candidates} candidates write {count:,} tweets", candidates=len(GRID), count=count))
    evaluated = evaluate(model, splits, recipe.evaluation, recipe.sampling, directory, lambda tweet: clean(tweet, recipe.data).text)
    if evaluated.sampling:
        chosen = in_words(Sampling(**evaluated.sampling.candidates[evaluated.sampling.chosen].sampling))
        text = _("sampling: {chosen}", chosen=chosen) if evaluated.sampling.chosen else _("sampling: the default ({chosen})", chosen=chosen)
        say_of_stage(text)
    show(evaluation_table(evaluated, begins=recipe.prompt.message == "first-words"))
    _blind_test(run, evaluated.samples)
    return [directory / "evaluation.json", directory / "scores.json"], plain(evaluated)


def _blind_test(run: Run, samples: list[Sample]) -> None:
    """model/NAME/blind.html, of what was written for the evaluation; of too little it is not there."""
    from tweetstyle.evaluate.samples import BASE, EXAMPLES, TUNED
    from tweetstyle.report.blind import Text, write_blind

    recipe = run.recipe
    sides = {
        who: [Text(text, sample.topic) for sample in samples if (text := getattr(sample, who)) is not None]
        for who in ("real", BASE, EXAMPLES, TUNED)
    }
    learned = (tweet.text for tweet in read_split(run.split(recipe.training.split)))
    path = recipe.run_directory / "blind.html"
    message = recipe.prompt.message
    if write_blind(path, sides, run.language, recipe.evaluation.seed, learned, message):
        say_of_stage(_("which tweets are yours? {path}", path=path))

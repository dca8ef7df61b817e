"""The stage evaluate: base and tuned model on held-out tweets, what both write, and the blind test made of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tweetstyle.console import say
from tweetstyle.files import fingerprints
from tweetstyle.records import read_split
from tweetstyle.sources.recognise import files_of
from tweetstyle.stages.inputs import trained_inputs, tweets_of
from tweetstyle.stages.stage import Done, Stage, plain, show

if TYPE_CHECKING:
    from tweetstyle.evaluate.result import Sample
    from tweetstyle.run import Road


def evaluate_stage(road: Road) -> Stage:
    manifest = road.recipe.run_directory / "evaluate.json"
    settings = road.settings("prompt", "evaluation", "sampling")
    return Stage("evaluate", manifest, settings, partial(_inputs, road), partial(_evaluate, road))


def _inputs(road: Road) -> dict[str, str]:
    others = road.recipe.evaluation.others
    tweets = tweets_of(road, road.recipe.training.split, "validation", "test")
    return trained_inputs(road) | tweets | fingerprints(list(files_of(others)) if others else [])


def _evaluate(road: Road) -> Done:
    from tweetstyle.cleaning.clean import clean
    from tweetstyle.evaluate import evaluate, style_table, table

    recipe, run = road.recipe, road.recipe.run_directory
    splits = [road.split(name) for name in (recipe.training.split, "validation", "test")]
    settings = recipe.evaluation, recipe.sampling
    model = road.base, road.final_model, recipe.model.method
    evaluated = evaluate(*model, road.template, *settings, *splits, run, road.writer, clean=lambda tweet: clean(tweet, recipe.data).text)
    show(table(evaluated, begins=recipe.prompt.message == "first-words"))
    if evaluated.style:
        show(style_table(evaluated.style, answers=bool(evaluated.conversation)))
    _blind_test(road, evaluated.samples)
    return [run / "evaluation.json", run / "scores.json"], plain(evaluated)


def _blind_test(road: Road, samples: list[Sample]) -> None:
    """model/NAME/blind.html, of what was written for the evaluation; of too little it is not there."""
    from tweetstyle.evaluate.written import BASE, EXAMPLES, TUNED
    from tweetstyle.report.blind import Text, write_blind

    recipe = road.recipe
    real = [Text(sample.real, sample.topic) for sample in samples]
    others = {
        who: [Text(text, sample.topic) for sample in samples if (text := getattr(sample, who)) is not None]
        for who in (BASE, EXAMPLES, TUNED)
    }
    learned = (tweet.text for tweet in read_split(road.split(recipe.training.split)))
    path = recipe.run_directory / "blind.html"
    message = recipe.prompt.message
    if write_blind(path, real, others, recipe.language, recipe.evaluation.seed, learned=learned, message=message):
        say(f"          which tweets are yours? {path}")

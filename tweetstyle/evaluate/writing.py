"""Base and tuned model write on held-out topics; the results are measured."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tweetstyle.console import say
from tweetstyle.dataset.held_out import HeldOut, clusters
from tweetstyle.evaluate.adherence import QUESTIONS
from tweetstyle.evaluate.baselines import Examples
from tweetstyle.evaluate.conversation import Opening
from tweetstyle.evaluate.result import Sample
from tweetstyle.evaluate.samples import BASE, EXAMPLES, TUNED, WritingPrompt, Written, prompts_of, question_prompts, write, write_from_gguf
from tweetstyle.evaluate.scripted_chats import as_openings, first_prompts, second_prompts
from tweetstyle.evaluate.style import Real, Style, measure
from tweetstyle.files import fingerprints
from tweetstyle.model.base import BaseModel
from tweetstyle.prompt.template import Template
from tweetstyle.records import Tweet

if TYPE_CHECKING:
    from tweetstyle.recipe import Evaluation, Sampling

SHOWN = 60
"""Prompts kept with all answers: what the report shows and the blind test use."""


def write_samples(
    base: BaseModel,
    final_model: Path,
    method: str,
    template: Template,
    evaluation: Evaluation,
    sampling: Sampling,
    train: Sequence[Tweet],
    held_out: Mapping[str, HeldOut],
    examples: Examples,
    directory: Path,
    gguf: Path | None,
) -> tuple[Style, list[Sample], list[Opening]]:
    """Written tweets are kept in `directory`, and writing resumes there after a kill. gguf: writes in the tuned model's place.

    The base model shown tweets writes too where any fit its context. Questions are used where prompts have a topic, openings where a
    message is answered with what was said before in mind.
    """
    test = held_out["test"].tweets
    prompts = prompts_of(test, clusters(test), evaluation.samples, evaluation.seed)
    spoken = sorted({tweet.language for tweet in train} & QUESTIONS.keys()) or ["en"]
    questions = question_prompts([q for language in spoken for q in QUESTIONS[language]] if template.has_topic else [], len(prompts))
    say(f"          {_precision(len(prompts), len(test))}")
    starts = first_prompts(len(prompts)) if template.turns else []
    wanted = {BASE: [*prompts, *questions, *starts], TUNED: [*prompts, *questions, *starts]}
    if examples.count:
        wanted[EXAMPLES] = prompts
    weights = fingerprints(sorted(path for path in final_model.rglob("*") if path.is_file())) | base.fingerprints

    def answered(wanted: Mapping[str, Sequence[WritingPrompt]], directory: Path) -> dict[str, list[Written]]:
        by_hf = {who: of for who, of in wanted.items() if not (gguf and who == TUNED)}
        answers = write(base, final_model, method, template, by_hf, examples, sampling, evaluation.seed, weights, directory)
        if gguf:
            answers[TUNED] = write_from_gguf(gguf, fingerprints([gguf]), template, wanted[TUNED], sampling, evaluation.seed, directory)
        return answers

    answers = answered(wanted, directory)
    written = {who: answers[who][: len(prompts)] for who in (BASE, EXAMPLES, TUNED) if who in answers}
    replies = {who: answers[who][len(prompts) : len(prompts) + len(questions)] for who in (BASE, TUNED)}
    opened = {who: answers[who][len(prompts) + len(questions) :] for who in (BASE, TUNED)}
    then = answered({who: second_prompts(of) for who, of in opened.items()}, directory / "second-turns") if starts else {}
    validation = held_out["validation"].tweets
    style = measure(
        [tweet.text for tweet in train],
        Real([tweet.text for tweet in test], clusters(test)),
        Real([tweet.text for tweet in validation], clusters(validation)),
        prompts,
        written,
        (questions, replies),
        "gguf" if gguf else "hf",
        confidence=evaluation.confidence,
        seed=evaluation.seed,
    )
    return style, _samples(test, prompts, written, evaluation.seed), as_openings(opened, then) if starts else []


def _precision(written: int, real: int) -> str:
    """Printed before the time is spent: half the interval's width of a 50% share, and of a distance to as many real tweets."""
    points = precision_points(written)
    area = 1.5 * 1.96 * math.sqrt(1 / (6 * min(written, real)))
    return f"each model writes {written} tweets (percentages accurate to about ±{points:.0f} points, the style distance to ±{area:.2f})"


def precision_points(samples: int) -> float:
    """Half the width of a share's 95% interval where it is 50%, in points of a hundred."""
    return 100 * 1.96 * math.sqrt(0.25 / samples)


def _samples(test: Sequence[Tweet], prompts: Sequence[WritingPrompt], written: Mapping[str, Sequence[Written]], seed: int) -> list[Sample]:
    """At most SHOWN prompts, drawn by lot, each test tweet once, so that nobody chose the prettiest."""
    order = random.Random(seed).sample(range(len(test)), len(test))
    found = []
    for place in range(min(SHOWN, len(prompts), len(order))):
        tweet = test[order[place % len(order)]]
        examples = written[EXAMPLES][place].text if EXAMPLES in written else None
        found.append(Sample(tweet.topic, tweet.type, tweet.text, written[BASE][place].text, examples, written[TUNED][place].text))
    return found

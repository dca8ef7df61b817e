"""The prompts that the models write for: topics, whole questions, openings."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tweetstyle.evaluate.baselines import LINE_LANGUAGES, own_lines
from tweetstyle.model.base import BaseModel
from tweetstyle.prompt.chat_template import Turn
from tweetstyle.prompt.template import NO_TOPIC, Template
from tweetstyle.records import TWEET, Tweet


@dataclass(frozen=True)
class WritingPrompt:
    """One prompt. topic: a subject or message, None prompts for anything; cluster: its group, for intervals; number: its
    place, and its seed; history: what was said before, in a conversation."""

    number: int
    topic: str | None
    type: str
    cluster: str
    history: tuple[Turn, ...] = ()


def prompts_of(tweets: Sequence[Tweet], clusters: Sequence[str], count: int, seed: int) -> list[WritingPrompt]:
    """`count` prompts with the tweets' own topics, in a seeded order; where there are fewer tweets, each comes again."""
    order = random.Random(seed).sample(range(len(tweets)), len(tweets))
    places = [order[number % len(order)] for number in range(count)] if tweets else []
    return [WritingPrompt(number, tweets[i].topic, tweets[i].type, clusters[i]) for number, i in enumerate(places)]


def question_prompts(train: Sequence[Tweet], start: int) -> list[WritingPrompt]:
    """Whole questions, as a person may type them, in the author's languages; numbered from `start`.

    The prompts of training name key words, so these are harder.
    """
    spoken = sorted({tweet.language for tweet in train} & set(LINE_LANGUAGES)) or ["en"]
    questions = [question for language in spoken for question in own_lines(f"questions_{language}.txt")]
    return [WritingPrompt(start + n, question, TWEET, f"question {n}") for n, question in enumerate(questions)]


def opening_scripts() -> list[tuple[str, str, str]]:
    """The openings that come with the program: language, first message, and the second one, which depends on no answer."""
    lines = [(language, line) for language in LINE_LANGUAGES for line in own_lines(f"openings_{language}.txt")]
    return [(language, *(part.strip() for part in line.split("|"))) for language, line in lines]


def first_prompts(start: int) -> list[WritingPrompt]:
    """The first messages, numbered from `start`."""
    return [WritingPrompt(start + n, first, TWEET, f"opening {n}") for n, (_, first, _) in enumerate(opening_scripts())]


def second_prompts(start: int, answers: Sequence[str]) -> list[WritingPrompt]:
    """The second messages, each after the first and its answer."""
    pairs = enumerate(zip(opening_scripts(), answers, strict=True))
    return [WritingPrompt(start + n, then, TWEET, f"opening {n}", ((first, text),)) for n, ((_, first, then), text) in pairs]


def prompt_ids(base: BaseModel, template: Template, prompts: Sequence[WritingPrompt], prefix: Sequence[int] = ()) -> list[list[int]]:
    """Ids of each prompt; a prefix has its BOS already."""
    encoded = [base.tokenizer.prompt_ids(_prompt(template, prompt), add_bos=template.add_bos and not prefix) for prompt in prompts]
    # Raw text of a model without a BOS: an answer begins after an end, as its training documents did in their packs.
    return [[*prefix, *ids] or [base.tokenizer.end_id(template)] for ids in encoded]


def _prompt(template: Template, prompt: WritingPrompt) -> str:
    """As trained and, where something was said before, with that in it."""
    if prompt.history:
        return template.prompt(prompt.topic or NO_TOPIC, type=prompt.type, history=prompt.history)
    return template.training_prompt(prompt.topic, prompt.type)

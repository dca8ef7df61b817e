"""A few tweets at each validation, and how much of them is copied."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tweetstyle.dataset.threads import read_tweets
from tweetstyle.inference.generate import as_read, generate_while_training
from tweetstyle.model.base import BaseModel
from tweetstyle.prompt.template import Template
from tweetstyle.recipe import Sampling, Training
from tweetstyle.records import read_split
from tweetstyle.text.copying import find_copies

SAMPLING = Sampling(num_predict=80)
"""The defaults, and shorter: they are read every few minutes to see where the training is heading."""


def sample_writer(
    base: BaseModel, template: Template, training: Training, train: Path, validation: Path
) -> Callable[[Any, int], dict[str, Any]]:
    """(model, step) → a metrics line's `samples` and `copied_share`. The prompts are the first of none and the validation tweets'
    topics; in a conversation the messages that those answer.

    The seed is of training.seed and the step, so that a resumed run writes the same.
    """
    learned = [tweet.text for tweet in read_split(train)]
    topics: list[str | None] = [None]
    if template.takes_message:
        topics += dict.fromkeys(tweet.topic for tweet in read_tweets(validation, template) if tweet.topic)
    if template.turns:
        topics = topics[1:] or topics
    topics = [topics[place % len(topics)] for place in range(training.samples)]
    tokenizer, end = base.tokenizer, base.tokenizer.end_id(template)
    prompts = [tokenizer.prompt_ids(template.training_prompt(topic), add_bos=template.add_bos) or [end] for topic in topics]

    def write(model: Any, step: int) -> dict[str, Any]:
        answers = generate_while_training(model, prompts, SAMPLING, [end], training.seed + step)
        texts = [as_read(base, template, answer) for answer in answers]
        copied = sum(map(bool, find_copies(texts, learned)))
        samples = [{"prompt": topic or "", "text": text} for topic, text in zip(topics, texts, strict=True)]
        return {"samples": samples, "copied_share": copied / len(texts)}

    return write

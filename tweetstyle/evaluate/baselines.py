"""What the tuned model has to beat: the base model asked in several ways, and a model that only counts letters."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tweetstyle.dataset.threads import before_held_out
from tweetstyle.evaluate.ngram import ngram_bits, train_ngrams
from tweetstyle.inference.likelihood import Reading
from tweetstyle.inference.prefixes import first_scored
from tweetstyle.model.base import BaseModel
from tweetstyle.model.tokenizer import Encoded
from tweetstyle.prompt.template import Template, build_template
from tweetstyle.records import Tweet

PROMPT, RAW, EXAMPLES, NGRAM = "prompt", "raw text", "examples", "n-grams"
TOLD, TOLD_EXAMPLES = "told", "told and shown"
"""Of an instruct model in a conversation."""
WITH_TOPIC = "with topic"
OTHERS = "other people"
"""Not a baseline: other people's tweets, for specificity."""
IN_WORDS = {
    PROMPT: "base, same prompt",
    RAW: "base, raw text",
    EXAMPLES: "base, shown {count} of your tweets",
    TOLD: "base, told to write like you",
    TOLD_EXAMPLES: "base, told and shown {count} of your answers",
    NGRAM: "letter n-grams of your tweets",
}


@dataclass(frozen=True)
class Examples:
    """The beginning that holds `count` of the author's tweets, each as the template writes it.

    after: the template that goes on behind them, in a conversation; None: the run's own, without its BOS.
    """

    count: int
    ids: list[int]
    after: Template | None = None


def base_readings(
    base: BaseModel, template: Template, tweets: Sequence[Tweet], documents: Sequence[Encoded], examples: Examples
) -> dict[str, Reading]:
    """How the base model is asked for each held-out tweet. documents: the tweets with the prompt, without a topic."""
    readings = {PROMPT: Reading(documents)}
    if template.format != "text":
        raw = build_template("text", template.style, base.tokens)
        readings[RAW] = Reading([_from_a_boundary(base, raw, tweet.text) for tweet in tweets])
    if examples.count and not examples.after:
        readings[EXAMPLES] = Reading([_after_others(document, template) for document in documents], examples.ids)
    if template.has_topic:
        readings[WITH_TOPIC] = with_topics(base, template, tweets)
    return readings


def tuned_readings(base: BaseModel, template: Template, tweets: Sequence[Tweet], documents: Sequence[Encoded]) -> dict[str, Reading]:
    """How the tuned model is asked: as it was trained, without a topic and with the tweet's own."""
    readings = {PROMPT: Reading(documents)}
    if template.has_topic:
        readings[WITH_TOPIC] = with_topics(base, template, tweets)
    return readings


def with_topics(base: BaseModel, template: Template, tweets: Sequence[Tweet]) -> Reading:
    """Prompts that name each tweet's topic, where it has one: the topic was taken from the tweet, and gives a part of it away."""
    return Reading([base.tokenizer.encode(template, tweet.text, tweet.topic, tweet.type) for tweet in tweets])


def few_examples(
    base: BaseModel, template: Template, train: Sequence[Tweet], documents: Sequence[Encoded], count: int, seed: int
) -> Examples:
    """A seeded choice of `count` training tweets, in order of time; fewer where they would leave a held-out tweet no room."""
    longest = max(len(document.ids) for document in documents)
    order = random.Random(seed).sample(range(len(train)), min(count, len(train)))
    asked = {place: before_held_out(template, train[place]) for place in order}
    encoded = {place: base.tokenizer.encode(template, train[place].text, asked[place], train[place].type).ids for place in order}
    while order and 1 + sum(len(encoded[place]) for place in order) + longest > base.max_positions:
        order.pop()
    bos = [base.tokenizer.bos_id] if template.add_bos and order else []
    return Examples(len(order), bos + [id for place in sorted(order) for id in encoded[place][len(bos) :]])


def ngram_nats(train: Sequence[Tweet], tweets: Sequence[Tweet]) -> np.ndarray:
    """Nats, float64 [n], of each held-out tweet and its end, by n-grams counted on the training tweets."""
    return ngram_bits(train_ngrams([tweet.text for tweet in train]), [tweet.text for tweet in tweets]) * math.log(2)


def _after_others(document: Encoded, template: Template) -> Encoded:
    """Without its BOS, which stands once, at the very beginning; the scored tokens stay the same."""
    dropped = int(template.add_bos)
    return Encoded(document.ids[dropped:], first_scored(document) - dropped)


def _from_a_boundary(base: BaseModel, raw: Template, text: str) -> Encoded:
    """The tweet alone after BOS or, where the model has none, after an end: its first token too has something to be predicted from."""
    document = base.tokenizer.encode(raw, text, None, "")
    if document.prompt_length:
        return document
    return Encoded([base.tokenizer.end_id(raw), *document.ids], 1)

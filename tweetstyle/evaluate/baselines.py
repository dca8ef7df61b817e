"""What the tuned model is compared with: baselines, and other people's tweets."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import numpy as np

from tweetstyle.dataset.held_out import HeldOut, clusters, scored_bytes
from tweetstyle.dataset.threads import before_held_out
from tweetstyle.errors import TweetstyleError
from tweetstyle.inference.likelihood import Reading, TunedModel, first_scored
from tweetstyle.locale import _
from tweetstyle.model.base import BaseModel
from tweetstyle.model.tokenizer import Encoded
from tweetstyle.prompt.template import Template, build_template
from tweetstyle.recipe import Evaluation
from tweetstyle.records import TWEET, SourceTweet, Tweet
from tweetstyle.sources import open_archive
from tweetstyle.statistics.intervals import Interval, bootstrap_t, difference_of_ratios
from tweetstyle.wording.words import Note

PROMPT, RAW, EXAMPLES, NGRAMS = "prompt", "raw", "examples", "ngrams"
INSTRUCTED, INSTRUCTED_EXAMPLES = "instructed", "instructed_examples"
"""Of an instruct model in a conversation."""
BASELINES = (PROMPT, RAW, EXAMPLES, INSTRUCTED, INSTRUCTED_EXAMPLES, NGRAMS)
"""In the order of the tables; evaluation.json has these names, Say.baseline their words."""
WITH_TOPIC, OTHERS = "with_topic", "other_people"
"""No baselines: with the tweet's topic in the prompt; other people's tweets, for specificity."""
LINE_LANGUAGES = ("fr", "en")
"""Of the neutral lines, questions and openings that come with the program."""
FEWEST_OTHERS = 20

Nats = dict[str, np.ndarray]
"""Name of a reading → summed losses of each tweet, in nats."""
Cleaner = Callable[[SourceTweet], str]
"""What is learned of a tweet, or nothing where it is dropped."""


@dataclass(frozen=True)
class ModelPair(TunedModel):
    """The base model and its tuned version, and how they are prompted.

    gguf: the exported file that writes in the tuned model's place. as_trained: id → nats of held-out tweets that the tuned model has
    scored already, under the prompt of PROMPT.
    """

    template: Template
    gguf: Path | None = None
    as_trained: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Examples:
    """The beginning that holds `count` of the author's tweets, each as the template writes it.

    after: the template for the turns after them, in a conversation; None: the run's own, without its BOS.
    """

    count: int
    ids: list[int]
    after: Template | None = None


def gain_interval(nats: np.ndarray, sample: HeldOut, evaluation: Evaluation) -> Interval:
    """Interval of the bits per byte that a model saves on the tweets. nats: saved on each, float [n]."""
    return bootstrap_t(nats / np.log(2), sample.bytes, clusters(sample.tweets), **evaluation.bootstrap)


# -- prompts of the base model ------------------------------------------------------------------------------


def base_readings(
    base: BaseModel, template: Template, tweets: Sequence[Tweet], documents: Sequence[Encoded], examples: Examples
) -> dict[str, Reading]:
    """How the base model is prompted for each held-out tweet. documents: the tweets with the prompt, without a topic."""
    readings = {PROMPT: Reading(documents)}
    if template.format != "text":
        raw = build_template("text", template.style, base.tokens)
        readings[RAW] = Reading([_from_a_boundary(base, raw, tweet.text) for tweet in tweets])
    if examples.count and not examples.after:
        # BOS occurs once, at the very beginning; the scored tokens stay the same.
        bos = int(template.add_bos)
        readings[EXAMPLES] = Reading([Encoded(of.ids[bos:], first_scored(of) - bos) for of in documents], examples.ids)
    return readings | tuned_readings(base, template, tweets, documents)


def tuned_readings(base: BaseModel, template: Template, tweets: Sequence[Tweet], documents: Sequence[Encoded]) -> dict[str, Reading]:
    """How the tuned model is prompted: as it was trained, without a topic and with the tweet's own.

    The topic was taken from the tweet, and gives a part of it away.
    """
    readings = {PROMPT: Reading(documents)}
    if template.has_topic:
        readings[WITH_TOPIC] = Reading([base.tokenizer.encode(template, tweet.text, tweet.topic, tweet.type) for tweet in tweets])
    return readings


def few_examples(
    base: BaseModel, template: Template, train: Sequence[Tweet], documents: Sequence[Encoded], count: int, seed: int
) -> Examples:
    """A seeded choice of `count` training tweets, in order of time; fewer where they would leave a held-out tweet no room."""

    def ids(tweets: Sequence[Tweet]) -> list[int]:
        each = (base.tokenizer.encode(template, of.text, before_held_out(template, of), of.type).ids for of in tweets)
        bos = [base.tokenizer.bos_id] if template.add_bos and tweets else []
        return bos + [id for row in each for id in row[len(bos) :]]

    return Examples(*chosen_examples(train, count, seed, ids, base.max_positions - max(len(document.ids) for document in documents)))


def chosen_examples(
    train: Sequence[Tweet], count: int, seed: int, ids: Callable[[Sequence[Tweet]], list[int]], room: int
) -> tuple[int, list[int]]:
    """A seeded choice of at most `count` training tweets, in order of time, of which there is room for the ids: how many, and the ids."""
    order = random.Random(seed).sample(range(len(train)), min(count, len(train)))
    while order and len(ids([train[place] for place in sorted(order)])) > room:
        order.pop()
    return len(order), ids([train[place] for place in sorted(order)]) if order else []


def _from_a_boundary(base: BaseModel, raw: Template, text: str) -> Encoded:
    """The tweet alone after BOS or, where the model has none, after an end: its first token too has something to be predicted from."""
    document = base.tokenizer.encode(raw, text, None, "")
    return document if document.prompt_length else Encoded([base.tokenizer.end_id(raw), *document.ids], 1)


# -- other people's tweets ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Specificity:
    """Gains in bits per byte, base minus tuned: on the author's held-out tweets, on other people's, and the one minus the other."""

    author: Interval
    others: Interval
    difference: Interval
    tweets: int
    source: Note


@dataclass(frozen=True)
class TweetReadings:
    """What is scored besides for a model that writes tweets: other people's tweets under the author's prompt, without a topic.

    examples: training tweets shown to the base model; source: where the others' tweets come from.
    """

    examples: Examples
    others: HeldOut
    source: Note
    of_base: dict[str, Reading] = field(default_factory=dict)

    @classmethod
    def prepare(
        cls, model: ModelPair, known: Sequence[Tweet], held: Mapping[str, HeldOut], evaluation: Evaluation, clean: Cleaner
    ) -> TweetReadings:
        """known: the training tweets. At most `evaluation.max_tweets` of the others' tweets that fit the model, a seeded choice."""
        base, template, seed = model.base, model.template, evaluation.seed
        documents = [document for sample in held.values() for document in sample.documents]
        examples = few_examples(base, template, known, documents, evaluation.examples, seed)
        author = [*known, *(tweet for sample in held.values() for tweet in sample.tweets)]
        texts, source = other_texts(evaluation.others, author, clean, evaluation.max_tweets, seed)
        pairs = [(text, base.tokenizer.encode(template, text, None, TWEET)) for text in texts]
        fitting = [(text, document) for text, document in pairs if len(document.ids) <= base.max_positions]
        sizes = np.array([scored_bytes(text, document, template, base.tokenizer) for text, document in fitting], float)
        return cls(examples, HeldOut([], [document for _, document in fitting], sizes, len(pairs) - len(fitting)), source)

    @property
    def of_both(self) -> dict[str, Reading]:
        return {OTHERS: Reading(self.others.documents)}

    def specificity(self, test: HeldOut, by_base: Nats, by_tuned: Nats, evaluation: Evaluation) -> Specificity | None:
        """A model that only learned what a tweet looks like gains on both. None where no other tweet fits the model.

        by_base, by_tuned: nats by the names of the readings; of held-out tweets those of the test are the last.
        """
        gains, gained = ((by_base[name] - by_tuned[name]) / np.log(2) for name in (PROMPT, OTHERS))
        if not (count := len(gained)):
            return None
        author = gains[-len(test.tweets) :], test.bytes, clusters(test.tweets)
        others = gained, self.others.bytes, list(range(count))
        settings = evaluation.bootstrap
        both = [bootstrap_t(*side, **settings) for side in (author, others)]
        return Specificity(*both, difference_of_ratios(author, others, **settings), count, self.source)


def other_texts(path: Path | None, author: Sequence[Tweet], clean: Cleaner, most: int, seed: int) -> tuple[list[str], Note]:
    """At most `most` different texts of other people, a seeded choice, and where they come from.

    Args:
        path: a file in any form that `data.source` may have, or None for the neutral set in the language of most of the author's
            tweets. Of a file with dates, tweets of the author's own time, where these are enough.
        clean: retweets and links would make the others strange in ways that are not the author's style.

    Raises:
        TweetstyleError: for a file with too few tweets.
    """
    if path is None:
        spoken = Counter(tweet.language for tweet in author if tweet.language).most_common(1)
        language = spoken[0][0] if spoken and spoken[0][0] in LINE_LANGUAGES else "en"
        texts, source = own_lines(f"neutral_{language}.txt"), Note("others_neutral")
    else:
        texts, source = _read_others(path, author, clean)
    return [texts[place] for place in sorted(random.Random(seed).sample(range(len(texts)), min(most, len(texts))))], source


def _read_others(path: Path, author: Sequence[Tweet], clean: Cleaner) -> tuple[list[str], Note]:
    read = list(open_archive((path,), None).tweets())
    dated = {text: tweet.created_at for tweet in read if (text := clean(tweet).strip())}
    if len(dated) < FEWEST_OTHERS:
        counts = {"cleaned": len(dated), "read": len(read), "needed": FEWEST_OTHERS}
        what = _("after cleaning there are {cleaned:,} tweets of other people ({read:,} were read), at least {needed} are needed", **counts)
        raise TweetstyleError(what, where=str(path), hint=_("give a longer file, or leave out evaluation.others"))
    days = [tweet.created_at[:10] for tweet in author if tweet.created_at]
    of_its_time = [text for text, when in dated.items() if days and min(days) <= when[:10] <= max(days)]
    if len(of_its_time) >= FEWEST_OTHERS:
        return of_its_time, Note("others_same_time", {"file": path.name})
    return list(dated), Note("others_other_times", {"file": path.name})


def own_lines(name: str) -> list[str]:
    """The lines of a text file of this package."""
    lines = (files("tweetstyle.evaluate") / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip()]

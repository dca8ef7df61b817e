"""Held-out tweets for scoring, without their topics, which come from the tweets."""

import math
import random
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tweetstyle.cleaning.near_duplicates import connected
from tweetstyle.dataset.threads import before_held_out, read_tweets
from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import _
from tweetstyle.model.tokenizer import Encoded, Tokenizer
from tweetstyle.prompt.template import Template
from tweetstyle.records import Tweet

MEASURABLE = 30
"""Held-out tweets wanted of a small archive, even if the fraction gives fewer."""
SMALL_SHARE = 5
"""But at most one tweet in this many is held out for it: the rest is trained on."""


@dataclass(frozen=True)
class HeldOut:
    """The tweets of one split that are scored: a document and a number of UTF-8 bytes (float64 [n]) for each.

    too_long: how many more were chosen, but are longer than the model's context.
    """

    tweets: list[Tweet]
    documents: list[Encoded]
    bytes: np.ndarray
    too_long: int


def held_out(path: Path, template: Template, tokenizer: Tokenizer, max_positions: int, max_tweets: int, seed: int) -> HeldOut:
    """At most `max_tweets` tweets of a split, seeded, in their order. Raises TweetstyleError where there is none to score."""
    tweets = list(read_tweets(path, template))
    if len(tweets) > max_tweets:
        chosen = random.Random(seed).sample(range(len(tweets)), max_tweets)
        tweets = [tweets[index] for index in sorted(chosen)]
    found = _encoded(tweets, template, tokenizer, max_positions)
    if tweets and not found.tweets:
        what = _("all {count:,} tweets are longer than the model's context of {most:,} tokens", count=len(tweets), most=max_positions)
        raise TweetstyleError(what, where=str(path), hint=_("check that the archive's column of texts holds tweets"))
    if not tweets:
        raise nothing_in(path, template, _("raise data.validation_fraction and data.test_fraction"))
    return found


def _encoded(tweets: list[Tweet], template: Template, tokenizer: Tokenizer, max_positions: float = math.inf) -> HeldOut:
    pairs = [(tweet, tokenizer.encode(template, tweet.text, before_held_out(template, tweet), tweet.type)) for tweet in tweets]
    fitting = [(tweet, document) for tweet, document in pairs if len(document.ids) <= max_positions]
    sizes = [scored_bytes(tweet.text, document, template, tokenizer) for tweet, document in fitting]
    return HeldOut([t for t, d in fitting], [d for t, d in fitting], np.array(sizes, dtype=float), len(pairs) - len(fitting))


def nothing_in(path: Path, template: Template, hint: str) -> TweetstyleError:
    """The error for a split without a tweet or, in a conversation, without a tweet that answers a message."""
    what = _("there is no tweet")
    if template.turns:
        what, hint = _("there is no tweet with a message"), _("tweetstyle playback RECIPE --show 20 says why none was found")
    return TweetstyleError(what, where=str(path), hint=hint)


def chosen(files: dict[Path, set[str]], template: Template, tokenizer: Tokenizer, most: int) -> HeldOut:
    """At most `most` of the tweets whose ids are named, of the first file's and, where those are too few, of the next one's.

    files: split → ids. Of more than `most` in a file they are taken evenly over its time.
    """
    tweets: list[Tweet] = []
    for path, ids in files.items():
        of = [tweet for tweet in read_tweets(path, template) if tweet.id in ids]
        wanted = min(most - len(tweets), len(of))
        tweets += [of[index * len(of) // wanted] for index in range(wanted)]
    return _encoded(tweets, template, tokenizer)


def scored_bytes(text: str, document: Encoded, template: Template, tokenizer: Tokenizer) -> int:
    """UTF-8 bytes of the tweet that its scored tokens cover: all, unless the first token has nothing before it."""
    if document.prompt_length:
        return len(text.encode())
    return len(template.answer(text).encode()) - tokenizer.byte_length(document.ids[0])


def clusters(tweets: Iterable[Tweet]) -> list[str]:
    """The cluster of each tweet, for intervals: its thread, else its day; tweets with the same words are in one cluster."""
    tweets = list(tweets)
    names = [tweet.thread or tweet.created_at[:10] or tweet.id for tweet in tweets]
    return [names[first] for first in joined(names, [tweet.text for tweet in tweets])]


def joined(*labellings: Sequence[Hashable]) -> list[int]:
    """The group of each tweet, as the position of its first: tweets with the same label in any of the labellings are together.

    Every labelling has a label for each tweet; a label of one has nothing to do with a label of another.
    """
    links = []
    for labels in labellings:
        firsts: dict[Hashable, int] = {}
        links += [(firsts.setdefault(label, place), place) for place, label in enumerate(labels)]
    return connected(links, len(labellings[0]))


def held_out_count(count: int, fraction: float) -> int:
    """Tweets wanted in a held-out part of `count` kept ones; `fraction` is the recipe's."""
    return max(1, round(count * fraction), min(MEASURABLE, count // SMALL_SHARE))


def training_count(count: int, validation_fraction: float, test_fraction: float) -> int:
    """Tweets that `split` leaves to train on, of `count` kept ones without threads or near-duplicates."""
    return count - sum(min(held_out_count(count, fraction), count // 2) for fraction in (validation_fraction, test_fraction))

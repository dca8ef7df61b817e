"""Are the tweets about their topic, and is the gain for this author alone?"""

from __future__ import annotations

import random
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from tweetstyle.errors import TweetstyleError
from tweetstyle.records import SourceTweet, Tweet
from tweetstyle.sources import open_archive
from tweetstyle.statistics.intervals import Interval, Sample, bootstrap_t, difference_of_ratios
from tweetstyle.statistics.shares import share, share_difference
from tweetstyle.text.words import words_of

REQUEST = re.compile(r"^(?:parle-moi (?:de |d'|du |des )?|tell me about )", re.I)
ENDINGS = re.compile(r"(?:ements?|ment|ations?|euses?|eurs?|ings?|ies|ed|es|er|ées?|ent|s|x|e)$")
SHORTEST_STEM = 4

QUESTIONS = {
    "fr": (
        "Qu'est-ce que tu penses de la pluie ?",
        "Comment s'est passée ta journée au travail ?",
        "Pourquoi les trains sont-ils toujours en retard ?",
        "Quel est ton avis sur le café du bureau ?",
        "Que cuisines-tu quand tu as peu de temps ?",
        "Tu préfères la montagne ou la mer ?",
        "Raconte-moi ton dernier voyage en bus.",
        "Que dirais-tu à un voisin trop bruyant ?",
        "Quelle musique écoutes-tu le matin ?",
        "As-tu un conseil pour mieux dormir ?",
    ),
    "en": (
        "What do you think about the rain?",
        "How was your day at work?",
        "Why are trains always late?",
        "What is your opinion of office coffee?",
        "What do you cook when time is short?",
        "Do you prefer mountains or the beach?",
        "Tell me about your last trip by bus.",
        "What would you say to a noisy neighbour?",
        "Which music do you play in the morning?",
        "Any advice for better sleep?",
    ),
}
"""Whole questions as a person may type them: the prompts of training name key words, so these are harder."""


@dataclass(frozen=True)
class Obedience:
    """Shares, 0 to 1, of answers in which a word of the subject comes back. chance: the same answers under shuffled subjects."""

    base: Interval
    tuned: Interval
    difference: Interval
    chance: float


def obedience(
    subjects: Sequence[str], base: Sequence[str], tuned: Sequence[str], clusters: Sequence[Hashable], *, confidence: float, seed: int
) -> Obedience | None:
    """Tuned against base on the same subjects (paired). Subjects without a content word are left out; None where that leaves none."""
    wanted = [stems(REQUEST.sub("", subject)) for subject in subjects]
    placed = [place for place, words in enumerate(wanted) if words]
    if not placed:
        return None
    said = {"base": [stems(base[i]) for i in placed], "tuned": [stems(tuned[i]) for i in placed]}
    hits = {who: [bool(wanted[i] & of) for i, of in zip(placed, texts, strict=True)] for who, texts in said.items()}
    groups = [clusters[i] for i in placed]
    # Turned round by every distance: what two subjects of one author have in common anyway.
    turns = np.random.default_rng(seed).permutation(np.arange(1, len(placed)))[:20].tolist()
    chance = [bool(wanted[placed[(k + turn) % len(placed)]] & of) for turn in turns for k, of in enumerate(said["tuned"])]
    shares = {who: share(of, groups, confidence=confidence) for who, of in hits.items()}
    difference = share_difference(hits["tuned"], groups, hits["base"], groups, confidence=confidence, paired=True)
    return Obedience(shares["base"], shares["tuned"], difference, float(np.mean(chance)) if chance else 0.0)


def stems(text: str) -> set[str]:
    """Content words without case, accents and the commonest French and English endings: rough, but the same on both sides."""
    return {_stem(word.key) for word in words_of(text)[1]}


def _stem(word: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))
    shorter = ENDINGS.sub("", plain)
    return shorter if len(shorter) >= SHORTEST_STEM else plain


NEUTRAL, OTHER_TIMES = "the neutral set", "of other or unknown times"
FEWEST_OTHERS = 20


@dataclass(frozen=True)
class Specificity:
    """Gains in bits per byte, base minus tuned: on the author's held-out tweets, on other people's, and the one minus the other."""

    author: Interval
    others: Interval
    difference: Interval
    tweets: int
    source: str


def specificity(author: Sample, others: Sample, source: str, *, confidence: float, resamples: int, seed: int) -> Specificity:
    """author, others: (bits gained, bytes, clusters) of each tweet. A model that only learned what a tweet looks like gains on both."""
    settings = {"confidence": confidence, "resamples": resamples, "seed": seed}
    gains = [bootstrap_t(*sample, **settings) for sample in (author, others)]
    return Specificity(*gains, difference_of_ratios(author, others, **settings), len(others[0]), source)


def other_people(
    path: Path | None, author: Sequence[Tweet], clean: Callable[[SourceTweet], str], most: int, seed: int
) -> tuple[list[str], str]:
    """At most `most` different texts of other people, a seeded choice, and what they are.

    path: a file in any form that `data.source` may have, or None for the neutral set in the language of most of the author's tweets.
    clean: what is learned of a tweet, or nothing where it is dropped: retweets and links would make the others strange in ways that
    are not the author's style. Of a file with dates, tweets of the author's own time, where these are enough.
    Raises TweetstyleError for a file with too few tweets.
    """
    if path is None:
        lines = (files("tweetstyle.evaluate") / f"neutral_{_language(author)}.txt").read_text(encoding="utf-8").splitlines()
        return _some([line for line in lines if line], most, seed), NEUTRAL
    read = list(open_archive((path,), None).tweets())
    dated = {text: tweet.created_at for tweet in read if (text := clean(tweet).strip())}
    if len(dated) < FEWEST_OTHERS:
        what = f"there are {len(dated)} tweets of other people once cleaned ({len(read)} were read), at least {FEWEST_OTHERS} are needed"
        raise TweetstyleError(what, where=str(path), hint="give a longer file, or leave evaluation.others out")
    days = [tweet.created_at[:10] for tweet in author if tweet.created_at]
    of_its_time = [text for text, when in dated.items() if days and min(days) <= when[:10] <= max(days)]
    if len(of_its_time) >= FEWEST_OTHERS:
        return _some(of_its_time, most, seed), path.name
    return _some(list(dated), most, seed), f"{path.name}, {OTHER_TIMES}"


def _some(texts: list[str], most: int, seed: int) -> list[str]:
    return [texts[place] for place in sorted(random.Random(seed).sample(range(len(texts)), min(most, len(texts))))]


def _language(author: Sequence[Tweet]) -> str:
    """That of most tweets, as far as there is a neutral set in it."""
    counted = Counter(tweet.language for tweet in author if tweet.language)
    first = counted.most_common(1)[0][0] if counted else "en"
    return first if first in ("fr", "en") else "en"

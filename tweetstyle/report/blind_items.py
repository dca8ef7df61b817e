"""What is shown in the blind test: texts levelled, so that nothing but the writing tells, and pairs of like subject and length."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tweetstyle.prepare.normalise import LINK_PLACEHOLDER, normalise
from tweetstyle.text.visible import visible

LINK_WORD = {"en": "[link]", "fr": "[lien]"}
MENTION_WORD = "@…"
MOST = 400
"""Texts of each side that are looked at for pairs: 160,000 distances take a fraction of a second."""

_LINK = re.compile(rf"(?:https?:\S*|\bwww\.\S+|\b(?:t\.co|pic\.(?:twitter|x)\.com)/\S*|{re.escape(LINK_PLACEHOLDER)})", re.I)
"""Also what a model leaves of a link that it breaks off: `https:` alone would tell who wrote it."""
_MENTION = re.compile(r"(?<![\w@])@(?:\w+|…)")
_HIDDEN = re.compile(r"‹U\+[0-9A-F]{4,6}›")
_WORDS = re.compile(r"\w+")


@dataclass(frozen=True)
class Text:
    """A tweet, real or generated. topic: the subject in its prompt, None where it had none."""

    text: str
    topic: str | None = None


@dataclass(frozen=True)
class Pair:
    """Two texts of different authors. topic: the subject that they share, empty where they share none."""

    first: str
    second: str
    topic: str


def level(text: str, language: str) -> str:
    """The text with one word for every link and one for every mention, and without the characters that cannot be seen."""
    seen = _HIDDEN.sub("", visible(normalise(text)))
    lines = _MENTION.sub(MENTION_WORD, _LINK.sub(LINK_WORD[language], seen)).splitlines()
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in lines)).strip()


def bare(text: str) -> str:
    """What is left of a text where case, spaces and punctuation do not count: equal for a text and its exact copy."""
    return " ".join(_WORDS.findall(text.casefold())) or text


def levelled(texts: Iterable[Text], language: str, without: Iterable[str] = ()) -> list[Text]:
    """Each text once, levelled, in the order given; those that say nothing or are among `without` (bare forms) left out."""
    known, kept = set(without), []
    for item in texts:
        text = level(item.text, language)
        form = bare(text)
        says = bare(text.replace(LINK_WORD[language], "").replace(MENTION_WORD, "")).strip()
        if says and form not in known:
            known.add(form)
            kept.append(Text(text, level(item.topic or "", language) or None))
    return kept


def pairs_of(first: Sequence[Text], second: Sequence[Text], chance: random.Random) -> list[Pair]:
    """Pairs without a text twice, the best first: of one subject before others, then by the ratio of their lengths (characters)."""
    first = chance.sample(first, min(MOST, len(first)))
    second = chance.sample(second, min(MOST, len(second)))
    distances = sorted((_distance(one, other), i, j) for i, one in enumerate(first) for j, other in enumerate(second))
    pairs, taken, used = [], set(), set()
    for _, i, j in distances:
        if i not in taken and j not in used and first[i].text != second[j].text:
            taken.add(i)
            used.add(j)
            topic = first[i].topic if _same_topic(first[i], second[j]) else None
            pairs.append(Pair(first[i].text, second[j].text, topic or ""))
    return pairs


def tossed_sides(count: int, chance: random.Random) -> list[bool]:
    """A toss for each: whoever cannot tell then scores as coins do, whatever they answer. As many of either side would not do: who
    answers "left" half of the time would be outside the range of luck in 7% of the tests of twenty, instead of at most 5%.
    """
    return [chance.random() < 0.5 for _ in range(count)]


def _distance(one: Text, other: Text) -> tuple[bool, float]:
    return not _same_topic(one, other), abs(math.log(len(one.text) / len(other.text)))


def _same_topic(one: Text, other: Text) -> bool:
    return one.topic is not None and other.topic is not None and one.topic.casefold() == other.topic.casefold()

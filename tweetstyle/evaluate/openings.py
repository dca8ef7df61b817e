"""Scripted openings of two messages each, in French and in English: what one may say to it first, and then to any answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from tweetstyle.evaluate.conversation import Opening
from tweetstyle.evaluate.written import BASE, TUNED, Ask, Written
from tweetstyle.records import TWEET

LANGUAGES = ("fr", "en")


@dataclass(frozen=True)
class Script:
    """then: said after the answer to `first`, whatever that was."""

    language: str
    first: str
    then: str


def scripts() -> list[Script]:
    """The openings that come with the program, ten in each language."""
    found = []
    for language in LANGUAGES:
        lines = (files("tweetstyle.evaluate") / f"openings_{language}.txt").read_text(encoding="utf-8").splitlines()
        found += [Script(language, *(part.strip() for part in line.split("|"))) for line in lines if line.strip()]
    return found


def first_asks(start: int) -> list[Ask]:
    """The first messages, numbered from `start`."""
    return [Ask(start + place, script.first, TWEET, f"opening {place}") for place, script in enumerate(scripts())]


def second_asks(answers: Sequence[Written]) -> list[Ask]:
    """The second messages, each after the first and its answer."""
    return [
        Ask(answer.number, script.then, TWEET, f"opening {place}", ((script.first, answer.text),))
        for place, (script, answer) in enumerate(zip(scripts(), answers, strict=True))
    ]


def as_openings(first: Mapping[str, Sequence[Written]], second: Mapping[str, Sequence[Written]]) -> list[Opening]:
    """Side by side. first, second: who → answers to the first and to the second messages, in the scripts' order."""
    return [
        Opening(
            script.language,
            (script.first, script.then),
            (first[BASE][place].text, second[BASE][place].text),
            (first[TUNED][place].text, second[TUNED][place].text),
        )
        for place, script in enumerate(scripts())
    ]

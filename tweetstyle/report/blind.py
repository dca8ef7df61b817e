"""blind.html: the author's tweets beside generated ones; click which is yours."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tweetstyle.cleaning.normalise import LINK_PLACEHOLDER, normalise
from tweetstyle.files import complete_file
from tweetstyle.pages.render import asset, render, style_sheet
from tweetstyle.text.visible import visible
from tweetstyle.wording.words import texts

QUESTIONS, FEWEST = 20, 5
"""Questions of a test. With fewer than FEWEST, not even a faultless score differs clearly from luck."""
REAL, TUNED, EXAMPLES = "real", "tuned", "examples"
OPPONENTS = ("tuned", "examples", "base", "tuned-examples")
"""The tests that the page may offer, in the order shown; the last is a preference, not a recognition."""
LINK_WORD = {"en": "[link]", "fr": "[lien]"}
MENTION_WORD = "@…"
MOST = 400
"""Texts of each side among which pairs are sought: 160,000 distances take a fraction of a second."""

_LINK = re.compile(rf"(?:https?:\S*|\bwww\.\S+|\b(?:t\.co|pic\.(?:twitter|x)\.com)/\S*|{re.escape(LINK_PLACEHOLDER)})", re.I)
"""Also what a model leaves of a link that it breaks off: `https:` alone would tell who wrote it."""
_MENTION = re.compile(r"(?<![\w@])@(?:\w+|…)")
_HIDDEN = re.compile(r"‹U\+[0-9A-F]{4,6}›")
_WORDS = re.compile(r"\w+")
HARD_SPACES = {":": "\u00a0", "?": "\u202f", ";": "\u202f", "!": "\u202f", "%": "\u202f"}
"""French sign → the space before it, at which no line breaks."""


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


def write_blind(
    path: Path,
    sides: Mapping[str, Sequence[Text]],
    language: Literal["en", "fr"],
    seed: int,
    learned: Iterable[str] = (),
    message: str = "topic",
) -> Path | None:
    """Writes the blind test and gives its path; the same bytes for the same arguments.

    A test of fewer than `FEWEST` questions is not offered. Where none is left, nothing is written, None is given, and an earlier page
    at `path`, which would show what another model wrote, is removed.

    Args:
        sides: "real" (the author's held-out tweets), "tuned", "examples" (the base model shown twenty tweets), "base" → texts. With
            tuned and examples, the page also asks which of the two sounds more like the author.
        learned: the training tweets; a generated text that copies one of them, or a real one, is left out, for the author would
            rightly call it theirs.
        message: the recipe's prompt.message, which says what the texts' topics are.
    """
    real = levelled(sides[REAL], language)
    known = {bare(text.text) for text in (*levelled(map(Text, learned), language), *real)}
    shown = {REAL: real} | {name: levelled(texts, language, known) for name, texts in sides.items() if name != REAL}
    tests = {}
    for opponent in OPPONENTS:
        first, second = (TUNED, EXAMPLES) if opponent == "tuned-examples" else (REAL, opponent)
        chance = random.Random(f"{seed} {opponent}")
        pairs = pairs_of(shown.get(first, []), shown.get(second, []), chance)
        if len(pairs) >= FEWEST:
            tests[opponent] = _test(pairs, first, second, chance)
    if not tests:
        path.unlink(missing_ok=True)
        return None
    with complete_file(path) as stream:
        stream.write(_page(tests, language, message))
    return path


def _test(pairs: list[Pair], first: str, second: str, chance: random.Random) -> dict[str, Any]:
    """The questions of one opponent. The best pairs are shown as pairs, the next best give the singles, as far as there are enough."""
    best = pairs[: 2 * QUESTIONS]
    test: dict[str, Any] = {"aim": first, "wanted": QUESTIONS, "pairs": [], "singles": []}
    for mode, chosen in (("pairs", best[:QUESTIONS]), ("singles", best[-QUESTIONS:])):
        chosen = chance.sample(chosen, len(chosen))
        for pair, turned in zip(chosen, tossed_sides(len(chosen), chance), strict=True):
            shown = [(pair.second, second), (pair.first, first)] if turned else [(pair.first, first), (pair.second, second)]
            shown = shown if mode == "pairs" else shown[:1]
            test[mode].append({"texts": [text for text, _ in shown], "sources": [source for _, source in shown], "topic": pair.topic})
    if first != REAL:
        del test["singles"]
    return test


def _page(tests: Mapping[str, Any], language: str, message: str) -> str:
    said, script, sheet = words(language, message), asset("report/blind.js"), "report/blind.css"
    data = json.dumps({"language": language, "words": said["words"], "tests": tests}, sort_keys=True)
    allowed = f"script-src 'sha256-{_digest(script)}'; style-src 'sha256-{_digest(style_sheet(sheet))}'"
    return render(
        "blind.html.j2",
        sheets=(sheet,),
        security=f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'",
        language=language,
        title=said["title"],
        words=said,
        tests=tests,
        data=base64.b64encode(data.encode()).decode(),
        script=script,
    )


def words(language: str, message: str = "topic") -> dict[str, Any]:
    """All that the page says in "en" or "fr". message: the recipe's prompt.message."""
    found = texts(language)["blind"]
    shown = found["words"] | {"subject": found["subject"][message], "singles": found["words"]["pairs"] | found["words"]["singles"]}
    page = found | {"level": found["level"].format(alike=found["alike"][message]), "words": shown}
    return _with_hard_spaces(page) if language == "fr" else page


def _with_hard_spaces(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_hard_spaces(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_hard_spaces(inner) for inner in value]
    for sign, space in HARD_SPACES.items():
        value = value.replace(f" {sign}", space + sign)
    return value


def _digest(content: str) -> str:
    """As a Content-Security-Policy names an inline script or sheet (CSP level 3, hash-source)."""
    return base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


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
    distances = sorted(
        (not _same_topic(one, other), abs(math.log(len(one.text) / len(other.text))), i, j)
        for i, one in enumerate(first)
        for j, other in enumerate(second)
    )
    pairs, taken, used = [], set(), set()
    for *_, i, j in distances:
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


def _same_topic(one: Text, other: Text) -> bool:
    return one.topic is not None and other.topic is not None and one.topic.casefold() == other.topic.casefold()

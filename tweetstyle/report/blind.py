"""blind.html: the author's tweets beside generated ones; click which is yours."""

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
        pairs = pairs_of(shown.get(first, []), shown.get(second, []), chance)[:QUESTIONS]
        if len(pairs) >= FEWEST:
            items = [_question({first: one, second: other}, chance) for one, other in chance.sample(pairs, len(pairs))]
            tests[opponent] = {"aim": first, "wanted": QUESTIONS, "items": items}
    if not tests:
        path.unlink(missing_ok=True)
        return None
    with complete_file(path) as stream:
        stream.write(_page(tests, language, message))
    return path


def _question(texts: Mapping[str, Text], chance: random.Random) -> dict[str, Any]:
    """Two texts, by who wrote them, and the topic that they share.

    Sides are tossed one by one: whoever cannot tell then scores as coins do. With as many of either side, who answers "left" half of
    the time would be outside the range of luck in 7% of the tests of twenty, instead of at most 5%.
    """
    sources = list(texts) if chance.random() >= 0.5 else list(texts)[::-1]
    topic = texts[sources[0]].topic if _same_topic(*texts.values()) else ""
    return {"texts": [texts[source].text for source in sources], "sources": sources, "topic": topic}


def _page(tests: Mapping[str, Any], language: str, message: str) -> str:
    script, sheet, phrases = asset("report/blind.js"), "report/blind.css", texts(language)["blind"]
    words = phrases["words"] | {"subject": phrases["subject"][message]}
    data = json.dumps({"language": language, "words": words, "tests": tests}, sort_keys=True)
    return render(
        "blind.html.j2",
        sheets=(sheet,),
        security=f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style_sheet(sheet))}'; base-uri 'none'",
        language=language,
        title=phrases["title"],
        words=phrases | {"level": phrases["level"].format(alike=phrases["alike"][message])},
        tests=tests,
        data=base64.b64encode(data.encode()).decode(),
        script=script,
    )


def _digest(content: str) -> str:
    """As a Content-Security-Policy names an inline script or sheet (CSP level 3, hash-source)."""
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"


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


def pairs_of(first: Sequence[Text], second: Sequence[Text], chance: random.Random) -> list[tuple[Text, Text]]:
    """Pairs without a text twice, the best first: of one topic before others, then by the ratio of their lengths (characters)."""
    first, second = (chance.sample(side, len(side)) for side in (first, second))
    distances = sorted(
        (not _same_topic(one, other), abs(math.log(len(one.text) / len(other.text))), i, j)
        for i, one in enumerate(first)
        for j, other in enumerate(second)
    )
    pairs: dict[int, int] = {}
    for *_, i, j in distances:
        if i not in pairs and j not in pairs.values() and first[i].text != second[j].text:
            pairs[i] = j
    return [(first[i], second[j]) for i, j in pairs.items()]


def _same_topic(one: Text, other: Text) -> bool:
    return one.topic is not None and other.topic is not None and one.topic.casefold() == other.topic.casefold()

"""Countable habits of writing: letters, punctuation, emoji, openings, closings."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Literal

import numpy as np
import yaml

Kind = Literal["case", "punctuation", "emoji", "length", "mark", "opening", "closing"]

RAREST, COMMONEST = 0.03, 0.97
"""A habit of fewer or more of the tweets than this distinguishes nothing."""
SAME = 0.95
"""Two habits whose tweets coincide so far (Jaccard) are one."""
FEWEST_TWEETS = 50
MOST = 24
CANDIDATES = 8
"""Openings, closings and emoji considered, the most frequent of each."""
DRAWN = 20_000
"""Tweets in which habits are looked for: shares of that many are known to half a point."""

HANDLE = re.compile(r"[@#]\w+|https?://\S+")
EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf\u2b50\u2b55\U0001f1e6-\U0001f1ff]")
TRAILING = re.compile(r"(?:\s|#\w+|https?://\S+|\U0001f3fb-\U0001f3ff|\ufe0f|\u200d|" + EMOJI.pattern + ")+$")
WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


@dataclass(frozen=True)
class Habit:
    """name: in English, and by which a page says it in another language; example: the sign, phrase or number itself, or nothing."""

    kind: Kind
    name: str
    example: str
    shown: Callable[[str], bool] = field(repr=False, compare=False)

    @property
    def label(self) -> str:
        """The name with its sign or phrase."""
        return f"{self.name} {self.example}".strip()

    def holds(self, text: str) -> bool:
        """Whether the text shows it; an empty text shows nothing."""
        return bool(text.strip()) and self.shown(text)


def find_habits(train: Sequence[str], most: int = MOST) -> list[Habit]:
    """The author's habits, at most `most`: own emoji, habits checked for everyone, then phrases; none from fewer than 50 tweets.

    A habit is kept where 3 to 97% of the training tweets show it and no earlier habit has nearly the same tweets.
    """
    texts = [text for text in train if text.strip()]
    if len(texts) < FEWEST_TWEETS:
        return []
    texts = texts[:: max(1, len(texts) // DRAWN)]
    kept: list[tuple[Habit, np.ndarray]] = []
    for habit in (*_emoji(texts), *ALWAYS_ASKED, *_lengths(texts), *_phrases(texts)):
        hits = np.array([habit.holds(text) for text in texts])
        if RAREST <= hits.mean() <= COMMONEST and not any(_coincide(hits, earlier) for _, earlier in kept):
            kept.append((habit, hits))
        if len(kept) == most:
            break
    return [habit for habit, _ in kept]


def _coincide(one: np.ndarray, other: np.ndarray) -> bool:
    either = (one | other).sum()
    return bool(either) and (one & other).sum() / either >= SAME


# -- what every author is checked for----------------------------------------------------------------------------


def _bare(text: str) -> str:
    return HANDLE.sub("", text)


def _all_lower(text: str) -> bool:
    bare = _bare(text)
    return bare == bare.lower() and any(map(str.isalpha, bare))


def _begins_lower(text: str) -> bool:
    first = next((c for c in _bare(text) if c.isalpha()), "")
    return bool(first) and first.islower()


def _shouts(text: str) -> bool:
    return any(len(word) > 2 and word.isupper() for word in WORD.findall(_bare(text)))


def _last(text: str) -> str:
    """The last sign, emoji and hashtags at the end left aside."""
    return TRAILING.sub("", text)[-1:]


def _patterns() -> Iterator[Habit]:
    for kind, name, example, pattern in yaml.safe_load(files("tweetstyle.text").joinpath("habits.yaml").read_bytes()):
        found = re.compile(pattern)
        yield Habit(kind, name, example, lambda text, found=found: bool(found.search(text)))


ALWAYS_ASKED = (
    Habit("case", "all in lower case", "", _all_lower),
    Habit("case", "begins with a small letter", "", _begins_lower),
    Habit("case", "a word in CAPITALS", "", _shouts),
    Habit("punctuation", "ends without a mark", "", lambda text: _last(text).isalnum()),
    Habit("punctuation", "ends with a full stop", ".", lambda text: _last(text) == "."),
    *_patterns(),
)


# -- what this author does ------------------------------------------------------------------------------------


def _lengths(texts: Sequence[str]) -> Iterator[Habit]:
    low, high = (int(np.quantile([len(text) for text in texts], q)) for q in (0.25, 0.75))
    yield Habit("length", "at most", str(low), lambda text: len(text) <= low)
    yield Habit("length", "more than", str(high), lambda text: len(text) > high)


def _emoji(texts: Sequence[str]) -> Iterator[Habit]:
    seen = Counter(sign for text in texts for sign in set(EMOJI.findall(text)))
    for sign, _ in seen.most_common(CANDIDATES):
        yield Habit("emoji", "an emoji of their own", sign, lambda text, sign=sign: sign in text)


def _phrases(texts: Sequence[str]) -> Iterator[Habit]:
    """The most frequent first and last one to three words, longer ones first: "voilà voilà" before "voilà"."""
    for kind, name in (("closing", "closes with"), ("opening", "opens with")):
        closing = kind == "closing"
        seen = Counter(phrase for text in texts for phrase in set(_ends(text, closing)))
        likely = [phrase for phrase, count in seen.items() if count >= RAREST * len(texts)]
        likely.sort(key=lambda phrase: (-phrase.count(" "), -seen[phrase], phrase))
        for phrase in likely[:CANDIDATES]:
            yield Habit(kind, name, phrase, lambda text, phrase=phrase, closing=closing: phrase in _ends(text, closing))


def _ends(text: str, closing: bool) -> list[str]:
    words = [word.casefold() for word in WORD.findall(TRAILING.sub("", _bare(text)))]
    return [" ".join(words[-size:] if closing else words[:size]) for size in (1, 2, 3) if len(words) > size]

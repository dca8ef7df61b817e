"""Does it recite? Spans of the training tweets that generated tweets hold, against those that new real tweets hold anyway."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np

from tweetstyle.evaluate.intervals import Interval
from tweetstyle.evaluate.shares import share, share_difference
from tweetstyle.evaluate.spans import Shared, code_points, shared_windows

SPAN_CHARACTERS = 50
SPAN_WORDS = 8
WORD = re.compile(r"\w+(?:['’]\w+)*")


@dataclass(frozen=True)
class Copied:
    """The longest span of one text that a training tweet holds too. text, source: places in the two lists; characters: its length."""

    text: int
    source: int
    span: str
    characters: int


@dataclass(frozen=True)
class Copying:
    """Shares, 0 to 1, of the texts that hold a copied span; excess: generated minus held-out. worst: the longest copies first."""

    generated: Interval
    held_out: Interval
    excess: Interval
    worst: list[Copied]


@dataclass(frozen=True)
class Matches:
    """What texts share with the training tweets, by characters and by words."""

    characters: Shared
    words: Shared

    @property
    def holds(self) -> np.ndarray:
        """bool [texts]: 50 characters or 8 words in a row of one training tweet."""
        return self.characters.holds | self.words.holds


def copying(
    generated: Sequence[str],
    generated_clusters: Sequence[Hashable],
    held_out: Sequence[str],
    held_out_clusters: Sequence[Hashable],
    train: Sequence[str],
    *,
    confidence: float,
    worst: int = 5,
) -> Copying:
    """Share of generated tweets with a span of 50 characters or 8 words of a training tweet, minus that of real held-out tweets.

    Stock phrases and quotations recur in real tweets too: their share is what remains where nobody recites. Characters are compared
    as they stand, words without case and punctuation. Source: verbatim memorisation as in Carlini et al., Quantifying Memorization
    Across Neural Language Models, ICLR 2023 (50 tokens there; less here, for a tweet is short). Raises ValueError for an empty side.
    """
    if not generated or not held_out or not train:
        raise ValueError("copying needs generated, held-out and training tweets")
    found = find_copies([*generated, *held_out], train)
    new, real = found.holds[: len(generated)], found.holds[len(generated) :]
    return Copying(
        share(new, generated_clusters, confidence=confidence),
        share(real, held_out_clusters, confidence=confidence),
        share_difference(new, generated_clusters, real, held_out_clusters, confidence=confidence),
        longest_copies(found, generated, train, worst),
    )


def find_copies(texts: Sequence[str], train: Sequence[str]) -> Matches:
    """Where the texts share 50 characters or 8 words in a row with a training tweet. Exact: no false hit and no miss."""
    numbers: dict[str, int] = {}
    words = [np.array([numbers.setdefault(w, len(numbers)) for w in words_of(text)], dtype=np.int64) for text in texts]

    def known(tweet: str) -> np.ndarray:
        return np.array([numbers.get(word, -1) for word in words_of(tweet)], dtype=np.int64)

    characters = shared_windows([code_points(text) for text in texts], train, code_points, SPAN_CHARACTERS)
    return Matches(characters, shared_windows(words, train, known, SPAN_WORDS))


def words_of(text: str) -> list[str]:
    """Runs of letters and digits, with the apostrophes inside them, without case."""
    return WORD.findall(text.casefold().replace("’", "'"))


def longest_copies(found: Matches, texts: Sequence[str], train: Sequence[str], count: int) -> list[Copied]:
    """The `count` texts with the longest copied spans, each with its source, the longest first.

    What is known from the search bounds each span from above, so that few pairs are compared in full.
    """
    holding = np.flatnonzero(found.holds[: len(texts)]).tolist()
    bounds = sorted(((_bound(found, text, texts[text]), text) for text in holding), key=lambda pair: (-pair[0], pair[1]))
    worst: list[Copied] = []
    for bound, text in bounds:
        if len(worst) == count and bound <= worst[-1].characters:
            break
        worst.append(_longest(found, text, texts[text], train))
        worst = sorted(worst, key=lambda copied: (-copied.characters, copied.text))[:count]
    return worst


def _bound(found: Matches, index: int, text: str) -> int:
    return max(int(found.characters.longest[index]), _extent(text, int(found.words.longest[index])))


def _extent(text: str, words: int) -> int:
    """Characters of the longest stretch of so many words in a row."""
    places = [match.span() for match in WORD.finditer(text)]
    return max((places[i + words - 1][1] - places[i][0] for i in range(len(places) - words + 1)), default=0) if words else 0


def _longest(found: Matches, index: int, text: str, train: Sequence[str]) -> Copied:
    best = Copied(index, -1, "", -1)
    for shared, reach, spans in (
        (found.characters, lambda symbols: symbols, _common_characters),
        (found.words, lambda symbols: _extent(text, symbols), _common_words),
    ):
        for source, symbols in zip(*(part.tolist() for part in shared.members(index)), strict=True):
            if reach(symbols) <= best.characters:
                break
            for start, end in spans(text, train[source]):
                if end - start > best.characters:
                    best = Copied(index, source, text[start:end], end - start)
    return best


def _common_characters(text: str, source: str) -> Iterator[tuple[int, int]]:
    match = SequenceMatcher(None, text, source, autojunk=False).find_longest_match()
    yield match.a, match.a + match.size


def _common_words(text: str, source: str) -> Iterator[tuple[int, int]]:
    """Stretches of the text whose words stand in the source in the same order, whatever stands between them."""
    places = [match.span() for match in WORD.finditer(text)]
    mine = [text[a:b].casefold().replace("’", "'") for a, b in places]
    for match in SequenceMatcher(None, mine, words_of(source), autojunk=False).get_matching_blocks():
        if match.size:
            yield places[match.a][0], places[match.a + match.size - 1][1]

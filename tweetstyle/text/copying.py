"""Spans of training tweets that generated tweets repeat."""

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache

SPAN_CHARACTERS = 50
SPAN_WORDS = 8
WORST = 5
"""Copies that are shown."""
COMPARED = 20
"""Training tweets, those that share most with a text, among which its longest copied span is looked for."""
WORD = re.compile(r"\w+(?:['’]\w+)*")


@dataclass(frozen=True)
class CopiedSpan:
    """text: what a model wrote; source: the training tweet; span: the longest text that both hold; characters: its length."""

    text: str
    source: str
    span: str
    characters: int


def find_copies(texts: Sequence[str], train: Sequence[str]) -> list[Counter[int]]:
    """For each text the training tweets that share 50 characters or 8 words in a row with it → how many such runs they share.

    Exact: no false hit and no miss. Characters are compared as they are, words without case and punctuation. Of training tweets that
    are equal the first counts. Source: verbatim memorisation as in Carlini et al., Quantifying Memorization Across Neural Language
    Models, ICLR 2023 (50 tokens there; less here, for a tweet is short).
    """
    places_of: dict[Hashable, list[int]] = defaultdict(list)
    for place, text in enumerate(texts):
        for run in _runs(text):
            places_of[run].append(place)
    found: list[Counter[int]] = [Counter() for _ in texts]
    firsts: dict[str, int] = {}
    for source, tweet in enumerate(train):
        if firsts.setdefault(tweet, source) != source:
            continue
        for run in places_of.keys() & _runs(tweet):
            for place in places_of[run]:
                found[place][source] += 1
    return found


def is_recitable(text: str) -> bool:
    """Whether the text has such a run: a shorter one is never taken for a copy."""
    return len(text) >= SPAN_CHARACTERS or len(words_of(text)) >= SPAN_WORDS


def _runs(text: str) -> set[Hashable]:
    """Every run of 50 characters and of 8 words."""
    words = words_of(text)
    runs: set[Hashable] = {text[at : at + SPAN_CHARACTERS] for at in range(len(text) - SPAN_CHARACTERS + 1)}
    return runs.union(tuple(words[at : at + SPAN_WORDS]) for at in range(len(words) - SPAN_WORDS + 1))


def words_of(text: str) -> list[str]:
    """Runs of letters and digits, with the apostrophes inside them, without case."""
    return WORD.findall(text.casefold().replace("’", "'"))


def longest_copies(found: Sequence[Counter[int]], texts: Sequence[str], train: Sequence[str], count: int = WORST) -> list[CopiedSpan]:
    """The `count` texts with the longest copied spans, the longest first. found: of `find_copies`."""

    @cache
    def longest(text: str) -> CopiedSpan:
        sources = [train[source] for source, _ in found[texts.index(text)].most_common(COMPARED)]
        spans = [(source, _common_span(text, source)) for source in sources]
        source, span = max(spans, key=lambda pair: len(pair[1]))
        return CopiedSpan(text, source, span, len(span))

    copies = [longest(text) for text, sources in zip(texts, found, strict=False) if sources]
    return sorted(copies, key=lambda copied: -copied.characters)[:count]


def _common_span(text: str, source: str) -> str:
    """The longest stretch of the text that the source holds, as it is or by its words."""
    characters = SequenceMatcher(None, text, source, autojunk=False).find_longest_match()
    as_it_is = text[characters.a : characters.a + characters.size]
    places = [match.span() for match in WORD.finditer(text)]
    mine = [text[begin:end].casefold().replace("’", "'") for begin, end in places]
    words = SequenceMatcher(None, mine, words_of(source), autojunk=False).find_longest_match()
    by_words = text[places[words.a][0] : places[words.a + words.size - 1][1]] if words.size else ""
    return max(as_it_is, by_words, key=len)

"""Spans of training tweets that generated tweets repeat."""

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache

import numpy as np

from tweetstyle.statistics.intervals import Interval, share, share_difference

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


@dataclass(frozen=True)
class Copying:
    """Shares, 0 to 1, of the texts that hold a copied span; excess: generated minus held-out. worst: the longest copies first."""

    generated: Interval
    held_out: Interval
    excess: Interval
    worst: list[CopiedSpan]


def copying(
    generated: Sequence[str],
    generated_clusters: Sequence[Hashable],
    held_out: Sequence[str],
    held_out_clusters: Sequence[Hashable],
    train: Sequence[str],
    confidence: float,
) -> Copying:
    """Share of generated tweets with a span of 50 characters or 8 words of a training tweet, minus that of real held-out tweets.

    Stock phrases and quotations recur in real tweets too: their share is what remains where nobody recites. Characters are compared
    as they are, words without case and punctuation. Source: verbatim memorisation as in Carlini et al., Quantifying Memorization
    Across Neural Language Models, ICLR 2023 (50 tokens there; less here, for a tweet is short).

    Args:
        generated: what the model wrote.
        generated_clusters: for each of these texts what it was drawn with; likewise for held_out.
        held_out: real tweets that the model never saw.
        held_out_clusters: their clusters.
        train: the tweets that it was trained on.
        confidence: of the intervals.

    Raises:
        ValueError: for an empty side.
    """
    if not generated or not held_out or not train:
        raise ValueError("copying needs generated, held-out and training tweets")
    found = find_copies([*generated, *held_out], train)
    holds = np.array(list(map(bool, found)))
    new, real = holds[: len(generated)], holds[len(generated) :]
    return Copying(
        share(new, generated_clusters, confidence=confidence),
        share(real, held_out_clusters, confidence=confidence),
        share_difference(new, generated_clusters, real, held_out_clusters, confidence=confidence),
        longest_copies(found, generated, train),
    )


def find_copies(texts: Sequence[str], train: Sequence[str]) -> list[Counter[int]]:
    """For each text the training tweets that share 50 characters or 8 words in a row with it → how many such runs they share.

    Exact: no false hit and no miss. Of training tweets that are equal the first counts.
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

"""Spans of training tweets that generated tweets repeat."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np

from tweetstyle.statistics.intervals import Interval
from tweetstyle.statistics.shares import share, share_difference

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
    as they are, words without case and punctuation. Source: verbatim memorisation as in Carlini et al., Quantifying Memorization
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
    """Characters of the longest run of this many words in a row."""
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
    """Stretches of the text whose words are in the source in the same order, with anything in between."""
    places = [match.span() for match in WORD.finditer(text)]
    mine = [text[a:b].casefold().replace("’", "'") for a, b in places]
    for match in SequenceMatcher(None, mine, words_of(source), autojunk=False).get_matching_blocks():
        if match.size:
            yield places[match.a][0], places[match.a + match.size - 1][1]


CHUNK = 2**20
"""Symbols of the collection compared at a time, which bounds the memory."""
Encode = Callable[[str], np.ndarray]
"""A text → its symbols, int64 [length]; a negative one is in none of the texts that are searched for."""


@dataclass(frozen=True)
class Shared:
    """The windows of `length` symbols that texts share with a collection.

    holds: bool [texts]; longest: symbols [texts] of the longest run of shared windows, an upper bound on the longest shared span,
    for neighbouring windows may come from two members; the rest finds the members that share windows with one text.
    """

    length: int
    holds: np.ndarray
    longest: np.ndarray
    window_of: np.ndarray
    first_window: np.ndarray
    member: np.ndarray
    first_member: np.ndarray

    def members(self, text: int) -> tuple[np.ndarray, np.ndarray]:
        """Members of the collection that share a window with this text, and upper bounds in symbols on the spans; most first."""
        windows = np.unique(self.window_of[self.first_window[text] : self.first_window[text + 1]])
        parts = [self.member[self.first_member[w] : self.first_member[w + 1]] for w in windows]
        members, counts = np.unique(np.concatenate(parts or [self.member[:0]]), return_counts=True)
        order = np.lexsort((members, -counts))
        return members[order], counts[order] + self.length - 1


def shared_windows(texts: Sequence[np.ndarray], collection: Sequence[str], encode: Encode, length: int) -> Shared:
    """Finds every window of `length` symbols of the texts (symbols ≥ 0, int64 each) in the members of the collection.

    The windows of the texts, which are few, are hashed and sorted; those of the collection, which are many, go by in pieces (Karp
    and Rabin, IBM Journal of Research and Development 31(2), 1987). Every hit is compared symbol by symbol: a hash never decides.
    """
    symbols, owners = _joined(texts)
    salt, hashes, starts, distinct, example = _distinct_windows(symbols, owners, length)
    window_of = np.searchsorted(distinct, hashes)
    hits: list[tuple[np.ndarray, np.ndarray]] = []
    for piece, offset in _pieces(collection, encode) if len(distinct) else ():
        there, whose = _joined(piece)
        seen, places = _windows(there, whose, length, salt)
        at = np.minimum(np.searchsorted(distinct, seen), len(distinct) - 1)
        hit = np.flatnonzero(distinct[at] == seen)
        at, places = at[hit], places[hit]
        same = _equal(symbols, example[at], there, places, length)
        # A window that a member holds twice counts once: keys are unique pairs.
        pairs = np.unique(at[same] * len(collection) + whose[places[same]] + offset)
        hits.append((pairs // len(collection), pairs % len(collection)))
    found, members = (np.concatenate(part) if hits else np.empty(0, np.int64) for part in (zip(*hits, strict=True) if hits else ((), ())))
    order = np.argsort(found, kind="stable")
    first_member = np.searchsorted(found[order], np.arange(len(distinct) + 1))
    first_window = np.searchsorted(owners[starts], np.arange(len(texts) + 1))
    runs = _runs(np.diff(first_member) > 0, window_of, starts, owners, len(texts))
    longest = np.where(runs, runs + length - 1, 0)
    return Shared(length, runs > 0, longest, window_of, first_window, members[order], first_member)


def code_points(text: str) -> np.ndarray:
    """The text's characters as numbers."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.int64)


def _pieces(collection: Sequence[str], encode: Encode) -> Iterator[tuple[list[np.ndarray], int]]:
    """Encoded members, about CHUNK symbols at a time, and the place of each piece's first one."""
    piece: list[np.ndarray] = []
    size = start = 0
    for index, member in enumerate(collection):
        piece.append(encode(member))
        size += len(piece[-1])
        if size >= CHUNK:
            yield piece, start
            piece, size, start = [], 0, index + 1
    if piece:
        yield piece, start


def _joined(parts: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """All symbols in one row, and the part that each is of; int64 [total] both."""
    symbols = np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
    return symbols, np.repeat(np.arange(len(parts)), [len(part) for part in parts])


def _distinct_windows(symbols: np.ndarray, owners: np.ndarray, length: int) -> tuple[int, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Salt, hash and start of every window, distinct hashes, and one start for each; salted until no two contents share a hash."""
    salt = 0
    while True:
        hashes, starts = _windows(symbols, owners, length, salt)
        distinct, first = np.unique(hashes, return_index=True)
        example = starts[first]
        if _equal(symbols, example[np.searchsorted(distinct, hashes)], symbols, starts, length).all():
            return salt, hashes, starts, distinct, example
        salt += 1


def _windows(symbols: np.ndarray, owners: np.ndarray, length: int, salt: int) -> tuple[np.ndarray, np.ndarray]:
    """Hash and start of every window that lies within one text and knows all its symbols. uint64 [m], int64 [m]."""
    if len(symbols) < length:
        return np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int64)
    unknown = np.concatenate(([0], np.cumsum(symbols < 0)))
    whole = owners[length - 1 :] == owners[: len(owners) - length + 1]
    starts = np.flatnonzero(whole & (unknown[length:] == unknown[:-length]))
    mixed = _mixed(symbols.astype(np.uint64) + np.uint64(salt << 32))
    hashes = np.zeros(len(symbols) - length + 1, dtype=np.uint64)
    for place in range(length):
        hashes *= np.uint64(0x9E3779B97F4A7C15)
        hashes += mixed[place : place + len(hashes)]
    return hashes[starts], starts


def _mixed(values: np.ndarray) -> np.ndarray:
    """The finaliser of splitmix64 (Steele, Lea and Flood, OOPSLA 2014): near symbols get far numbers."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _equal(one: np.ndarray, here: np.ndarray, other: np.ndarray, there: np.ndarray, length: int) -> np.ndarray:
    """Whether the windows that begin `here` in one and `there` in the other are the same, symbol by symbol. bool [m]."""
    equal = np.ones(len(here), dtype=bool)
    for place in range(length):
        equal &= one[here + place] == other[there + place]
    return equal


def _runs(found: np.ndarray, window_of: np.ndarray, starts: np.ndarray, owners: np.ndarray, texts: int) -> np.ndarray:
    """The most windows in a row that were found, for each text. found: bool [distinct]; int64 [texts]."""
    longest = np.zeros(texts, dtype=np.int64)
    places = starts[found[window_of]]
    if len(places):
        breaks = np.flatnonzero((np.diff(places) != 1) | (np.diff(owners[places]) != 0))
        ends = np.append(breaks, len(places) - 1)
        begins = np.concatenate(([0], breaks + 1))
        np.maximum.at(longest, owners[places[begins]], ends - begins + 1)
    return longest

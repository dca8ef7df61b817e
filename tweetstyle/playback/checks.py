"""Checks messages: for each why it cannot be used, if so."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from tweetstyle.playback.backends import TOKENS_PER_WORD, ModelReply
from tweetstyle.playback.phrases import ABOUT_THE_TASK, LABEL, WISH, is_refusal
from tweetstyle.playback.prompt import instructions, shown
from tweetstyle.playback.selection import MessageRequest
from tweetstyle.text.languages import other_languages, unload

if TYPE_CHECKING:
    from tweetstyle.dataset.messages import Kind
    from tweetstyle.recipe import Playback

RUN = 5
"""Words in a row that a message may not share with its tweet, nor with the instruction."""
THRESHOLD = 0.75
"""Share of common different words (Jaccard) from which two messages are near-duplicates."""

EMPTY, TOO_LONG, COPIED, REFUSAL = "empty", "too long", "copies the tweet", "refusal"
INSTRUCTION, EXAMPLE, LANGUAGE, KIND, ALIKE = (
    "echo of the instruction",
    "echo of an example",
    "other language",
    "other kind",
    "near-duplicate",
)
REASONS = (EMPTY, TOO_LONG, REFUSAL, INSTRUCTION, EXAMPLE, COPIED, LANGUAGE, KIND, ALIKE)
"""In the order in which they are looked for."""

_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.S)
_QUOTES = {'"': '"', "“": "”", "«": "»", "'": "'", "‘": "’", "`": "`", "*": "*"}
_WORD = re.compile(r"[^\W_]+(?:['’][^\W\d_]*)?")


@dataclass(frozen=True, slots=True)
class Checked:
    """A message, tidied, and the reason for which it is not used; empty: it is. attempt: from 0."""

    request: MessageRequest
    message: str
    reason: str
    attempt: int


class Judge(AbstractContextManager):
    """Remembers what it let pass of a split, so that a message is not there too often. likely: languages that tweets are in, ISO 639-1.

    Use as a context manager: at its end the memory is given back that recognising languages takes, some 200 MB.
    """

    def __init__(self, settings: Playback, likely: Sequence[str]) -> None:
        self._settings, self._likely = settings, likely
        self._passed = NearDuplicates()

    def __exit__(self, *_: object) -> None:
        unload()

    def begin(self) -> None:
        """Starts another split: messages of training tweets do not count as near-duplicates of held-out ones."""
        self._passed = NearDuplicates()

    def check(self, requests: Sequence[MessageRequest], answers: Sequence[ModelReply], attempt: int) -> list[Checked]:
        """One verdict for each, in their order."""
        return self._among(self._passed, self._alone(requests, answers, attempt))

    def preview(self, requests: Sequence[MessageRequest], answers: Sequence[ModelReply]) -> list[Checked]:
        """What can be said of these messages by themselves; nothing is remembered."""
        return self._among(NearDuplicates(), self._alone(requests, answers, 0))

    def _among(self, passed: NearDuplicates, alone: Sequence[Checked]) -> list[Checked]:
        """The checked, with those rejected that are like too many of `passed`, to which the others are added."""
        checked = []
        for check in alone:
            words = bare_words(check.message)
            if not check.reason and passed.count(words) >= self._settings.most_alike:
                check = replace(check, reason=ALIKE)
            if not check.reason:
                passed.add(words)
            checked.append(check)
        return checked

    def _alone(self, requests: Sequence[MessageRequest], answers: Sequence[ModelReply], attempt: int) -> list[Checked]:
        messages = [tidy(answer.text) for answer in answers]
        reasons = [self._reason(*of) for of in zip(messages, answers, requests, strict=True)]
        # A kind is recognised by words of the right language, so the language is checked first.
        open_ = [place for place, reason in enumerate(reasons) if reason in ("", KIND)]
        others = other_languages([messages[place] for place in open_], [requests[place].language for place in open_], self._likely)
        for place, other in zip(open_, others, strict=True):
            if other:
                reasons[place] = LANGUAGE
        return [Checked(request, message, reason, attempt) for request, message, reason in zip(requests, messages, reasons, strict=True)]

    def _reason(self, message: str, answer: ModelReply, request: MessageRequest) -> str:
        if message and answer.tokens >= TOKENS_PER_WORD * self._settings.most_words:
            return TOO_LONG  # it was cut off there
        return whats_wrong(message, request, self._settings.most_words)


def whats_wrong(message: str, request: MessageRequest, most_words: int) -> str:
    """The reason for which a tidied message cannot be used, by itself; empty where there is none."""
    words, tweet = bare_words(message), bare_words(request.text)
    instruction, examples = _prompted(request.language)
    if not words:
        return EMPTY
    if len(message.split()) > most_words:
        return TOO_LONG
    if is_refusal(message):
        return REFUSAL
    own = runs(words)
    if own & instruction or ABOUT_THE_TASK.search(message.replace("’", "'")):
        return INSTRUCTION
    if examples.count(words):
        return EXAMPLE
    if words == tweet or own & runs(tweet):
        return COPIED
    return "" if is_kind(message, request.kind) else KIND


@cache
def _prompted(language: str) -> tuple[set[tuple[str, ...]], NearDuplicates]:
    """Runs of words of the instruction, and the examples."""
    return {run for sentence in instructions(language) for run in runs(bare_words(sentence))}, NearDuplicates(shown(language))


def tidy(answer: str) -> str:
    """The message within an answer: its first line that says something, without a label, quotation marks, or what was thought aloud."""
    for line in _THOUGHT.sub("", answer).splitlines():
        line = " ".join(line.split())
        line = line[match.end() :] if (match := LABEL.match(line)) else line
        while len(line) > 1 and _QUOTES.get(line[0]) == line[-1]:
            line = line[1:-1].strip()
        if line := line.strip('"“”«» *'):
            return line
    return ""


def is_kind(message: str, kind: Kind) -> bool:
    """A question asks, a remark does not; a request names something to be done with words."""
    is_question = message.rstrip(' "”»!.)').endswith("?")
    if kind == "request":
        return bool(WISH.search(message.replace("’", "'")))
    return is_question == (kind == "question")


def counted(reasons: Iterable[str]) -> dict[str, int]:
    """Reason → how often, in the order of REASONS; those that never came are left out."""
    reasons = list(reasons)
    return {reason: count for reason in REASONS if (count := reasons.count(reason))}


def runs(words: list[str]) -> set[tuple[str, ...]]:
    """Every run of `RUN` words."""
    return {tuple(words[place : place + RUN]) for place in range(len(words) - RUN + 1)}


def bare_words(text: str) -> list[str]:
    """Lower-case words and numbers, apostrophes straight; an elision ("l'", "qu'") is a word of its own."""
    found: list[str] = []
    for word in _WORD.findall(text.lower().replace("’", "'")):
        head, apostrophe, tail = word.partition("'")
        found += [head + apostrophe, tail] if tail else [head + apostrophe]
    return found


class NearDuplicates:
    """Counts how many of the messages taken in so far are near-duplicates of another.

    Prefix filtering (Bayardo, Ma and Srikant, Scaling up all pairs similarity search, 2007): two sets whose Jaccard similarity is t
    or more have ⌈t·|s|⌉ words in common, of either's size |s|, and so, in any fixed order, one among the first |s| − ⌈t·|s|⌉ + 1 of
    both. The order is longest first: long words are rare.
    """

    def __init__(self, messages: Iterable[str] = ()) -> None:
        self._places: dict[str, list[int]] = defaultdict(list)
        self._sets: list[frozenset[str]] = []
        for message in messages:
            self.add(bare_words(message))

    def add(self, words: list[str]) -> None:
        """Takes a message in."""
        as_set = frozenset(words)
        for word in _first_words(as_set):
            self._places[word].append(len(self._sets))
        self._sets.append(as_set)

    def count(self, words: list[str]) -> int:
        """How many of those taken in share `THRESHOLD` of their words with these."""
        as_set = frozenset(words)
        candidates = {place for word in _first_words(as_set) for place in self._places.get(word, ())}
        return sum(len(as_set & other) >= THRESHOLD * len(as_set | other) for other in map(self._sets.__getitem__, candidates))


def _first_words(words: frozenset[str]) -> list[str]:
    return sorted(words, key=lambda word: (-len(word), word))[: len(words) - math.ceil(THRESHOLD * len(words)) + 1]

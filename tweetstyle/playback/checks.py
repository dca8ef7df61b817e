"""Checks messages: for each why it cannot be used, if so."""

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from tweetstyle.dataset.threads import Kind
from tweetstyle.playback.backends import ModelReply
from tweetstyle.playback.requests import MessageRequest, examples, instructions
from tweetstyle.recipe import Playback
from tweetstyle.text.languages import other_languages
from tweetstyle.wording.words import by_name

RUN = 5
"""Words in a row that a message may not share with its tweet, nor with the instruction."""
THRESHOLD = 0.75
"""Share of common different words (Jaccard) from which two messages are near-duplicates."""
TOKENS_PER_WORD = 3
"""Room for an answer of the most words that are allowed, in the tokenizer that is worst at the language."""

EMPTY, TOO_LONG, REFUSAL, INSTRUCTION, EXAMPLE = "empty", "too long", "refusal", "echo of the instruction", "echo of an example"
COPIED, LANGUAGE, KIND, ALIKE = "copies the tweet", "other language", "other kind", "near-duplicate"
REASONS = (EMPTY, TOO_LONG, REFUSAL, INSTRUCTION, EXAMPLE, COPIED, LANGUAGE, KIND, ALIKE)
"""In the order in which they are looked for."""

_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.S)
_QUOTES = {'"': '"', "“": "”", "«": "»", "'": "'", "‘": "’", "`": "`", "*": "*"}
_WORD = re.compile(r"[^\W_]+(?:['’][^\W\d_]*)?")

_PHRASES = yaml.safe_load(files("tweetstyle").joinpath("playback/phrases.yaml").read_text(encoding="utf-8"))
_LABEL, _ABOUT_THE_TASK, _WISH, _REFUSAL = (
    re.compile(_PHRASES[name].replace("VERBS", _PHRASES["verbs"]), re.I | re.X) for name in ("label", "about_the_task", "wish", "refusal")
)


@dataclass(frozen=True, slots=True)
class Checked:
    """A message, tidied, and the reason for which it is not used; empty: it is. attempt: from 0."""

    request: MessageRequest
    message: str
    reason: str
    attempt: int


class Judge:
    """Checks the messages of one split, and remembers those that passed, so that none is there too often.

    likely: languages that tweets are in, ISO 639-1.
    """

    def __init__(self, settings: Playback, likely: Sequence[str]) -> None:
        self._settings, self._likely = settings, likely
        self._passed: list[frozenset[str]] = []

    def check(self, requests: Sequence[MessageRequest], replies: Sequence[ModelReply], attempt: int) -> list[Checked]:
        """One verdict for each, in their order."""
        messages = [tidy(reply.text) for reply in replies]
        reasons = [self._reason(*of) for of in zip(messages, replies, requests, strict=True)]
        # A kind is recognised by words of the right language, so the language is checked first.
        open_ = [place for place, reason in enumerate(reasons) if reason in ("", KIND)]
        others = other_languages([messages[place] for place in open_], [requests[place].language for place in open_], self._likely)
        for place, other in zip(open_, others, strict=True):
            reasons[place] = LANGUAGE if other else reasons[place] or self._too_often(messages[place])
        return [Checked(request, message, reason, attempt) for request, message, reason in zip(requests, messages, reasons, strict=True)]

    def _reason(self, message: str, reply: ModelReply, request: MessageRequest) -> str:
        if message and reply.tokens >= TOKENS_PER_WORD * self._settings.most_words:
            return TOO_LONG  # it was cut off there
        return whats_wrong(message, request, self._settings.most_words)

    def _too_often(self, message: str) -> str:
        words = frozenset(bare_words(message))
        if sum(are_alike(words, other) for other in self._passed) >= self._settings.most_alike:
            return ALIKE
        self._passed.append(words)
        return ""


def whats_wrong(message: str, request: MessageRequest, most_words: int) -> str:
    """The reason for which a tidied message cannot be used, by itself; empty where there is none."""
    words, tweet, straight = bare_words(message), bare_words(request.text), message.replace("’", "'")
    instruction, shown = _prompted(request.language)
    own = runs(words)
    found = {
        EMPTY: not words,
        TOO_LONG: len(message.split()) > most_words,
        REFUSAL: _REFUSAL.search(straight),
        INSTRUCTION: own & instruction or _ABOUT_THE_TASK.search(straight),
        EXAMPLE: any(are_alike(set(words), example) for example in shown),
        COPIED: words == tweet or own & runs(tweet),
        KIND: not is_kind(message, request.kind),
    }
    return next((reason for reason, applies in found.items() if applies), "")


@cache
def _prompted(language: str) -> tuple[set[tuple[str, ...]], list[set[str]]]:
    """Runs of words of the instruction, and the words of each example."""
    instruction = {run for sentence in instructions(language) for run in runs(bare_words(sentence))}
    return instruction, [set(bare_words(example)) for example in examples(language)]


def tidy(reply: str) -> str:
    """The message within a reply: its first line that says something, without a label, quotation marks, or what was thought aloud."""
    for line in _THOUGHT.sub("", reply).splitlines():
        line = " ".join(line.split())
        line = line[match.end() :] if (match := _LABEL.match(line.replace("’", "'"))) else line
        while len(line) > 1 and _QUOTES.get(line[0]) == line[-1]:
            line = line[1:-1].strip()
        if line := line.strip('"“”«» *'):
            return line
    return ""


def is_kind(message: str, kind: Kind) -> bool:
    """A question asks, a remark does not; a request names something to be done with words."""
    if kind == "request":
        return bool(_WISH.search(message.replace("’", "'")))
    return message.rstrip(' "”»!.)').endswith("?") == (kind == "question")


def counted(reasons: Iterable[str]) -> dict[str, int]:
    """Reason → how often, in the order of REASONS; those that never came are left out."""
    reasons = list(reasons)
    return {reason: count for reason in REASONS if (count := reasons.count(reason))}


def in_words(rejected: Mapping[str, int]) -> str:
    """Why messages were rejected and how often, the most frequent reason first, for a message."""
    often = sorted(rejected, key=rejected.__getitem__, reverse=True)
    return ", ".join(f"{rejected[reason]} × {by_name('rejected', reason)}" for reason in often)


def runs(words: list[str]) -> set[tuple[str, ...]]:
    """Every run of `RUN` words."""
    return {tuple(words[place : place + RUN]) for place in range(len(words) - RUN + 1)}


def are_alike(one: Set[str], other: Set[str]) -> bool:
    """Whether two messages share `THRESHOLD` of their different words."""
    shared = len(one & other)
    return shared >= THRESHOLD * (len(one) + len(other) - shared)


def bare_words(text: str) -> list[str]:
    """Lower-case words and numbers, apostrophes straight; an elision ("l'", "qu'") is a word of its own."""
    found: list[str] = []
    for word in _WORD.findall(text.lower().replace("’", "'")):
        head, apostrophe, tail = word.partition("'")
        found += [head + apostrophe, tail] if tail else [head + apostrophe]
    return found

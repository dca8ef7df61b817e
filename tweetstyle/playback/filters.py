"""Applies the checks in order: the message, or why it is rejected."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from tweetstyle.playback.backends import TOKENS_PER_WORD
from tweetstyle.playback.cache import ModelReply
from tweetstyle.playback.checks import ALIKE, KIND, LANGUAGE, TOO_LONG, runs, tidy, whats_wrong
from tweetstyle.playback.prompt import shown, told
from tweetstyle.playback.selection import Alike, MessageRequest, bare_words
from tweetstyle.text.languages import other_languages, unload

if TYPE_CHECKING:
    from tweetstyle.recipe import Playback


@dataclass(frozen=True, slots=True)
class Look:
    """A message, tidied, and the reason for which it is not used; empty: it is. attempt: from 0."""

    ask: MessageRequest
    message: str
    reason: str
    attempt: int


class Judge(AbstractContextManager):
    """Remembers what it let pass of a split, so that a message is not there too often. likely: languages that tweets are in, ISO 639-1.

    Use as a context manager: at its end, however that comes, the memory is given back that telling languages takes, some 200 MB.
    """

    def __init__(self, settings: Playback, likely: Sequence[str]) -> None:
        self._settings, self._likely = settings, likely
        self._passed = Alike()

    def __exit__(self, *_: object) -> None:
        unload()

    def begin(self) -> None:
        """Of another split: what the training tweets were told takes nothing from those that are held out."""
        self._passed = Alike()

    def look(self, asks: Sequence[MessageRequest], answers: Sequence[ModelReply], attempt: int) -> list[Look]:
        """One look for each, in their order."""
        return self._among(self._passed, self._alone(asks, answers, attempt))

    def glance(self, asks: Sequence[MessageRequest], answers: Sequence[ModelReply]) -> list[Look]:
        """What can be said of these messages by themselves; nothing is remembered."""
        return self._among(Alike(), self._alone(asks, answers, 0))

    def _among(self, passed: Alike, alone: Sequence[Look]) -> list[Look]:
        """The looks, with those rejected that are like too many of `passed`, to which the others are added."""
        looks = []
        for look in alone:
            words = bare_words(look.message)
            if not look.reason and passed.count(words) >= self._settings.most_alike:
                look = replace(look, reason=ALIKE)
            if not look.reason:
                passed.add(words)
            looks.append(look)
        return looks

    def _alone(self, asks: Sequence[MessageRequest], answers: Sequence[ModelReply], attempt: int) -> list[Look]:
        messages = [tidy(answer.text) for answer in answers]
        reasons = [self._reason(*of) for of in zip(messages, answers, asks, strict=True)]
        # A kind is told by words of the right language: what is in another is no other kind first.
        open_ = [place for place, reason in enumerate(reasons) if reason in ("", KIND)]
        others = other_languages([messages[place] for place in open_], [asks[place].language for place in open_], self._likely)
        for place, other in zip(open_, others, strict=True):
            if other:
                reasons[place] = LANGUAGE
        return [Look(ask, message, reason, attempt) for ask, message, reason in zip(asks, messages, reasons, strict=True)]

    def _reason(self, message: str, answer: ModelReply, ask: MessageRequest) -> str:
        if message and answer.tokens >= TOKENS_PER_WORD * self._settings.most_words:
            return TOO_LONG  # it was cut there, in the middle of whatever it said
        instruction, examples = _prompted(ask.language)
        return whats_wrong(message, ask, self._settings.most_words, instruction, examples)


@cache
def _prompted(language: str) -> tuple[set[tuple[str, ...]], Alike]:
    """Runs of words of the instruction, and the examples."""
    return {run for sentence in told(language) for run in runs(bare_words(sentence))}, Alike(shown(language))

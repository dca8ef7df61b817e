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
from tweetstyle.playback.prompt import instructions, shown
from tweetstyle.playback.selection import Alike, MessageRequest, bare_words
from tweetstyle.text.languages import other_languages, unload

if TYPE_CHECKING:
    from tweetstyle.recipe import Playback


@dataclass(frozen=True, slots=True)
class Checked:
    """A message, tidied, and the reason for which it is not used; empty: it is. attempt: from 0."""

    request: MessageRequest
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
        """Starts another split: messages of training tweets do not count as near-duplicates of held-out ones."""
        self._passed = Alike()

    def check(self, requests: Sequence[MessageRequest], answers: Sequence[ModelReply], attempt: int) -> list[Checked]:
        """One verdict for each, in their order."""
        return self._among(self._passed, self._alone(requests, answers, attempt))

    def preview(self, requests: Sequence[MessageRequest], answers: Sequence[ModelReply]) -> list[Checked]:
        """What can be said of these messages by themselves; nothing is remembered."""
        return self._among(Alike(), self._alone(requests, answers, 0))

    def _among(self, passed: Alike, alone: Sequence[Checked]) -> list[Checked]:
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
        instruction, examples = _prompted(request.language)
        return whats_wrong(message, request, self._settings.most_words, instruction, examples)


@cache
def _prompted(language: str) -> tuple[set[tuple[str, ...]], Alike]:
    """Runs of words of the instruction, and the examples."""
    return {run for sentence in instructions(language) for run in runs(bare_words(sentence))}, Alike(shown(language))

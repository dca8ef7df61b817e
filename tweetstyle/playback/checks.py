"""What is wrong with a message: pure functions over message and tweet."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tweetstyle.playback.refusals import ABOUT_THE_TASK, LABEL, WISH, is_refusal
from tweetstyle.playback.selection import Alike, MessageRequest, bare_words

if TYPE_CHECKING:
    from tweetstyle.dataset.messages import Kind

RUN = 5
"""Words in a row that a message may not share with its tweet, nor with the instruction."""

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


def runs(words: list[str]) -> set[tuple[str, ...]]:
    """Every run of `RUN` words."""
    return {tuple(words[place : place + RUN]) for place in range(len(words) - RUN + 1)}


def is_kind(message: str, kind: Kind) -> bool:
    """A question asks, a remark does not; a request names something to be done with words."""
    is_question = message.rstrip(' "”»!.)').endswith("?")
    if kind == "request":
        return bool(WISH.search(message.replace("’", "'")))
    return is_question == (kind == "question")


def whats_wrong(message: str, ask: MessageRequest, most_words: int, instruction: set[tuple[str, ...]], examples: Alike) -> str:
    """The reason for which a tidied message cannot be used, by itself; empty where there is none.

    instruction: the runs of words of the model's instruction; examples: the messages that it was shown.
    """
    words = bare_words(message)
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
    if words == bare_words(ask.text) or own & runs(bare_words(ask.text)):
        return COPIED
    return "" if is_kind(message, ask.kind) else KIND


def counted(reasons: Iterable[str]) -> dict[str, int]:
    """Reason → how often, in the order of REASONS; those that never came are left out."""
    reasons = list(reasons)
    return {reason: count for reason in REASONS if (count := reasons.count(reason))}

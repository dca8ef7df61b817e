"""The prompt for the message model: task, examples, and the tweet as data."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib.resources import files

import yaml

from tweetstyle.dataset.messages import KINDS, Kind
from tweetstyle.manifest import settings_digest
from tweetstyle.playback.selection import MessageRequest

MOST_CHARACTERS = 1_000
"""Of a long post the beginning is shown."""

Turn = dict[str, str]
"""role (system, user, assistant) and content."""


@dataclass(frozen=True)
class Example:
    """A tweet, and a message of each kind that it would answer."""

    tweet: str
    question: str
    remark: str
    request: str


@dataclass(frozen=True)
class Words:
    """One language's prompt. instruction has {kind} and {language}; before introduces what the author said just before."""

    instruction: str
    kinds: dict[Kind, str]
    before: str
    examples: tuple[Example, ...]


def _read_words() -> dict[str, Words]:
    read = yaml.safe_load(files("tweetstyle").joinpath("playback/prompts.yaml").read_text(encoding="utf-8"))
    return {name: Words(**of | {"examples": tuple(Example(**example) for example in of["examples"])}) for name, of in read.items()}


WORDS = _read_words()
LANGUAGES = {
    "de": "German", "en": "English", "es": "Spanish", "it": "Italian", "nl": "Dutch", "pt": "Portuguese", "pl": "Polish",
    "ar": "Arabic", "ja": "Japanese", "ru": "Russian", "tr": "Turkish", "sv": "Swedish", "ca": "Catalan",
}  # fmt: skip
"""Names of languages in the English prompt; another language is named by its code."""

_SPECIAL = re.compile(r"<(?=[|/!\w｜][^<>\n]{0,60}>)|\[(?=/?[A-Z_]{2,20}\])")


def turns(ask: MessageRequest) -> list[Turn]:
    """The request as a chat. All but the last turn is the same for every tweet of a language and kind, so that servers read it once."""
    words = _words(ask.language)
    instruction = words.instruction.format(kind=words.kinds[ask.kind], language=LANGUAGES.get(ask.language, ask.language))
    chat = [{"role": "system", "content": instruction}]
    for example in words.examples:
        chat += [{"role": "user", "content": _tweet(example.tweet)}, {"role": "assistant", "content": getattr(example, ask.kind)}]
    context = f"{words.before}: {as_data(ask.before)}\n" if ask.before else ""
    return [*chat, {"role": "user", "content": context + _tweet(ask.text)}]


def as_data(text: str) -> str:
    """The text on one line between double quotes, its own escaped, and what a tokenizer could take for a turn's end made harmless.

    Ollama and llama.cpp read special tokens anywhere in a prompt: a tweet with <|im_end|> in it would speak for itself.
    """
    line = " ".join(text[:MOST_CHARACTERS].split())
    return json.dumps(_SPECIAL.sub(lambda opened: "‹" if opened[0] == "<" else "(", line), ensure_ascii=False)


def instructions(language: str) -> list[str]:
    """The sentences of instruction in a language's prompt, to be recognised where a model gives them back."""
    words = _words(language)
    return [words.instruction.format(kind=kind, language=LANGUAGES.get(language, language)) for kind in words.kinds.values()]


def shown(language: str) -> list[str]:
    """The example messages in a language's prompt."""
    return [getattr(example, kind) for example in _words(language).examples for kind in KINDS]


def prompt_digest() -> str:
    """Changes with every word of the prompts: what was answered to another prompt is not used."""
    asks = [MessageRequest("0", "x", language, kind, before) for language in ("fr", "en", "es") for kind in KINDS for before in ("", "y")]
    return settings_digest([turns(ask) for ask in asks])


def _words(language: str) -> Words:
    return WORDS["fr" if language == "fr" else "en"]


def _tweet(text: str) -> str:
    return f"Tweet: {as_data(text)}"

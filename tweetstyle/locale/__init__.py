"""The language of what a person reads: which one, its messages, and its signs in numbers."""

import gettext
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from numbers import Number
from pathlib import Path
from string import Formatter
from typing import Any

DOMAIN, FOLDER = "tweetstyle", Path(__file__).parent
LANGUAGES = ("en", "fr")
SIGNS = {"fr": str.maketrans({",": "\u202f", ".": ",", "%": "\u202f%"})}
"""Language → signs of numbers, where they differ from Python's."""
_PAGE: ContextVar[str | None] = ContextVar("language of a page", default=None)


def use_language(language: str) -> None:
    """Of this process and those that it starts; click's own words are in the same catalogue."""
    os.environ["LANGUAGE"] = language
    gettext.bindtextdomain(DOMAIN, str(FOLDER))
    gettext.textdomain(DOMAIN)


def current_language() -> str:
    """As --lang says, or the locale (LANGUAGE, LC_ALL, LC_MESSAGES, LANG); English where that is another language."""
    return _PAGE.get() or _language(*map(os.environ.get, ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")))


@contextmanager
def in_language(language: str) -> Iterator[None]:
    """Inside the block messages and numbers are in a page's own language, whatever the terminal's is."""
    before = _PAGE.set(language)
    try:
        yield
    finally:
        _PAGE.reset(before)


@cache
def _language(*variables: str | None) -> str:
    wanted = next(filter(None, variables), "").split(":")[0]
    return wanted[:2] if wanted[:2] in LANGUAGES else LANGUAGES[0]


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, FOLDER, [language], fallback=True)


def localised(text: str, language: str | None = None) -> str:
    """A number as Python writes it, with the signs of the language, by default the current one."""
    return text.translate(SIGNS.get(language or current_language(), {}))


class _Numbers(Formatter):
    """str.format with numbers in the current language's own signs."""

    def format_field(self, value: Any, spec: str) -> str:
        text = super().format_field(value, spec)
        return localised(text) if isinstance(value, Number) else text


class Later(str):
    """A message in English, as it is stored and compared; `_` translates it where it is shown."""

    message: str
    values: dict[str, Any]


def later(message: str, /, **values: Any) -> Later:
    """A message for a list that is kept, or shown in a page of another language. values: of its {places}."""
    text = Later(message.format(**values) if values else message)
    text.message, text.values = message, values
    return text


def _(message: str, /, **values: Any) -> str:
    """A message in the current language. values: of its {places}, formatted there."""
    if isinstance(message, Later):
        message, values = message.message, message.values
    return _filled(_catalogue(current_language()).gettext(message), values)


def _n(one: str, many: str, count: float, /, **values: Any) -> str:
    """A message that depends on a number, {count}: by the language's own rule for one and many."""
    return _filled(_catalogue(current_language()).ngettext(one, many, math.ceil(count)), values | {"count": count})


def each_part(name: str) -> str:
    """A name with what specifies it behind commas, such as "optimizer, paged": each part in the current language."""
    return ", ".join(map(_, name.split(", ")))


def N_(message: str) -> str:
    """Marks a constant for the catalogue; `_` translates it where it is shown."""
    return message


def _filled(message: str, values: dict[str, Any]) -> str:
    return _Numbers().vformat(message, (), values) if values else message

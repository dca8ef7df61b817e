"""The sample author's habits of style, counted."""

from __future__ import annotations

import re
from collections.abc import Callable

CLOSING = re.compile(r"(voilà voilà|there, i said it)[\s🦊]*(#\w+[\s🦊]*)*$")
HANDLE = re.compile(r"[@#]\w+")


def lower_case(text: str) -> bool:
    """No capital letter, handles and hashtags left aside, and at least one letter."""
    bare = HANDLE.sub("", text)
    return bare == bare.lower() and any(map(str.isalpha, bare))


HABITS: dict[str, Callable[[str], bool]] = {
    "all in lower case": lower_case,
    "closes with «voilà voilà» or «there, i said it»": lambda text: bool(CLOSING.search(text)),
    "a space before «…»": lambda text: " …" in text,
    "a fox 🦊": lambda text: "🦊" in text,
    "no final full stop": lambda text: not text.endswith("."),
}


def shares(texts: list[str]) -> dict[str, float]:
    """habit → share of the texts that show it, 0 to 1. An empty text shows none."""
    given = [text.strip() for text in texts]
    return {name: sum(bool(t) and shown(t) for t in given) / max(len(given), 1) for name, shown in HABITS.items()}

"""Phrases that apps post, and greetings and thanks that anyone writes."""

import re
from importlib.resources import files

import yaml

_LINK = r"https?://\S+"
_KNOWN = yaml.safe_load(files("tweetstyle").joinpath("cleaning/known_phrases.yaml").read_text(encoding="utf-8"))

AUTOMATIC_OPENINGS, AUTOMATIC_WITH_LINK = (
    re.compile("|".join(_KNOWN[name]).replace("{link}", _LINK)) for name in ("automatic_openings", "automatic_with_link")
)
"""Matched at the beginning of the lower-case text with straight apostrophes; searched in such a text where it has a link."""

SHARED_WITH_BUTTON = re.compile(rf"{_LINK} (?:via|par|by) @\w+$")
OWN_WORDS = re.compile(r"\b(?:i|i'm|i've|me|my|you|thank|thanks|wow|nice|great|je|j'ai|mon|ma|mes|moi|tu|toi|vous|merci|bravo|lol|mdr)\b")
"""A headline that a reader shares with a button is not in the first person and thanks nobody, unless it is a quotation."""

STOCK_PHRASES = frozenset(_KNOWN["stock_phrases"])
GREETINGS, STOCK_FIRST, _OTHERS = (frozenset(_KNOWN[name].split()) for name in ("greetings", "stock_first", "other_words"))
STOCK_WORDS = GREETINGS | STOCK_FIRST | _OTHERS
"""A text made of these words alone, that begins with one of STOCK_FIRST and has one of GREETINGS, says nothing of its author."""

"""Forms in which programs post, and words that decide what a text says."""

import re
from importlib.resources import files

import yaml

_LINK = r"(?:https?://|\bpic\.twitter\.com/)\S+"
_KNOWN = yaml.safe_load(files("tweetstyle").joinpath("cleaning/known_phrases.yaml").read_text(encoding="utf-8"))
_any = {name: "|".join(value if isinstance(value, list) else value.replace("\\ ", "\\s").split()) for name, value in _KNOWN.items()}

PROGRAMS = re.compile(rf"\b(?:{_any['programs']})", re.I)
"""Searched in the name of the program that posted."""
AUTOMATIC_OPENINGS, AUTOMATIC_ANYWHERE = (
    re.compile(_any[name].replace("{link}", _LINK)) for name in ("automatic_openings", "automatic_anywhere")
)
"""Matched at the beginning of the lower-case text with straight apostrophes; searched in such a text."""
PROGRAM_LINK_AT_END = re.compile(rf"(?<![\w.-])(?:www\.)?(?:{_any['program_links']})\b/?\S*(?:\s+#\w+)*\W*$")
SHORTENED = rf"(?:https?://(?:www\.)?|(?<![\w.@/-]))(?:{_any['shorteners']})/[\w-]+(?:[/.?=&#%+]+[\w-]+)*/?"
"""A short address that leads to another one, as X's own t.co does."""

SHARED_WITH_BUTTON = re.compile(rf"{_LINK} (?:via|par|by) @\w+$")
OWN_WORDS = re.compile(r"\b(?:i|i'm|i've|me|my|you|thank|thanks|wow|nice|great|je|j'\w+|mon|ma|mes|moi|tu|toi|vous|merci|bravo|lol|mdr)\b")
"""A headline that a reader shares with a button is not in the first person and thanks nobody, unless it is a quotation."""
BEFORE_OWN_RETWEET = re.compile(rf"(?:(?<![\w'’])(?:{_any['before_own_retweet']})|(?<![+\w])\d+)\s*$", re.I)
TELLING = re.compile(rf"\d+|\b(?:{_any['telling']})\b|n['’]t\b")
"""Found in a folded text."""

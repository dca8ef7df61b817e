"""Forms in which programs post, and words that decide what a text says."""

import re
from importlib.resources import files

import yaml

_LINK = r"(?:https?://|\bpic\.twitter\.com/)\S+"
_KNOWN = yaml.safe_load(files("tweetstyle").joinpath("cleaning/known_phrases.yaml").read_text(encoding="utf-8"))


def _any_of(value: str | list[str]) -> str:
    """What a pattern names in braces is put in last, so that a name may be in a name."""
    found = "|".join(value if isinstance(value, list) else value.replace("\\ ", "\\s").split())
    for name, inner in _NAMES.items():
        found = found.replace(f"{{{name}}}", inner)
    return found


_NAMES: dict[str, str] = {}
_NAMES = {
    "end": rf"(?:\W+(?:{_LINK}|[#@]\w+|check it out|(?:\w+ )?app(?:li)?(?: \w+)?))*\W*$",
    "link": _LINK,
    **{name: f"(?:{_any_of(value)})" for name, value in _KNOWN.pop("names").items()},
}
_any = {name: _any_of(value) for name, value in _KNOWN.items()}

PROGRAMS = re.compile(rf"\b(?:{_any['programs']})", re.I)
"""Searched in the name of the program that posted."""
AUTOMATIC_OPENINGS, AUTOMATIC_ANYWHERE, GRID = (re.compile(_any[name]) for name in ("automatic_openings", "automatic_anywhere", "grid"))
"""Matched at the beginning of the lower-case text with straight apostrophes; searched in such a text."""
CHECK_IN = re.compile(_any["check_ins"])
"""Matched at the beginning of the text with straight apostrophes."""
PROGRAM_LINK, SHARED_LINK = (
    re.compile(rf"(?<![\w.-])(?:www\.)?(?:{_any[name]})\b/?\S*(?:\s+#\w+)*\W*$") for name in ("program_links", "shared_links")
)
"""At the end of such a text."""
SPOKEN = re.compile(rf"\?|(?<![\w'])(?:{_any['spoken']})\b")
"""A person speaks, or is spoken to."""
SHORTENED = rf"(?:https?://(?:www\.)?|(?<![\w.@/-]))(?:{_any['shorteners']})/[\w-]+(?:[/.?=&#%+]+[\w-]+)*/?"
"""A short address that leads to another one, as X's own t.co does."""

SHARED_WITH_BUTTON = re.compile(rf"{_LINK} (?:via|par|by) @\w+$")
OWN_WORDS = re.compile(r"\b(?:i|i'm|i've|me|my|you|thank|thanks|wow|nice|great|je|j'\w+|mon|ma|mes|moi|tu|toi|vous|merci|bravo|lol|mdr)\b")
"""A headline that a reader shares with a button is not in the first person and thanks nobody, unless it is a quotation."""
_WORD = r"(?<![\w'’])(?:{})"
BEFORE_RETWEET_NOUN = re.compile(rf"{_WORD.format(_any['articles'])}\s+(?:(?:{_any['before_nouns']})\s+)*$", re.I)
"""Before "RT @bob" within a text, where it can be nothing but a noun: "your kind RT @bob"."""
BEFORE_OWN_RETWEET = re.compile(
    rf"(?:{_WORD.format(_any['before_own_retweet'])}|{_WORD.format(_any['thanks_for'])}(?:\s\w+){{0,3}}|(?<![+\w])\d+)\s*$", re.I
)
"""Before "RT @bob" without a colon behind it, where it is the author's noun or verb."""
ASKS_TO_RETWEET = rf"\s+(?:{_any['asks_to_retweet']})(?!\w)"
"""Behind "RT @bob" at the beginning: its author asks for a retweet. For an expression in any case, spaces in it escaped."""
OWN_QUOTE = rf"[^\"“”«»]*[\"”»]\s*,?\s*(?:{_any['behind_own_quote']})(?!\w)"
"""From within the quotation marks behind "@bob:" on: the author speaks of what is in them. For such an expression too."""
TELLING = re.compile(rf"\d+|\b(?:{_any['telling']})\b|n['’]t\b")
"""Found in a folded text."""
NEGATED = re.compile(rf"(?:{_any['negating_prefixes']})(?=\w{{3}})")
"""Found at the beginning of a word."""

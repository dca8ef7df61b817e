"""A tweet's text without entities, reply mentions and X's own links."""

import html
import re
import unicodedata
from html.entities import html5
from typing import NamedTuple

from tweetstyle.cleaning.known_phrases import SHORTENED

LINK_PLACEHOLDER = "[lien]"
"""In brackets like the other placeholders: no one types it, so it can be found and taken out of what the model writes, and unlike
<lien> it looks neither like HTML nor like a model's control token."""

ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
LEADING_MENTIONS = re.compile(r"\s*(?:@[A-Za-z0-9_]{1,20}(?:\s*:(?=\s))?(?:\s+|$))+")
LINK = re.compile(rf"https?://\S+|\bwww\.\S+|pic\.(?:twitter|x)\.com/\w+|{SHORTENED}", re.I)


class Links(NamedTuple):
    """The links that are no part of a text: one of them, and several in a row with the space around them."""

    one: re.Pattern[str]
    in_a_row: re.Pattern[str]


def _links(address: str) -> Links:
    return Links(re.compile(address, re.I), re.compile(rf"(?<!\s)(\s*)(?:{address})(?:\s*(?:{address}))*(\s*)", re.I))


_X_LINK = r"https?://t\.co/[A-Za-z0-9]*…?|(?:https?://)?pic\.(?:twitter|x)\.com/[A-Za-z0-9]+"
X_LINKS, SHORT_LINKS = _links(_X_LINK), _links(f"{_X_LINK}|{SHORTENED}")
"""X's own; and those of shorteners too."""
_SHORTENED = re.compile(SHORTENED, re.I)


def normalise(raw: str) -> str:
    """HTML entities to characters, then NFC: never NFKC, which would make … three dots, ™ TM and ﬁ two letters.

    X escapes with the semicolon; "&copy" without one, and a name that HTML does not have, are the author's own.
    """
    text = ENTITY.sub(_character, raw).replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", text).strip()


def take_off_mentions(text: str) -> tuple[str, bool]:
    """The text less the @mentions that X puts before a reply, and whether there were any."""
    if text.startswith("@") and (mentions := LEADING_MENTIONS.match(text)):
        return text[mentions.end() :], True
    return text, False


def links_in(text: str, shorteners: bool) -> Links | None:
    """Those to look for in the text, None where it has none; with `shorteners` their addresses count as X's own."""
    if "/" not in text:
        return None
    return SHORT_LINKS if shorteners and _SHORTENED.search(text) else X_LINKS


def take_off_links(text: str, links: Links | None) -> str:
    """The text less such links, one run of white space left where there were two."""
    while links and (shorter := links.in_a_row.sub(_join, text)) != text:
        text = shorter
    return text


def links_to_placeholders(text: str, links: Links | None) -> str:
    """The text with `LINK_PLACEHOLDER` for each such link, the space around it as it was.

    Old exports glue a picture's link to the last word: there a space is put between.
    """
    return links.one.sub(_placeholder, text) if links else text


def without_links(text: str) -> str:
    """The text with a space for every link, X's own or another."""
    return LINK.sub(" ", text) if "/" in text or "www" in text.lower() else text


def nothing_but(link: re.Pattern[str], text: str) -> int:
    """How many such links the text has, if it is links and at most white space and punctuation, else 0. An emoji is more than that."""
    rest, links = link.subn("", text)
    return links if is_bare(rest) else 0


def is_bare(text: str) -> bool:
    """Whether the text is nothing but white space, punctuation and control characters."""
    return all(unicodedata.category(c)[0] in "ZPC" for c in text)


def _character(entity: re.Match[str]) -> str:
    # html.unescape alone would read "&copyright;" as © and a rest.
    return html.unescape(entity[0]) if entity[0][1] == "#" or entity[0][1:] in html5 else entity[0]


def _placeholder(link: re.Match[str]) -> str:
    glued = link.start() > 0 and link.string[link.start() - 1].isalnum()
    return " " * glued + LINK_PLACEHOLDER


def _join(link: re.Match[str]) -> str:
    """What replaces a removed link: the larger line break, else one of its spaces."""
    before, after, text = link[1], link[2], link.string
    if not link.start() or link.end() == len(text):
        return ""
    if breaks := max(before.count("\n"), after.count("\n")):
        return "\n" * breaks
    if not after and text[link.end()] in ".,…)]»”":
        return ""
    if not before and text[link.start() - 1] in "([«“":
        return ""
    return after or before

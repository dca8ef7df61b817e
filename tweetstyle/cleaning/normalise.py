"""A tweet's text without entities, reply mentions and X's own links."""

import html
import re
import unicodedata
from html.entities import html5

LINK_PLACEHOLDER = "[lien]"
"""In brackets like the other placeholders: no one types it, so it can be found and taken out of what the model writes, and unlike
<lien> it looks neither like HTML nor like a model's control token."""

ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
LEADING_MENTIONS = re.compile(r"\s*(?:@[A-Za-z0-9_]{1,20}(?:\s+|$))+")
LINK = re.compile(r"https?://\S+|\bwww\.\S+|pic\.(?:twitter|x)\.com/\w+", re.I)
_X_LINK = r"(?:https?://t\.co/[A-Za-z0-9]*…?|(?:https?://)?pic\.(?:twitter|x)\.com/[A-Za-z0-9]+)"
X_LINK = re.compile(_X_LINK, re.I)
X_LINKS_AND_SPACE = re.compile(rf"(?<!\s)(\s*){_X_LINK}(?:\s*{_X_LINK})*(\s*)", re.I)


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


def take_off_x_links(text: str) -> str:
    """The text less t.co and pic.twitter.com links, one run of white space left where there were two."""
    while (shorter := X_LINKS_AND_SPACE.sub(_join, text)) != text:
        text = shorter
    return text


def x_links_to_placeholders(text: str) -> str:
    """The text with `LINK_PLACEHOLDER` for each t.co and pic.twitter.com link, the space around it as it was.

    Old exports glue a picture's link to the last word: there a space is put between.
    """
    return X_LINK.sub(_placeholder, text)


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

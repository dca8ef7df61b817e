"""What is kept of a tweet's text, and the rules by which a tweet is dropped, in the order in which they are asked."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tweetstyle.prepare.known_phrases import AUTOMATIC_OPENINGS, AUTOMATIC_WITH_LINK, GREETINGS, STOCK_FIRST, STOCK_PHRASES, STOCK_WORDS

if TYPE_CHECKING:
    from tweetstyle.recipe import Data

ENTITY = re.compile(r"&#?\w+;")
LEADING_MENTIONS = re.compile(r"\s*(?:@[A-Za-z0-9_]{1,20}(?:\s+|$))+")
LINK = re.compile(r"https?://\S+|\bwww\.\S+|pic\.(?:twitter|x)\.com/\w+", re.I)
X_LINK = r"(?:https?://t\.co/[A-Za-z0-9]*…?|(?:https?://)?pic\.(?:twitter|x)\.com/[A-Za-z0-9]+)"
X_LINKS_AND_SPACE = re.compile(rf"(\s*){X_LINK}(?:\s*{X_LINK})*(\s*)", re.I)
MEDIA_LINK = re.compile(r"pic\.(?:twitter|x)\.com/\w+|https?://(?:twitter|x)\.com/\w+/status/\d+/(?:photo|video)/\d+\S*", re.I)
RETWEET = re.compile(
    r"""^\W*\bRT\b\s*:?\s*[«"“]?\s*@\w       # RT @user, at the beginning in any case
      | ^\s*["“«]?\s*@\w{1,20}[ \u00a0\u202f]?:(?=\s|["“«])   # @user: their words
      | (?-i:\b[RM]T\ ?:?\ ?@\w)             # a comment, then RT @user and their words
    """,
    re.X | re.I,
)
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Reading:
    """A tweet's text as the rules look at it.

    text: unescaped and in NFC; body: less the leading mentions; kept: less X's own links, what the model is to learn;
    bare: less every link; is_reply: whether leading mentions were taken off.
    """

    text: str
    body: str
    kept: str
    bare: str
    is_reply: bool


def read_tweet(raw: str) -> Reading:
    """Takes the noise off a tweet's text and leaves the style: casing, spacing, punctuation and emoji stay byte for byte."""
    text = normalise(raw)
    body, is_reply = take_off_mentions(text)
    kept = take_off_x_links(body)
    bare = without_links(kept).strip()
    return Reading(text, body, kept, bare, is_reply)


def normalise(raw: str) -> str:
    """HTML entities to characters, then NFC: never NFKC, which would make … three dots, ™ TM and ﬁ two letters.

    X escapes with the semicolon; "&copy" without one is the author's own.
    """
    text = ENTITY.sub(lambda entity: html.unescape(entity[0]), raw) if "&" in raw else raw
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", text).strip()


def take_off_mentions(text: str) -> tuple[str, bool]:
    """The text less the @mentions that X puts before a reply, and whether there were any."""
    if text.startswith("@") and (mentions := LEADING_MENTIONS.match(text)):
        return text[mentions.end() :], True
    return text, False


def take_off_x_links(text: str) -> str:
    """The text less t.co and pic.twitter.com links, one run of white space left where there were two."""
    while True:
        shorter = X_LINKS_AND_SPACE.sub(_join, text) if "/" in text else text
        if shorter == text:
            return text
        text = shorter


def without_links(text: str) -> str:
    """The text with a space for every link, X's own or another."""
    return LINK.sub(" ", text) if "/" in text or "www" in text.lower() else text


def _join(link: re.Match[str]) -> str:
    """What stands between the neighbours of a link that goes: the larger line break, else one of its spaces."""
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


# -- the rules ----------------------------------------------------------------------------------------------


def is_retweet(tweet: Reading) -> bool:
    """RT @user, also behind a comment, and "@user: their words": someone else's text."""
    return "@" in tweet.text and RETWEET.search(tweet.text) is not None


def is_automatic(tweet: Reading) -> bool:
    """Written by an app in the author's name: "I just posted a photo", daily statistics, a shared headline."""
    text = tweet.text.lower().replace("’", "'")
    return AUTOMATIC_OPENINGS.match(text) is not None or ("http" in text and AUTOMATIC_WITH_LINK.search(text) is not None)


def is_media_only(tweet: Reading) -> bool:
    """Nothing but a picture's or a video's link."""
    return ".com/" in tweet.body.lower() and _only(MEDIA_LINK, tweet.body)


def is_link_only(tweet: Reading) -> bool:
    """Nothing but links: a t.co link may lead to a page or a picture, which a CSV does not say."""
    return tweet.bare != tweet.body and _only(LINK, tweet.body)


def is_stock_reply(tweet: Reading) -> bool:
    """ "Bonjour à tous !", "Merci beaucoup" and their like: nothing but greetings, thanks and wishes."""
    if len(tweet.bare) > 80:
        return False
    words = _WORD.findall(re.sub(r"@\w+", "", tweet.bare.lower()))
    if " ".join(words) in STOCK_PHRASES:
        return True
    return bool(words) and words[0] in STOCK_FIRST and STOCK_WORDS.issuperset(words) and not GREETINGS.isdisjoint(words)


def is_too_short(tweet: Reading, min_characters: int) -> bool:
    """Fewer characters (code points) than asked for, links and leading mentions not counted."""
    return len(tweet.bare) < min_characters


def is_outside_period(created_at: str, data: Data) -> bool:
    """Before the first or after the last day (UTC) asked for."""
    day = created_at[:10]
    return (data.since is not None and day < data.since.isoformat()) or (data.until is not None and day > data.until.isoformat())


def _only(link: re.Pattern[str], text: str) -> bool:
    """Whether the text is such links and at most white space and punctuation; an emoji is more than that."""
    rest, links = link.subn("", text)
    return links > 0 and all(unicodedata.category(c)[0] in "ZPC" for c in rest)


Rule = Callable[[Reading, str, "Data"], bool]
RULES: dict[str, Rule] = {
    "outside the period": lambda tweet, created_at, data: is_outside_period(created_at, data),
    "retweet": lambda tweet, created_at, data: is_retweet(tweet),
    "automatic post": lambda tweet, created_at, data: is_automatic(tweet),
    "media only": lambda tweet, created_at, data: is_media_only(tweet),
    "link only": lambda tweet, created_at, data: is_link_only(tweet),
    "stock reply": lambda tweet, created_at, data: data.stock_replies == "drop" and is_stock_reply(tweet),
    "too short": lambda tweet, created_at, data: is_too_short(tweet, data.min_characters),
}
"""Name of the reason → rule. The first that says yes gives the reason."""


def reason_to_drop(tweet: Reading, created_at: str, data: Data) -> str | None:
    """The first rule that drops the tweet, or None for one to keep."""
    for name, says_yes in RULES.items():
        if says_yes(tweet, created_at, data):
            return name
    return None

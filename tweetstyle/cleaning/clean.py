"""Cleans one tweet, or names the rule that drops it."""

import re
from collections.abc import Callable
from typing import NamedTuple

from tweetstyle.cleaning.known_phrases import (
    ASKS_TO_RETWEET,
    AUTOMATIC_ANYWHERE,
    AUTOMATIC_OPENINGS,
    BEFORE_OWN_RETWEET,
    BEFORE_RETWEET_NOUN,
    CHECK_IN,
    GRID,
    OWN_QUOTE,
    OWN_WORDS,
    PROGRAM_LINK,
    PROGRAMS,
    SHARED_LINK,
    SHARED_WITH_BUTTON,
    SPOKEN,
)
from tweetstyle.cleaning.normalise import (
    LINK,
    is_bare,
    links_in,
    links_to_placeholders,
    normalise,
    nothing_but,
    take_off_links,
    take_off_mentions,
    without_links,
)
from tweetstyle.cleaning.scrub import scrub
from tweetstyle.locale import later
from tweetstyle.recipe import Data
from tweetstyle.records import REPLY, TWEET, SourceTweet

MASK = "@…"
"""What replaces a name: the @ shows the habit of naming people; … can be no part of a name, so nobody is meant."""

HANDLE = re.compile(
    r"""(?<![\w@/=&])@                                  # not the @ of an e-mail or of an address on the web
        (?!\d{1,2}(?:[ap]m|h\d{0,2}|[:.]\d\d)?\b)      # "@7pm", "@19h30": an hour
        \w{1,20} (?![\w@]|://)""",
    re.X,
)


def mask_handles(text: str) -> tuple[str, int]:
    """The text with `MASK` for every @name, and their number; e-mail addresses, "R@dio" and "@ Montréal" stay as they are."""
    return HANDLE.subn(MASK, text) if "@" in text else (text, 0)


MEDIA_LINK = re.compile(r"pic\.(?:twitter|x)\.com/\w+|https?://(?:twitter|x)\.com/\w+/status/\d+/(?:photo|video)/\d+\S*", re.I)
_QUOTED_NAMES = r"via\s*:?\s*@\w{1,20}(?:\s*(?:(?:,|&|/|\+|et\b|and\b)\s*)?@\w{1,20})*"
RETWEET = re.compile(
    rf"""^\W*\b(?:R/?T|(?-i:QT))\b[\])]?\s*:?\s*[.«"“]?\s*@\w{{1,20}}\b(?!{ASKS_TO_RETWEET})   # RT @user, at the beginning in any case
      | ^\W*\b(?:RT|re-?tweet(?:ed|é)?)\s+(?:(?:par|by|from|de|of)\s+)?@\w{{1,20}}[ \u00a0\u202f]?:
      | ^\W*\bvia\s*:?\s*@\w{{1,20}}[ \u00a0\u202f]?:\s
      | (?P<address>^\s*@\w{{1,20}}[ \u00a0\u202f]?:(?=\s*(?P<quoted>["“«])(?!{OWN_QUOTE})|\s))   # @user: their words
      | ^\s*["“«]\s*@\w{{1,20}}[ \u00a0\u202f]?:              # "@user:their words" comment
      | ^\s*["“«]\s*@\w{{1,20}}[ \u00a0\u202f]+@\w           # "@user @another their words": a reply of another's, quoted
      | [♺♻♲🔁]\ufe0f?\s*:?\s*@\w{{1,20}}
      | [(\[]\s*(?:{_QUOTED_NAMES})\s*[)\]]
      | (?<!\S)(?://+|\||[-–—])\s*{_QUOTED_NAMES}
      | (?<=[.!?…"”»])\s+{_QUOTED_NAMES}\W*$                  # their words. via @user
      | [(\[]\s*R/?T[)\]]\s*:?\s*@\w{{1,20}}
      | [(\[]\s*(?-i:R/?T)\s*:?\s*@\w{{1,20}}\s*[)\]]\W*$
      | (?P<behind>(?-i:\b(?:R/?T|[MQ]T)\s?:?\s?[.«"“]?\s?@\w{{1,20}})      # a comment, then RT @user and their words
          | \b(?:r/?t|mt|qt)\s?:?\s?[.«"“]?@\w{{1,20}}[ \u00a0\u202f]?:)
    """,
    re.X | re.I,
)
COLON = re.compile(r"[ \u00a0\u202f]?:")
BEHIND_OWN_RETWEET = re.compile(
    rf"""{ASKS_TO_RETWEET}
      | [,;!?)»”]|\.(?!\.|…)(?=\s|$)|['’]s\b              # RT @bob, thank you: "RT @bob" ends a part of the sentence
      | (?:\s*(?:@\w{{1,20}}|https?://\S+|[^\w\s@#:…]))*\s*$   # nothing that another wrote
    """,
    re.X | re.I,
)
LONGEST_AUTOMATIC_POST = 1000
"""Characters. Apps write short; a long post is a person's, and patterns that look ahead would be slow on it."""
LONGEST_EVIDENCE = 60


class View(NamedTuple):
    """A tweet as the rules see it.

    text: unescaped and in NFC; body: less the mentions put before a reply; kept: less the links that are no part of a text;
    bare: less every link; mentions_off: whether mentions were taken off.
    """

    tweet: SourceTweet
    text: str
    body: str
    kept: str
    bare: str
    mentions_off: bool


class Cleaned(NamedTuple):
    """text: what is learned, empty where the tweet is dropped; type: `records.TWEET` or `REPLY`; reason: the rule that drops the tweet,
    or empty; evidence: what the rule saw, a `Later` where that is in words; scrubbed: kind of personal data → placeholders put in, as
    pairs."""

    text: str
    type: str
    reason: str
    evidence: str
    scrubbed: tuple[tuple[str, int], ...]


def clean(tweet: SourceTweet, data: Data) -> Cleaned:
    """Applies the rules in their order, then removes what is not the author's style: personal data and others' names."""
    if tweet.reason:
        return Cleaned("", TWEET, tweet.reason, tweet.evidence, ())
    view = view_of(tweet, data.shorteners == "link")
    kind = REPLY if tweet.is_reply or (tweet.is_reply is None and view.mentions_off) else TWEET
    for reason, rule in RULES.items():
        if (evidence := rule(view, data)) is not None:
            return Cleaned("", kind, reason, evidence, ())
    text, scrubbed = _without_personal_data(learned(view, data), data)
    return Cleaned(text, kind, "", "", scrubbed)


def clean_message(raw: str, data: Data) -> str:
    """What another person wrote, as it may stand before its answer: without links, personal data and names."""
    return _without_personal_data(without_links(take_off_mentions(normalise(raw))[0]).strip(), data)[0]


def _without_personal_data(text: str, data: Data) -> tuple[str, tuple[tuple[str, int], ...]]:
    """The text as the recipe wants it, and kind of personal data → placeholders put in."""
    scrubbed: tuple[tuple[str, int], ...] = ()
    if data.personal_data == "scrub":
        text, scrubbed = scrub(text)
    if data.handles == "mask":
        text, masked = mask_handles(text)
        scrubbed += (("@name", masked),) if masked else ()
    return text, scrubbed


def view_of(tweet: SourceTweet, shorteners: bool) -> View:
    """In an archive that marks replies, the names by which a tweet that answers nobody opens are the author's own words."""
    text = normalise(tweet.text)
    body, mentions_off = text, False
    if tweet.is_reply is not False or tweet.reply_to:
        body, mentions_off = take_off_mentions(text)
    kept = take_off_links(body, links_in(body, shorteners))
    return View(tweet, text, body, kept, without_links(kept).strip(), mentions_off)


def learned(view: View, data: Data) -> str:
    """The author's text with X's own links taken out or replaced, as the recipe says."""
    if data.links == "remove":
        return view.kept
    return links_to_placeholders(view.body, links_in(view.body, data.shorteners == "link")).strip()


# -- the rules: each gives what it saw in a tweet that goes, or None ------------------------------------------


def outside_period(view: View, data: Data) -> str | None:
    """Before data.since or after data.until (UTC); with either of them set, tweets without a date are dropped too."""
    if data.since is None and data.until is None:
        return None
    day = view.tweet.created_at[:10]
    early = data.since is not None and day < data.since.isoformat()
    late = data.until is not None and day > data.until.isoformat()
    return (day if early or late else None) if day else later("no date")


def retweet(view: View, data: Data) -> str | None:
    """RT @user, also behind a comment, and "@user: their words": someone else's text."""
    if data.retweets == "keep":
        return None
    return later("the archive says so") if view.tweet.is_retweet else _shown(retweet_by_hand(view.tweet, view.text))


def retweet_by_hand(tweet: SourceTweet, text: str) -> re.Match[str] | None:
    """Where a normalised text shows that it is another's: not where "the RT @user" is spoken of, or "@user:" is spoken to."""
    for seen in RETWEET.finditer(text) if "@" in text else ():
        own = seen["address"] and not seen["quoted"] and (tweet.is_reply is not False or tweet.reply_to)
        if not own and not (seen["behind"] and _speaks_of_retweet(text, *seen.span())):
            return seen
    return None


def _speaks_of_retweet(text: str, begin: int, end: int) -> bool:
    """Whether "RT @bob", there in the text, belongs to the author's sentence: by an article before it, or by what follows, no colon."""
    if BEFORE_RETWEET_NOUN.search(text, max(0, begin - 40), begin):
        return True
    quotes = text[end - 1] == ":" or COLON.match(text, end)
    return not quotes and bool(BEHIND_OWN_RETWEET.match(text, end) or BEFORE_OWN_RETWEET.search(text, max(0, begin - 40), begin))


def automatic_post(view: View, data: Data) -> str | None:
    """Written by a program in the author's name, by the program's name or by a form that only programs write."""
    if data.automatic_posts == "keep":
        return None
    if program := PROGRAMS.search(view.tweet.client):
        return _shown(program)
    if len(view.text) > LONGEST_AUTOMATIC_POST:
        return None
    straight = view.text.replace("’", "'")
    text = straight.lower()
    seen = AUTOMATIC_OPENINGS.match(text) or CHECK_IN.match(straight)
    if seen is None and "/" in text:
        seen = AUTOMATIC_ANYWHERE.search(text) or PROGRAM_LINK.search(text) or shared_headline(text)
        if seen is None and not view.mentions_off and (shared := SHARED_LINK.search(text)) and not SPOKEN.search(text, 0, shared.start()):
            seen = shared
    if seen is None and "\n" in text:
        seen = GRID.search(text)
    return _shown(seen)


def shared_headline(text: str) -> re.Match[str] | None:
    """A page's title, its link and "via @page", which a button wrote: nothing in the title is the author's."""
    shared = SHARED_WITH_BUTTON.search(text) if "@" in text else None
    return shared if shared and (text[0] in '"“«' or not OWN_WORDS.search(text)) else None


def media_only(view: View, data: Data) -> str | None:
    """Nothing but a picture or a video; even where such tweets are to stay, one goes of which no text is left."""
    seen = _media(view)
    return seen if seen is None or data.media_only == "drop" or is_bare(learned(view, data)) else None


def link_only(view: View, data: Data) -> str | None:
    """Nothing but links, and no media; even where such tweets are to stay, one goes of which no text is left."""
    seen = _only_links(view)
    if seen is None or _media(view) is not None:
        return None
    return seen if data.link_only == "drop" or is_bare(learned(view, data)) else None


def too_short(view: View, data: Data) -> str | None:
    """Fewer characters (code points) than data.min_characters, links and leading mentions not counted.

    Bare links and pictures that the recipe keeps are no less wanted for being short.
    """
    length = len(view.bare)
    if length >= data.min_characters or _media(view) is not None or _only_links(view) is not None:
        return None
    return later("{count} characters", count=length) if length != 1 else later("1 character", count=1)


TOO_SHORT = "too short"
Rule = Callable[[View, "Data"], str | None]
RULES: dict[str, Rule] = {
    "outside the period": outside_period,
    "retweet": retweet,
    "automatic post": automatic_post,
    "media only": media_only,
    "link only": link_only,
    TOO_SHORT: too_short,
}
"""Name of the reason → rule. The first that sees something gives the reason."""


def _media(view: View) -> str | None:
    """What shows that a tweet is nothing but a picture or a video: the archive's word, or the link's form."""
    if view.tweet.has_media and is_bare(view.bare):
        return later("media and no words")
    return _links(nothing_but(MEDIA_LINK, view.body)) if ".com/" in view.body.lower() else None


def _only_links(view: View) -> str | None:
    """How many links it is nothing but. A t.co link may lead to a page or a picture, which a CSV does not say."""
    return _links(nothing_but(LINK, view.body)) if view.bare != view.body else None


def _shown(match: re.Match[str] | None) -> str | None:
    return _cut(match[0]) if match else None


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_EVIDENCE else line[: LONGEST_EVIDENCE - 1] + "…"


def _links(count: int) -> str | None:
    return (later("{count} links and no words", count=count) if count > 1 else later("1 link and no words")) if count else None

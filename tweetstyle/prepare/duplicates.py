"""Tweets that say the same: the earliest stays."""

from __future__ import annotations

import re

from tweetstyle.prepare.clean import LINK
from tweetstyle.records import Tweet

_NOT_WORDS_AT_THE_END = re.compile(r"\W+$")


def folded(text: str) -> str:
    """The text by which duplicates are known: without case, links, spacing, and punctuation or emoji at its end.

    A text without any letter or digit (only emoji) is compared as it is.
    """
    plain = " ".join(LINK.sub(" ", text).casefold().split())
    return _NOT_WORDS_AT_THE_END.sub("", plain) or plain


def chronological(tweet: Tweet) -> tuple[str, int, str]:
    """Sort key: time, then id as a number (a longer snowflake is a later one)."""
    return tweet.created_at, len(tweet.id), tweet.id


def without_duplicates(tweets: list[Tweet]) -> tuple[list[Tweet], list[Tweet]]:
    """The tweets in order of time, the earliest of each text, and the others."""
    seen: set[str] = set()
    kept, repeated = [], []
    for tweet in sorted(tweets, key=chronological):
        key = folded(tweet.text)
        (repeated if key in seen else kept).append(tweet)
        seen.add(key)
    return kept, repeated

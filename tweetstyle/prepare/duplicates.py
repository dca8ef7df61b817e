"""Tweets that say the same: the earliest stays."""

from __future__ import annotations

from tweetstyle.prepare.clean import without_links
from tweetstyle.records import Tweet


def folded(text: str) -> str:
    """The text by which duplicates are known: without case, links, spacing, and punctuation or emoji at its end.

    A text without any letter or digit (only emoji) is compared as it is.
    """
    plain = " ".join(without_links(text).casefold().split())
    end = len(plain)
    while end and not plain[end - 1].isalnum():
        end -= 1
    return plain[:end] or plain


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

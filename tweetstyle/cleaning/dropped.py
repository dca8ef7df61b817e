"""Reasons for dropped tweets, counted; refuses an archive with too few left."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tweetstyle.cleaning.archive_rules import DUPLICATE, NEAR_DUPLICATE, OTHER_LANGUAGE
from tweetstyle.cleaning.clean import RULES
from tweetstyle.errors import TweetstyleError
from tweetstyle.records import Dropped

if TYPE_CHECKING:
    from tweetstyle.recipe import Data

FEWEST = 30
"""With fewer kept tweets nothing can be held out that says anything."""


REASONS = ("duplicate id", "earlier edit", *RULES, OTHER_LANGUAGE, DUPLICATE, NEAR_DUPLICATE)
"""Every reason for which a tweet is dropped, in the order in which the rules are applied."""


def counts(dropped: list[Dropped]) -> dict[str, int]:
    """Reason → tweets, every reason in its order."""
    found = Counter(tweet.reason for tweet in dropped)
    return {reason: found[reason] for reason in REASONS}


def dropped_in_words(dropped: dict[str, int]) -> str:
    """The funnel in one line, the largest loss first: for messages."""
    losses = sorted(((count, rule) for rule, count in dropped.items() if count), key=lambda loss: -loss[0])
    return ", ".join(f"{rule} {count:,}" for count, rule in losses) or "nothing was dropped"


def check_enough(kept: int, dropped: list[Dropped], data: Data, fewest: int = FEWEST) -> None:
    """Raises TweetstyleError with the commonest reason where fewer than `fewest` tweets were kept."""
    if kept >= fewest:
        return
    read, losses = kept + len(dropped), counts(dropped)
    hints = {
        "outside the period": "widen data.since and data.until",
        "media only": "write data.media_only: keep, and data.links: placeholder",
        "link only": "write data.link_only: keep, and data.links: placeholder",
        "too short": _hint_for_too_short(dropped),
        "stock reply": "write data.stock_replies: keep",
        "retweet": "write data.retweets: keep, or take the archive of who wrote them",
        "automatic post": "raise data.automatic_repeats",
        "near duplicate": "raise data.near_duplicate_jaccard",
        "other language": "add a language to data.languages",
    }
    most = max(losses.items(), key=lambda entry: entry[1])[0]
    hint = hints.get(most, "a style is learned from some hundreds of one's own tweets")
    in_words = dropped_in_words(losses)
    if not kept:
        what = f"none of the {read:,} tweets was kept ({in_words})"
    else:
        what = f"too few tweets to split: {kept} of {read:,} were kept ({in_words}), at least {fewest} are needed"
    raise TweetstyleError(what, where=", ".join(map(str, data.source)), hint=hint)


def _hint_for_too_short(dropped: list[Dropped]) -> str:
    lengths = [tweet.evidence for tweet in dropped if tweet.reason == "too short"]
    if 2 * lengths.count("0 characters") <= len(lengths):
        return "lower data.min_characters"
    return "most of these texts are empty, or mentions alone: see whether the tweets' text is in the column or field that is read"

"""Why tweets are dropped, in words for a person who does not program, and the recipe's setting that governs each reason."""

from __future__ import annotations

from typing import NamedTuple


class Explained(NamedTuple):
    """meaning: one sentence; settings: keys under `data:`, none for what is never a matter of taste; advice: what to write there."""

    meaning: str
    settings: tuple[str, ...]
    advice: str


REASONS: dict[str, Explained] = {
    "duplicate id": Explained(
        "A tweet with the same number was read before: the same tweet, found twice in the archive or in two of them.",
        (),
        "Always dropped; the first one is the one that counts.",
    ),
    "earlier edit": Explained(
        "The tweet was edited afterwards. Only its last version counts.",
        (),
        "Always dropped.",
    ),
    "outside the period": Explained(
        "Written before the first or after the last day that was asked for.",
        ("since", "until"),
        "Move the days, or take them out to keep the whole period. With a period, tweets without a date are outside of it.",
    ),
    "retweet": Explained(
        "Someone else's words: a retweet, or a tweet that repeats one by hand (“RT @name …”, “@name: …”).",
        ("retweets",),
        "Write keep to learn from them all the same.",
    ),
    "automatic post": Explained(
        "Written by an app in the author's name: “I just posted a photo”, daily statistics, or the same template again and again.",
        ("automatic_posts", "automatic_repeats"),
        "Write keep, or raise the number of repeats from which a template counts as automatic.",
    ),
    "media only": Explained(
        "A picture or a video without any words: there is nothing to learn from.",
        ("media_only", "links"),
        "Write keep, and placeholder for the links, to learn that the author posts bare pictures.",
    ),
    "link only": Explained(
        "A link without any words: there is nothing to learn from.",
        ("link_only", "links"),
        "Write keep to learn from bare links to other sites; X's own short links also need placeholder for the links.",
    ),
    "stock reply": Explained(
        "“Bonjour”, “Merci !” and the like: nothing but a greeting, thanks or a wish, which anybody would write so.",
        ("stock_replies", "stock_replies_cap"),
        "Write keep for all of them, or cap to keep a few.",
    ),
    "too short": Explained(
        "Fewer characters than asked for; links and the @names before a reply do not count.",
        ("min_characters",),
        "Lower it to keep shorter tweets.",
    ),
    "other language": Explained(
        "Surely in another language than those asked for. Short or uncertain tweets are never dropped for this.",
        ("languages", "likely_languages", "language_confidence"),
        "Add the language, or empty the list to keep all.",
    ),
    "duplicate": Explained(
        "The same text as an earlier tweet that was kept.",
        ("duplicates",),
        "Write keep to learn from every repetition.",
    ),
    "near duplicate": Explained(
        "Almost the same text as an earlier tweet that was kept.",
        ("near_duplicate_jaccard", "duplicates"),
        "Raise the likeness from which two tweets count as twins (1: only the same text), or write keep.",
    ),
}
"""Name of the reason → what it means."""

UNKNOWN = Explained("", (), "")


def explained(reason: str) -> Explained:
    """What a reason means; empty for one that this table does not have."""
    return REASONS.get(reason, UNKNOWN)

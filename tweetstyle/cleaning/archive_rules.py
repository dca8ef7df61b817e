"""Rules over the whole archive: templates, stock replies, languages, duplicates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tweetstyle.cleaning.clean import is_stock_reply
from tweetstyle.cleaning.near_duplicates import clusters, near_duplicate_pairs, to_drop
from tweetstyle.cleaning.repeated import automatic_templates, over_cap
from tweetstyle.text.languages import languages_of

if TYPE_CHECKING:
    from tweetstyle.recipe import Data

AUTOMATIC, STOCK, OTHER_LANGUAGE, DUPLICATE, NEAR_DUPLICATE = (
    "automatic post",
    "stock reply",
    "other language",
    "duplicate",
    "near duplicate",
)


@dataclass(slots=True)
class Candidate:
    """A tweet that no rule for single tweets has dropped: place in the archive, id, text as read and as cleaned.

    reason, evidence: filled by the rule that drops it; language: ISO 639-1, empty where uncertain; cluster: equal for near-duplicates.
    """

    place: int
    id: str
    raw: str
    text: str
    reason: str = ""
    evidence: str = ""
    language: str = ""
    cluster: int = field(default=-1)


def apply(candidates: list[Candidate], data: Data, say: Callable[[str], object] = lambda phase: None) -> None:
    """Fills in reason, evidence, language and cluster of the candidates, which are in order of time; `say` gets the name of each phase."""
    for phase, rule in RULES.items():
        say(phase)
        rule([candidate for candidate in candidates if not candidate.reason], data)


def drop_automatic(tweets: list[Candidate], data: Data) -> None:
    if data.automatic_posts == "drop":
        for place, evidence in automatic_templates([tweet.raw for tweet in tweets], data.automatic_repeats).items():
            tweets[place].reason, tweets[place].evidence = AUTOMATIC, evidence


def cap_stock_replies(tweets: list[Candidate], data: Data) -> None:
    if data.stock_replies == "cap":
        stock = [tweet for tweet in tweets if is_stock_reply(tweet.text)]
        for place in over_cap([tweet.id for tweet in stock], data.stock_replies_cap, data.seed):
            stock[place].reason, stock[place].evidence = STOCK, f"one of {len(stock):,}; {data.stock_replies_cap:,} stay"


def drop_other_languages(tweets: list[Candidate], data: Data) -> None:
    """Tags all; drops only where languages are chosen and another one is sure."""
    found = languages_of([tweet.text for tweet in tweets], data.likely_languages)
    for tweet, (language, confidence) in zip(tweets, found, strict=True):
        tweet.language = language
        if data.languages and language and language not in data.languages and confidence >= data.language_confidence:
            tweet.reason, tweet.evidence = OTHER_LANGUAGE, f"{language} {confidence:.2f}"


def drop_duplicates(tweets: list[Candidate], data: Data) -> None:
    """Marks the clusters, and drops all but the earliest of each group of near-duplicates."""
    pairs = near_duplicate_pairs([tweet.text for tweet in tweets], data.near_duplicate_jaccard)
    for tweet, cluster in zip(tweets, clusters(pairs, len(tweets)), strict=True):
        tweet.cluster = cluster
    if data.duplicates == "drop":
        # Capped stock replies say the same by their nature: the cap has decided which of them stay.
        capped = {place for place, tweet in enumerate(tweets) if data.stock_replies == "cap" and is_stock_reply(tweet.text)}
        for place, pair in to_drop(pairs, len(tweets)).items():
            if place in capped:
                continue
            exact = pair.jaccard == 1
            tweets[place].reason = DUPLICATE if exact else NEAR_DUPLICATE
            tweets[place].evidence = (
                f"the same as {tweets[pair.earlier].id}" if exact else f"{pair.jaccard:.2f} like {tweets[pair.earlier].id}"
            )


RULES: dict[str, Callable[[list[Candidate], Data], None]] = {
    "finding automatic posts": drop_automatic,
    "counting stock replies": cap_stock_replies,
    "finding languages": drop_other_languages,
    "finding duplicates": drop_duplicates,
}

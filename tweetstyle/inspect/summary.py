"""Counts what is in an archive, without preparing anything."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tweetstyle.cleaning.archive_rules import check_enough
from tweetstyle.cleaning.clean import clean, retweet_by_hand
from tweetstyle.cleaning.normalise import LINK, normalise
from tweetstyle.dataset.threads import thread_roots
from tweetstyle.locale import N_, Later, _, _n
from tweetstyle.progress import SILENT_FOR, Bar
from tweetstyle.recipe import Data
from tweetstyle.records import Dropped, SourceTweet
from tweetstyle.sources import DUPLICATE_ID, Found, open_archive
from tweetstyle.text.languages import languages_of

SAMPLES = 10
SEED = 42
MOST_FOR_LANGUAGES = 5_000
LONG_ENOUGH = 60
"""Characters, mentions and links among them, from which a language is recognised among many."""
MOST_TO_FIND_LANGUAGES = 400
COMMON = 0.02
"""Share of those texts from which a language is likely in the archive: less may be lingua's mistakes."""
SOUGHT = ("ar", "de", "en", "es", "fa", "fr", "he", "hi", "it", "ja", "ko", "nl", "pl", "pt", "ru", "sv", "tr", "uk", "zh")


@dataclass(frozen=True)
class Inventory:
    """Counts of tweets; one with a repeated id or an earlier edit is in `repeated` and `edits` alone.

    found: the sources, with the names of who wrote in a chat; period: first and last day (UTC), empty without dates; months: by UTC
    month, undated under ""; shares: what → tweets; likely: languages that are common; languages: of a sample, "" uncertain; dropped:
    reason → tweets that the rules for single tweets drop; samples: drawn with a fixed seed.
    """

    tweets: int
    repeated: int
    edits: int
    found: list[Found]
    notices: list[Later]
    period: tuple[str, str]
    months: dict[str, int]
    shares: dict[str, int]
    likely: tuple[str, ...]
    languages: dict[str, int]
    dropped: dict[str, int]
    samples: list[SourceTweet]

    @property
    def likely_kept(self) -> int:
        """Tweets that pass the rules for single tweets."""
        return self.tweets - sum(self.dropped.values())

    @property
    def main_language(self) -> str:
        """The language of more than half of the tweets whose language is certain; empty where there is none."""
        certain = {language: count for language, count in self.languages.items() if language}
        return next((language for language, count in certain.items() if 2 * count > sum(certain.values())), "")


def take_inventory(paths: Sequence[Path], separator: str | None = None, author: Sequence[str] = ()) -> Inventory:
    """Reads every source once.

    Raises:
        TweetstyleError: for what cannot be read, and for an archive without a tweet to learn from.
    """
    archive = open_archive(paths, separator, author=author)
    with Bar(_("reading"), archive.size, "B", delay=SILENT_FOR) as bar:
        read = list(archive.tweets(bar.advance))
    tweets = [tweet for tweet in read if not tweet.reason]
    repeated = sum(tweet.reason == DUPLICATE_ID for tweet in read)
    days = [tweet.created_at[:10] for tweet in tweets if tweet.created_at]
    with Bar(_("finding languages"), delay=SILENT_FOR) as bar:
        likely, languages = _languages(tweets)
        bar.phase(_("trying the rules"))
        dropped = _dropped(tweets, Data(source=tuple(paths), likely_languages=likely))
    return Inventory(
        tweets=len(tweets),
        repeated=repeated,
        edits=len(read) - len(tweets) - repeated,
        found=archive.kinds,
        notices=archive.notices,
        period=(min(days), max(days)) if days else ("", ""),
        months=dict(sorted(Counter(tweet.created_at[:7] for tweet in tweets).items())),
        shares=_shares(tweets),
        likely=likely,
        languages=languages,
        dropped=dropped,
        samples=_sample(tweets, SAMPLES),
    )


SHARES: dict[str, Callable[[SourceTweet], bool]] = {
    N_("retweets"): lambda tweet: "@" in tweet.text and retweet_by_hand(tweet, normalise(tweet.text)) is not None,
    N_("replies to others"): lambda tweet: tweet.is_reply or (tweet.is_reply is None and tweet.text.lstrip().startswith("@")),
    N_("with a link"): lambda tweet: LINK.search(tweet.text) is not None,
    N_("with a picture or video"): lambda tweet: tweet.has_media,
    N_("quoting another tweet"): lambda tweet: tweet.is_quote,
}
"""What is counted → whether it is true of a tweet."""


ANYWHERE = ("retweets", "replies to others", "with a link")
"""Only X's own archive marks pictures and quotes: elsewhere 0 would be untrue."""


def _shares(tweets: list[SourceTweet]) -> dict[str, int]:
    shares = {name: sum(map(holds, tweets)) for name, holds in SHARES.items()}
    roots = thread_roots((tweet.id, tweet.reply_to) for tweet in tweets)
    shares[_n("in {count:,} thread of your own", "in {count:,} threads of your own", len(set(roots.values())))] = len(roots)
    of_x = any(tweet.is_reply is not None for tweet in tweets)
    return {name: count for name, count in shares.items() if count or of_x or name in ANYWHERE}


def _languages(tweets: list[SourceTweet]) -> tuple[tuple[str, ...], dict[str, int]]:
    """The likely languages, and tweets by language in a sample: first among many in long texts, then among the common."""
    long = [tweet.text for tweet in tweets if len(tweet.text) >= LONG_ENOUGH]
    found = Counter(language for language, sure in languages_of(_sample(long, MOST_TO_FIND_LANGUAGES), SOUGHT) if language)
    common = [language for language, count in found.most_common() if count >= COMMON * found.total()]
    # The recipe needs two: without a second one nothing can be of another language.
    likely = tuple([*common, *(language for language in ("fr", "en") if language not in common)][: max(2, len(common))])
    texts = [tweet.text for tweet in _sample(tweets, MOST_FOR_LANGUAGES)]
    return likely, dict(Counter(language for language, sure in languages_of(texts, likely)).most_common())


def _dropped(tweets: list[SourceTweet], data: Data) -> dict[str, int]:
    """What the rules for single tweets drop, the most frequent reason first. Raises TweetstyleError where they drop all."""
    pairs = [(tweet, clean(tweet, data)) for tweet in tweets]
    dropped = [Dropped(t.id, found.reason, t.text, t.created_at, found.evidence) for t, found in pairs if found.reason]
    check_enough(len(tweets) - len(dropped), dropped, data, fewest=1)
    return dict(Counter(tweet.reason for tweet in dropped).most_common())


def _sample(items: list, count: int) -> list:
    """A seeded sample, in the archive's order; all where there are no more."""
    if len(items) <= count:
        return list(items)
    return [items[place] for place in sorted(random.Random(SEED).sample(range(len(items)), count))]

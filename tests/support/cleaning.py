"""One text through the rules for a single tweet."""

from pathlib import Path

from tweetstyle.cleaning.clean import Cleaned, clean
from tweetstyle.recipe import Data
from tweetstyle.records import SourceTweet

NOON = "2021-03-05T12:00:00Z"


def cleaned(raw: str, created_at: str = NOON, *, archive: dict | None = None, **settings) -> Cleaned:
    """archive: what the archive says of the tweet, fields of SourceTweet; settings: of Data."""
    tweet = SourceTweet("1", raw, created_at, "x.csv:2", **(archive or {}))
    return clean(tweet, Data(source=Path("x.csv"), **settings))


def kept(raw: str, **settings) -> str:
    """What is left of a text that no rule drops, all of its kinds kept."""
    everything = {"retweets": "keep", "automatic_posts": "keep", "handles": "keep"}
    return cleaned(raw, **(everything | settings)).text


def reason(raw: str, created_at: str = NOON, **settings) -> str:
    return cleaned(raw, created_at, **settings).reason

"""The time within X's ids: checks dates and their time zone.

Ids since 4 November 2010 are snowflakes: the upper 42 bits are milliseconds since 1288834974657
(https://github.com/twitter-archive/snowflake).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from tweetstyle.errors import TweetstyleError
from tweetstyle.records import SourceTweet
from tweetstyle.sources.dates import EPOCH, KNOWN_FORMS, read_date

FIRST_SNOWFLAKE = 29_700_859_247
"""Ids before it were counted up one by one and say nothing of the time."""
EPOCH_MS = 1_288_834_974_657

SAMPLE = 2_000
"""Tweets that are held back until it is decided what their ids say of their dates."""
FEWEST = 3
"""Tweets from which a common difference is no chance: one in 15 random dates falls on a quarter of an hour."""
AGREEING = 0.95
"""Share of the sample that has to lie on the one or two commonest differences."""
FARTHEST_ZONE = 14 * 4
"""Quarters of an hour."""
MANY = 0.01
"""Share of contradicting dates from which they are reported."""

_DAY = 86_400


def time_of_id(identifier: str) -> int | None:
    """Whole seconds since 1970 (UTC) that an id holds; None for one that is no snowflake."""
    if 10 < len(identifier) < 20 and identifier.isascii() and identifier.isdigit():
        number = int(identifier)
        if FIRST_SNOWFLAKE <= number < 2**63:
            return ((number >> 22) + EPOCH_MS) // 1000
    return None


def utc(seconds: int) -> str:
    """`YYYY-MM-DDTHH:MM:SSZ`."""
    return (EPOCH + timedelta(seconds=seconds)).isoformat() + "Z"


class Times:
    """Reads the dates of one source, compares each with its id, and in the end says what it found.

    A stream can be read only once, so `settled` holds the first SAMPLE tweets back: where their dates lie on one
    difference to their ids, or on two (summer time), the ids are trusted from then on, and every date that is a quarter of an hour's
    multiple away from its id becomes the id's own time. Dates that contradict their ids otherwise stay as they are.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self._trusted = self._days_only = False
        self._zones: Counter[int] = Counter()
        self._dated = self._undated = self._from_ids = self._compared = self._contradicting = 0

    def read(self, written: str, identifier: str, where: str) -> str:
        """The date in UTC; that of the id where none is written, and empty where the id holds none either.

        Raises TweetstyleError for a date that cannot be read.
        """
        of_id = time_of_id(identifier)
        if not written or written.isspace():
            self._undated += 1
            if of_id is None:
                return ""
            self._from_ids += 1
            return utc(of_id)
        try:
            moment = read_date(written, None if of_id is None else EPOCH + timedelta(seconds=of_id))
        except (ValueError, OverflowError) as error:
            what = f"the date {written[:80]!r} cannot be read ({error})"
            raise TweetstyleError(what, where=where, hint=f"write it as {KNOWN_FORMS}") from error
        self._dated += 1
        created_at = moment.isoformat(timespec="seconds") + "Z"
        if of_id is None:
            return created_at
        self._compared += 1
        difference = seconds_of(moment) - of_id
        quarters = zone_of(difference)
        if quarters is not None:
            self._zones[quarters] += 1
        elif abs(difference) > _DAY:
            self._contradicting += 1
        return self._decided(created_at, difference, of_id)

    def settled(self, tweets: Iterator[SourceTweet]) -> Iterator[SourceTweet]:
        """The tweets, whose dates came from `read`, with the dates that are decided on."""
        first = list(islice(tweets, SAMPLE))
        self._trusted = self._compared >= FEWEST and _commonest(self._zones) >= AGREEING * self._compared
        self._days_only = not self._trusted and self._are_days(first)
        for tweet in first:
            of_id = time_of_id(tweet.id)
            if of_id is not None and tweet.created_at:
                difference = _written(tweet) - of_id
                tweet = tweet._replace(created_at=self._decided(tweet.created_at, difference, of_id))
            yield tweet
        yield from tweets

    def _decided(self, created_at: str, difference: int, of_id: int) -> str:
        if self._trusted and zone_of(difference):
            return utc(of_id)
        if self._days_only and created_at.endswith("T00:00:00Z") and abs(difference) <= _DAY:
            return utc(of_id)
        return created_at

    def _are_days(self, sample: list[SourceTweet]) -> bool:
        """Whether the dates are those of the ids without their time of day."""
        with_ids = [tweet for tweet in sample if tweet.created_at and time_of_id(tweet.id) is not None]
        near = [t for t in with_ids if t.created_at.endswith("T00:00:00Z") and abs(_written(t) - time_of_id(t.id)) <= _DAY]
        return self._dated > 0 and len(with_ids) >= FEWEST and len(near) >= AGREEING * len(with_ids)

    def notices(self) -> list[str]:
        """What the user should know of the dates, once all are read."""
        found = []
        if self._from_ids:
            found.append(f"{self._place}: dates missing: {self._from_ids:,}, taken from the ids")
        if undated := self._undated - self._from_ids:
            found.append(f"{self._place}: dates missing: {undated:,}, and the ids hold none")
        zones = [zone for zone, count in self._zones.most_common(2) if count >= MANY * self._compared]
        if self._trusted and any(zones):
            names = "/".join(in_words(zone) for zone in sorted(zones))
            found.append(f"{self._place}: the dates are local time, {names}; the ids' own times (UTC) are used")
        if self._days_only:
            found.append(f"{self._place}: the dates are days without a time; the ids' own times (UTC) are used")
        if self._contradicting > MANY * self._compared:
            what = f"{self._contradicting:,} of {self._compared:,} dates are more than a day away from the times in their ids"
            found.append(f"{self._place}: {what}; the dates are used as they are written")
        return found


def zone_of(difference: int) -> int | None:
    """Quarters of an hour by which a written date is ahead of its id; None where no zone explains it.

    difference: in seconds; a date may be cut to its minute.
    """
    quarters, seconds = divmod(difference + 60, 900)
    return quarters if seconds <= 62 and -FARTHEST_ZONE <= quarters <= FARTHEST_ZONE else None


def in_words(quarters: int) -> str:
    """UTC, UTC-5 or UTC+5:30."""
    hours, rest = divmod(abs(quarters), 4)
    if not quarters:
        return "UTC"
    return f"UTC{'-' if quarters < 0 else '+'}{hours}" + (f":{15 * rest}" if rest else "")


def _commonest(zones: Counter[int]) -> int:
    """Tweets on the commonest difference; on the two commonest where they are an hour apart or less, as summer time is."""
    (first, most), *others = zones.most_common(2) or [(0, 0)]
    return most + sum(count for zone, count in others if abs(zone - first) <= 4)


def seconds_of(moment: datetime) -> int:
    """Whole seconds since 1970 of a naive time in UTC."""
    since = moment - EPOCH
    return since.days * _DAY + since.seconds


def _written(tweet: SourceTweet) -> int:
    return seconds_of(datetime.fromisoformat(tweet.created_at[:-1]))

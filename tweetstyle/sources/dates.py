"""Dates as archives write them, as UTC, and the time within X's ids."""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from dateutil import parser

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import Later, _, later
from tweetstyle.locale.libraries import reason

LONGEST = 60
"""Characters. What is longer is a text in the wrong place."""
FIRST_SNOWFLAKE = 29_700_859_247
"""Ids since 4 November 2010 are snowflakes: their upper 42 bits are milliseconds since `SNOWFLAKE_EPOCH`. Earlier ones were counted up
one by one and say nothing of the time. Source: https://github.com/twitter-archive/snowflake."""
SNOWFLAKE_EPOCH = 1_288_834_974_657
FARTHEST = timedelta(hours=38)
"""By which a day without a time, in the farthest time zone, can be away from the moment in UTC."""

_EPOCH = datetime(1970, 1, 1)
_FORM_OF_X = "%a %b %d %H:%M:%S %z %Y"
_SINCE_1970 = re.compile(r"(\d{9,10})(?:\.\d*)?|(\d{12,13})", re.ASCII)
_NUMERIC = re.compile(r"(\d\d?)[/.-](\d\d?)[/.-](?:\d{4}|\d\d)(?=[ T,]|$)", re.ASCII)
_YEAR_FIRST = re.compile(r"(\d{4})[/.-](\d\d?)[/.-](\d\d?)(?:,?[ T]+(\d\d?)([:.].*))?$", re.ASCII)
_WITH_YEAR = re.compile(r"(?!\d{4}).*\b\d{4}\b", re.ASCII)
_CLOCK = re.compile(
    r"\s*·\s*|\s+-\s+|\s*(?:GMT|UTC)(?=[+-]\d)"
    r"|(?<!\d)(?:(0?\d|1[0-2]):(\d\d)(:\d\d)?\s?([ap])\.?\s?m\b\.?|(\d\d?)\s?h\s?(\d\d)?(?!\w))",
    re.I,
)
"""What divides a date from its hour on X's pages; GMT before +01:00; 6:04 PM; 18 h 04 and 18h."""
_ZONES = {
    **dict.fromkeys(("EST", "HNE", "CDT", "HAC"), -5),
    **dict.fromkeys(("EDT", "HAE", "AST", "HNA"), -4),
    **dict.fromkeys(("CST", "HNC", "MDT", "HAR"), -6),
    **dict.fromkeys(("MST", "HNR", "PDT", "HAP"), -7),
    **dict.fromkeys(("PST", "HNP", "AKDT"), -8),
    **dict.fromkeys(("ADT", "HAA", "BRT"), -3),
    **dict.fromkeys(("UTC", "GMT", "WET", "Z"), 0),
    **dict.fromkeys(("CET", "WEST", "BST", "HNEC"), 1),
    **dict.fromkeys(("CEST", "EET", "HAEC"), 2),
    **dict.fromkeys(("EEST", "MSK"), 3),
    "JST": 9,
}
"""Abbreviation → hours from UTC: of North America in English and French, and of Europe. CST and BST are China's and Bangladesh's too:
the ids correct them."""
_ZONE = re.compile(rf"(?<=\d)\s*\(?({'|'.join(_ZONES)})\)?$")


class _FrenchInfo(parser.parserinfo):
    """English and French names, these without accents too."""

    JUMP = [*parser.parserinfo.JUMP, *"à er le lundi mardi mercredi jeudi vendredi samedi dimanche lun mer jeu ven sam dim".split()]
    MONTHS = [
        (*names, *french.split())
        for names, french in zip(
            parser.parserinfo.MONTHS,
            "janv janvier|févr février fevr fevrier|mars|avr avril|mai|juin|juil juillet|août aout|"
            "septembre|octobre|novembre|déc décembre decembre".split("|"),
            strict=True,
        )
    ]


_PARSER = parser.parser(_FrenchInfo())
MONTHS = {name.lower(): number for number, names in enumerate(_FrenchInfo.MONTHS, 1) for name in names}
"""English and French names of months → their numbers."""


def read_date(written: str, expected: datetime | None = None) -> datetime:
    """The moment in UTC, naive. A date without a zone is taken as UTC.

    Read are ISO 8601, X's own form, French and English ones, and seconds or milliseconds since 1970.

    Args:
        written: the date as the archive has it.
        expected: the time that the tweet's id holds (UTC). Of 05/03/2021 the day is 5, as in French, unless it says otherwise.

    Raises:
        ValueError, OverflowError: for anything else.
    """
    plain = written.strip()
    for read in (datetime.fromisoformat, lambda text: datetime.strptime(text, _FORM_OF_X), _year_first):
        with suppress(ValueError):
            return _in_utc(read(plain))
    if len(plain) <= LONGEST and (usual := _CLOCK.sub(_hour, plain)) != plain:
        return read_date(usual, expected)
    if zone := _ZONE.search(plain):
        return read_date(plain[: zone.start()], expected) - timedelta(hours=_ZONES[zone[1]])
    if found := _SINCE_1970.fullmatch(plain):
        return _EPOCH + timedelta(seconds=int(found[1]) if found[1] else int(found[2]) / 1000)
    if len(plain) > LONGEST or not (_WITH_YEAR.match(plain) or _NUMERIC.match(plain)):
        raise ValueError(_("in none of the known forms"))
    moment = _parsed(plain, datetime(2000, 1, 1))
    if found := _NUMERIC.match(plain):
        return _day_or_month_first(moment, int(found[2]), expected)
    if _parsed(plain, datetime(2001, 2, 2)) != moment:
        raise ValueError(_("the day or the month is missing"))
    return moment


def _hour(clock: re.Match[str]) -> str:
    """18:04 for 6:04 PM and for 18 h 04."""
    hour, minute, seconds, half, french, minutes = clock.groups(default="")
    return f"{int(hour) % 12 + 12 * (half in 'pP'):02}:{minute}{seconds}" if half else f"{french}:{minutes or '00'}" if french else " "


def _year_first(written: str) -> datetime:
    """2021/3/5 9:04, which is ISO 8601 but for its signs."""
    year, month, day, hour, rest = found.groups(default="") if (found := _YEAR_FIRST.match(written)) else [""] * 5
    return datetime.fromisoformat(f"{year}-{month:0>2}-{day:0>2}" + (f" {hour:0>2}{rest}" if hour else ""))


def _parsed(written: str, default: datetime) -> datetime:
    """default: gives what is not written."""
    try:
        return _in_utc(_PARSER.parse(written, dayfirst=True, default=default, tzinfos=_offset))
    except parser.ParserError as error:
        raise ValueError(_("in none of the known forms")) from error


def _offset(name: str | None, seconds: int | None) -> int | None:
    if name and name.upper() not in _ZONES:
        raise ValueError(_("the time zone {name} is not known", name=name))
    return 3600 * _ZONES[name.upper()] if name else seconds


def _day_or_month_first(moment: datetime, second: int, expected: datetime | None) -> datetime:
    """moment: read with the day first, where that can be; second: the second number."""
    if second > 12:
        if expected is None or abs(moment - expected) > FARTHEST:
            raise ValueError(_("there is no month {number}: the day comes first", number=second))
        return moment
    if expected is None or moment.day > 12:
        return moment
    other = moment.replace(month=moment.day, day=moment.month)
    return other if abs(other - expected) <= min(FARTHEST, abs(moment - expected)) else moment


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def time_of_id(identifier: str) -> datetime | None:
    """The second (UTC, naive) that an id holds; None for one that is no snowflake."""
    if 10 < len(identifier) < 20 and identifier.isascii() and identifier.isdigit():
        number = int(identifier)
        if FIRST_SNOWFLAKE <= number < 2**63:
            return _EPOCH + timedelta(seconds=((number >> 22) + SNOWFLAKE_EPOCH) // 1000)
    return None


def as_utc(moment: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SSZ` of a naive moment in UTC."""
    return moment.isoformat(timespec="seconds") + "Z"


class Times:
    """Reads the dates of one source and compares each with its id.

    The id knows the second. A date near it is the same moment in local time, to the minute, or as a day alone, and becomes the id's
    own time. A date that contradicts its id stays as it is.
    """

    def __init__(self, place: str) -> None:
        self._place, self._corrected, self._day_first = place, 0, ""

    def read(self, written: str, identifier: str, where: str) -> str:
        """The date in UTC; that of the id where none is written, and empty where the id holds none either.

        Raises TweetstyleError for a date that cannot be read.
        """
        of_id = time_of_id(identifier)
        if not written or written.isspace():
            return as_utc(of_id) if of_id else ""
        try:
            moment = read_date(written, of_id)
        except (ValueError, OverflowError) as error:
            what = _("the date {date} cannot be read ({reason})", date=repr(written[:80]), reason=reason(error))
            hint = _("write it as 2021-03-05 18:04:11 (UTC), 2021-03-05T18:04:11-05:00, 05/03/2021 18:04 or 5 mars 2021 18:04")
            raise TweetstyleError(what, where=where, hint=hint) from error
        if of_id is None or abs(moment - of_id) > FARTHEST:
            numbers = None if self._day_first else _NUMERIC.match(written.strip())
            if numbers and max(int(numbers[1]), int(numbers[2])) <= 12 and numbers[1] != numbers[2]:
                self._day_first = written.strip()
            return as_utc(moment)
        self._corrected += abs(moment - of_id) >= timedelta(minutes=1)
        return as_utc(of_id)

    def notices(self) -> list[Later]:
        """What the user should know of the dates, once all are read."""
        found, values = [], {"file": self._place, "count": self._corrected, "date": self._day_first}
        if self._corrected:
            notice = later("{file}: {count:,} dates are local time, or days without a time; the times in the ids (UTC) are used", **values)
            found.append(notice)
        if self._day_first:
            found.append(later("{file}: in dates such as {date} the first number is read as the day", **values))
        return found

"""Dates as archives and spreadsheets write them, as UTC."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1)
LONGEST = 60
"""Characters: the patterns below take a time that grows with the square of the length."""
KNOWN_FORMS = "2021-03-05 18:04:11 (UTC), 2021-03-05T18:04:11-05:00, 05/03/2021 18:04 or 5 mars 2021 18:04"
"""For messages."""

_MONTHS = {
    name: number
    for number, names in enumerate(
        "jan janv janvier january|feb fev fevr fevrier february|mar mars march|apr avr avril april|may mai|jun juin june|"
        "jul juil juillet july|aug aout august|sep sept septembre september|oct octobre october|nov novembre november|"
        "dec decembre december".split("|"),
        1,
    )
    for name in names.split()
}
_WEEKDAY = r"(?:[a-z]{3,9}\.?,?\s+)?"
_TIME = r"(?P<hour>\d\d?)\s*[:h]\s*(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.\d+)?)?\s*(?P<half>[ap]\.?m\.?)?"
_ZONE = r"(?:\s*(?P<zone>z|utc|gmt|[+-]\d\d:?\d\d))?"
_NUMERIC = re.compile(rf"(?P<first>\d\d?)[/.-](?P<second_place>\d\d?)[/.-](?P<year>\d{{4}})(?:,?\s+(?:a\s+)?{_TIME}{_ZONE})?", re.ASCII)
_NAMED = (
    # X's own: Sat Feb 18 12:33:11 +0000 2023
    re.compile(rf"{_WEEKDAY}(?P<month>[a-z]+)\s+(?P<day>\d\d?)\s+{_TIME}{_ZONE}\s+(?P<year>\d{{4}})", re.ASCII),
    re.compile(
        rf"{_WEEKDAY}(?P<day>\d\d?)(?:er)?\s+(?P<month>[a-z]+)\.?,?\s+(?P<year>\d{{4}})(?:,?\s+(?:a\s+|at\s+)?{_TIME}{_ZONE})?", re.ASCII
    ),
    re.compile(rf"{_WEEKDAY}(?P<month>[a-z]+)\.?\s+(?P<day>\d\d?),?\s+(?P<year>\d{{4}})(?:,?\s+(?:at\s+)?{_TIME}{_ZONE})?", re.ASCII),
)
_ISO_ZONE = re.compile(r"\s*(?:UTC|GMT)$")
_EPOCH = re.compile(r"(\d{9,10})(?:\.\d*)?|(\d{12,13})", re.ASCII)


def read_date(written: str, expected: datetime | None = None) -> datetime:
    """The moment in UTC (naive), to the microsecond where it is written so. A date without a zone is taken as UTC.

    Read are ISO 8601, X's own form, French and English ones, and seconds or milliseconds since 1970. Of 05/03/2021 the day is 5,
    as in French, unless `expected` (the time that the tweet's id holds, UTC) says otherwise. Raises ValueError for anything else.
    """
    try:
        return _in_utc(datetime.fromisoformat(written))
    except ValueError:
        return _read_other(written.strip(), expected)


def _read_other(written: str, expected: datetime | None) -> datetime:
    if len(written) > LONGEST:
        raise ValueError("it is too long")
    plain = _without_accents(written)
    if found := _NUMERIC.fullmatch(plain):
        return _numeric(found, expected)
    for form in _NAMED:
        if (found := form.fullmatch(plain)) and found["month"] in _MONTHS:
            return _moment(found, _MONTHS[found["month"]], int(found["day"]))
    if found := _EPOCH.fullmatch(written):
        seconds = int(found[1]) if found[1] else int(found[2]) / 1000
        return EPOCH + timedelta(seconds=seconds)
    try:
        return _in_utc(datetime.fromisoformat(_ISO_ZONE.sub("Z", written)))
    except ValueError:
        raise ValueError("in none of the known forms") from None


def _numeric(found: re.Match[str], expected: datetime | None) -> datetime:
    """Day and month in the French order, unless the other is nearer to `expected`."""
    readings = list(_readings(found))
    if not readings:
        raise ValueError("no such day")
    day_first = next((moment for moment, is_day_first in readings if is_day_first), None)
    if expected is not None:
        moment = min((moment for moment, _ in readings), key=lambda moment: abs(moment - expected))
        if moment == day_first or abs(moment - expected) <= timedelta(days=1):
            return moment
    if day_first is None:
        raise ValueError(f"there is no month {found['second_place']}: the day comes first")
    return day_first


def _readings(found: re.Match[str]) -> Iterator[tuple[datetime, bool]]:
    first, second = int(found["first"]), int(found["second_place"])
    for day, month, is_day_first in ((first, second, True), (second, first, False)):
        if 1 <= month <= 12:
            yield _moment(found, month, day), is_day_first


def _moment(found: re.Match[str], month: int, day: int) -> datetime:
    hour = int(found["hour"] or 0)
    if half := found["half"]:
        if not 1 <= hour <= 12:
            raise ValueError(f"there is no hour {hour} {half}")
        hour = hour % 12 + (12 if half.startswith("p") else 0)
    moment = datetime(int(found["year"]), month, day, hour, int(found["minute"] or 0), int(found["second"] or 0))
    zone = found["zone"] or ""
    if zone[:1] in ("+", "-") and zone:
        hours, minutes = int(zone[1:3]), int(zone[-2:])
        shift = timedelta(hours=hours, minutes=minutes)
        return moment - shift if zone[0] == "+" else moment + shift
    return moment


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _without_accents(written: str) -> str:
    lower = written.lower()
    return lower if lower.isascii() else "".join(c for c in unicodedata.normalize("NFKD", lower) if not unicodedata.combining(c))

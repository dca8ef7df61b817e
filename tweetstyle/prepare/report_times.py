"""The data report's charts over time, length and language."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from tweetstyle.console import percent
from tweetstyle.pages.charts import Column, column_chart, row_chart, thinned
from tweetstyle.records import by_year
from tweetstyle.text.languages import LANGUAGES

MOST_COLUMNS = 240
"""Months, or years, side by side: twenty years of months."""
LONG_TWEET = 300
"""Characters from which all lengths share one column."""
BIN = 20
MOST_LANGUAGES = 8


class Timeline(NamedTuple):
    """unit: month or year; years: rows of year, read and kept."""

    unit: str
    chart: str
    years: list[list[str]]


def timeline(months: dict[str, tuple[int, int]]) -> Timeline | None:
    """A column a month, or a year where the period is long; None where no tweet has a date."""
    dated = {month: counts for month, counts in months.items() if month}
    if not dated:
        return None
    filled = _without_gaps(dated)
    unit = "month" if len(filled) <= MOST_COLUMNS else "year"
    chart = column_chart(_columns(filled if unit == "month" else by_year(dated)), f"Tweets read and kept, by {unit}")
    return Timeline(unit, chart, [[year, *(f"{count:,}" for count in counts)] for year, counts in by_year(dated).items()])


def _without_gaps(months: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Every month from the first to the last: a silence is seen as one."""
    first, last = (int(month[:4]) * 12 + int(month[5:7]) - 1 for month in (min(months), max(months)))
    names = (f"{number // 12:04}-{number % 12 + 1:02}" for number in range(first, last + 1))
    return {name: months.get(name, (0, 0)) for name in names}


def _columns(periods: dict[str, tuple[int, int]]) -> list[Column]:
    """Labelled by year at the first column of each year; the months of a short period by month."""
    names = list(periods)
    short = len(names) <= 7
    labels = [
        name if short or len(name) == 4 else name[:4] if number == 0 or name.endswith("-01") else "" for number, name in enumerate(names)
    ]
    if not short and len(names) > 1 and labels[0] and any(labels[1:4]):
        labels[0] = ""
    labels = thinned(labels)
    return [
        Column(label, read, kept, f"{name}: {read:,} read, {kept:,} kept")
        for label, (name, (read, kept)) in zip(labels, periods.items(), strict=True)
    ]


def length_chart(bins: dict[int, int]) -> str:
    """A column for each 20 characters of length, the long ones together."""
    total, joined = sum(bins.values()), Counter()
    for start, count in bins.items():
        joined[min(start, LONG_TWEET)] += count
    columns = []
    for start in range(0, LONG_TWEET + 1, BIN):
        count, name = joined[start], f"{start}+" if start == LONG_TWEET else f"{start} to {start + BIN - 1}"
        label = f"{start}+" if start == LONG_TWEET else str(start) if start % 60 == 0 else ""
        columns.append(Column(label, count, count, f"{name} characters: {count:,} ({percent(count / total)})"))
    return column_chart(columns, "Kept tweets by length in characters")


def median_length(bins: dict[int, int]) -> str:
    """The bin that holds the median."""
    total, seen = sum(bins.values()), 0
    for start, count in sorted(bins.items()):
        seen += count
        if 2 * seen >= total:
            return f"{start}–{start + BIN - 1}"
    raise ValueError("the bins hold fewer tweets than their total")


def language_chart(counts: dict[str, int]) -> str:
    """A bar for each language, the rare ones together."""
    known = sorted(((count, code) for code, count in counts.items() if code and count), key=lambda pair: (-pair[0], pair[1]))
    rows = [(LANGUAGES.get(code, code), count) for count, code in known[:MOST_LANGUAGES]]
    if rest := sum(count for count, _ in known[MOST_LANGUAGES:]):
        rows.append(("other languages", rest))
    if uncertain := counts.get("", 0):
        rows.append(("too short or too uncertain to tell", uncertain))
    return row_chart(rows, sum(counts.values()), "Kept tweets by language")

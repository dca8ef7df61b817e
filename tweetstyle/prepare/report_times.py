"""The data report's charts over time, length and language."""

from __future__ import annotations

from collections.abc import Iterator

from tweetstyle.console import percent
from tweetstyle.pages.charts import Column, column_chart, keys, row_chart, thinned
from tweetstyle.records import by_year
from tweetstyle.text.languages import LANGUAGES

MOST_COLUMNS = 240
"""Months, or years, side by side: twenty years of months."""
LONG_TWEET = 300
"""Characters from which all lengths share one column."""
BIN = 20
MOST_LANGUAGES = 8


def timeline(months: dict[str, tuple[int, int]]) -> Iterator[str]:
    """A column a month, or a year where the period is long; a table by year behind it."""
    dated = {month: counts for month, counts in months.items() if month}
    undated = months.get("", (0, 0))
    if dated:
        filled = _without_gaps(dated)
        unit = "month" if len(filled) <= MOST_COLUMNS else "year"
        periods = filled if unit == "month" else by_year(dated)
        yield keys(front="kept", lost="dropped")
        yield f'<p class="soft">Tweets a {unit}.</p>'
        yield column_chart(_columns(periods), f"Tweets read and kept, by {unit}")
        rows = (
            f"<tr><td>{y}</td>" + "".join(f'<td class="number">{c:,}</td>' for c in counts) + "</tr>"
            for y, counts in by_year(dated).items()
        )
        head = '<tr><th>year</th><th class="number">read</th><th class="number">kept</th></tr>'
        yield f"<details><summary>By year, in figures</summary><table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table></details>"
    if undated[0]:
        yield f"<p>Without a date: {undated[0]:,} read, {undated[1]:,} kept.</p>"


def _without_gaps(months: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Every month from the first to the last: a silence is seen as one."""
    first, last = (int(month[:4]) * 12 + int(month[5:7]) - 1 for month in (min(months), max(months)))
    names = (f"{number // 12:04}-{number % 12 + 1:02}" for number in range(first, last + 1))
    return {name: months.get(name, (0, 0)) for name in names}


def _columns(periods: dict[str, tuple[int, int]]) -> list[Column]:
    """Labelled by year where the first column of each year stands; the months of a short period by month."""
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


def lengths(bins: dict[int, int]) -> Iterator[str]:
    """A column for each 20 characters of length, the long ones together."""
    total = sum(bins.values())
    if not total:
        return
    joined: dict[int, int] = {}
    for start, count in bins.items():
        low = min(start, LONG_TWEET)
        joined[low] = joined.get(low, 0) + count
    starts = range(0, LONG_TWEET + 1, BIN)
    middle = _median_bin(bins, total)
    yield f"<p>Half of the kept tweets are shorter and half longer than about {middle} to {middle + BIN - 1} characters.</p>"
    yield '<p class="soft">Kept tweets by length in characters.</p>'
    columns = []
    for start in starts:
        count, name = joined.get(start, 0), f"{start}+" if start == LONG_TWEET else f"{start} to {start + BIN - 1}"
        label = f"{start}+" if start == LONG_TWEET else str(start) if start % 60 == 0 else ""
        columns.append(Column(label, count, count, f"{name} characters: {count:,} ({percent(count / total)})"))
    yield column_chart(columns, "Kept tweets by length in characters")


def _median_bin(bins: dict[int, int], total: int) -> int:
    seen = 0
    for start, count in sorted(bins.items()):
        seen += count
        if 2 * seen >= total:
            return start
    raise ValueError("the bins hold fewer tweets than their total")


def languages(counts: dict[str, int]) -> Iterator[str]:
    """A bar for each language, the rare ones together."""
    total = sum(counts.values())
    if not total:
        return
    known = sorted(((count, code) for code, count in counts.items() if code and count), key=lambda pair: (-pair[0], pair[1]))
    rows = [(LANGUAGES.get(code, code), count) for count, code in known[:MOST_LANGUAGES]]
    if rest := sum(count for count, _ in known[MOST_LANGUAGES:]):
        rows.append(("other languages", rest))
    if uncertain := counts.get("", 0):
        rows.append(("too short or too uncertain to tell", uncertain))
    yield row_chart(rows, total, "Kept tweets by language")

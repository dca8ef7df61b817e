"""report.html: what prepare read, dropped and kept (pages/templates/data.html.j2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median

from tweetstyle.console import percent
from tweetstyle.pages.charts import Column, Step, column_chart, funnel_chart, row_chart, thinned
from tweetstyle.pages.render import render
from tweetstyle.prepare.report import IN_THE_PROMPT, Prepared
from tweetstyle.records import SPLITS, by_year
from tweetstyle.text.languages import LANGUAGES

LONGEST_SAMPLE = 600
"""Characters of a sample that are shown."""
MOST_MONTHS = 240
"""Columns side by side; a longer period is shown by year."""
FEW_MONTHS = 7
"""Columns that all have room for their month."""
BIN, LONG_TWEET = 20, 300
"""Characters of a column; from so many on, all lengths share one."""
MOST_LANGUAGES = 8


def report_html(prepared: Prepared) -> str:
    """One self-contained HTML page: no script, nothing from the network, every text of the archive escaped."""
    figures = prepared.figures
    return render(
        "data.html.j2",
        language="en",
        title="Your tweets: what was read, dropped and kept",
        prepared=prepared,
        figures=figures,
        split_names=SPLITS,
        counts_topics=prepared.message in IN_THE_PROMPT,
        funnel_chart=_funnel(prepared),
        timeline=_timeline({month: counts for month, counts in figures.months.items() if month}),
        years=by_year({month: counts for month, counts in figures.months.items() if month}),
        median=median(figures.lengths) if figures.lengths else 0,
        length_chart=_length_chart(figures.lengths),
        language_chart=_language_chart(figures.languages),
        longest=LONGEST_SAMPLE,
    )


def _funnel(prepared: Prepared) -> str:
    steps, left = [Step("read", prepared.read, 0)], prepared.read
    for reason, count in prepared.dropped.items():
        if count:
            left -= count
            steps.append(Step(reason, left, count))
    return funnel_chart([*steps, Step("kept", prepared.kept, 0)], prepared.read)


def _timeline(months: Mapping[str, tuple[int, int]]) -> str:
    """A column a month, from the first to the last: a silence is seen as one. A long period has a column a year."""
    if not months:
        return ""
    first, last = (int(month[:4]) * 12 + int(month[5:7]) - 1 for month in (min(months), max(months)))
    names = [f"{number // 12:04}-{number % 12 + 1:02}" for number in range(first, last + 1)]
    periods = {name: months.get(name, (0, 0)) for name in names}
    if len(names) > MOST_MONTHS:
        periods = by_year(months)
    labels = [name if len(names) <= FEW_MONTHS else name[:4] if name[4:] in ("", "-01") else "" for name in periods]
    labels = thinned(labels if any(labels) else [names[0], *labels[1:]])
    columns = [
        Column(label, read, kept, f"{name}: {read:,} read, {kept:,} kept")
        for label, (name, (read, kept)) in zip(labels, periods.items(), strict=True)
    ]
    return column_chart(columns, "Tweets read and kept over time")


def _length_chart(lengths: Sequence[int]) -> str:
    """A column for each 20 characters of length, the long ones together."""
    counts = Counter(min(length // BIN * BIN, LONG_TWEET) for length in lengths)
    columns = []
    for start in range(0, LONG_TWEET + 1, BIN):
        name = f"{start}+" if start == LONG_TWEET else f"{start} to {start + BIN - 1}"
        share = percent(counts[start] / max(len(lengths), 1))
        label = f"{start}+" if start == LONG_TWEET else str(start) if start % 60 == 0 else ""
        columns.append(Column(label, counts[start], counts[start], f"{name} characters: {counts[start]:,} ({share})"))
    return column_chart(columns, "Kept tweets by length in characters")


def _language_chart(counts: Mapping[str, int]) -> str:
    """A bar for each language, the rare ones together."""
    known = Counter({code: count for code, count in counts.items() if code}).most_common()
    rows = [(LANGUAGES.get(code, code), count) for code, count in known[:MOST_LANGUAGES]]
    rows.append(("other languages", sum(count for _, count in known[MOST_LANGUAGES:])))
    rows.append(("too short or too uncertain to tell", counts.get("", 0)))
    return row_chart([row for row in rows if row[1]], sum(counts.values()), "Kept tweets by language")

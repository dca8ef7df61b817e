"""Charts as inline SVG that keep their letters readable on a phone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from tweetstyle.console import percent
from tweetstyle.text.visible import visible

ROW = 40
"""Pixels of a row: a line of letters and a bar."""
THINNEST = 0.3
"""Percent: what is more than nothing is never drawn as nothing."""
COLUMNS_HEIGHT, AXIS = 140, 22
COLUMN_TICKS = 5
SMALLEST_RANGE = 1e-100
"""Below it all values are the same: 0."""
LABELS = 7
"""So many of four letters fit side by side on a phone."""
WIDEST_COLUMN = 9.0
"""Percent: a single month does not fill the page."""


class Step(NamedTuple):
    """A row of the funnel. remaining: tweets left after it; lost: those that it took."""

    name: str
    remaining: int
    lost: int


class Column(NamedTuple):
    """front is drawn before back: of `back` tweets, `front` were kept. label: under the column, may be empty; title: when pointed at."""

    label: str
    back: int
    front: int
    title: str


def ticks(low: float, high: float, most: int, least: float = 0.0) -> list[float]:
    """At most `most` round numbers for an axis, the first at or below `low` and the last at or above `high`.

    They are 1, 2 or 5 times a power of ten apart, at the least `least`. Where all values are the same, the axis reaches to 0.
    """
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low < SMALLEST_RANGE:
        high = low + 1.0
    power = math.floor(math.log10((high - low) / most))
    while True:
        for factor in (1, 2, 5):
            step = factor * 10.0**power
            # Numbers such as 0.3 are none of a computer's: a hair over a tick is on it.
            first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
            if last - first < most and step >= least:
                return [round(number * step, max(-power, 0)) for number in range(first, last + 1)]
        power += 1


def tick_label(mark: float, marks: Sequence[float]) -> str:
    """With as many decimals as the marks need to differ."""
    step = marks[1] - marks[0] if len(marks) > 1 else 1.0
    return f"{mark:,.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"


def html(text: str) -> str:
    """The text for an HTML page, in content or in a quoted attribute; hidden characters are written out."""
    return escape(visible(text), quote=True)


def funnel_chart(steps: Sequence[Step], read: int) -> str:
    """A bar a step: what is left, and behind it, in another colour, what the step took."""
    rows = []
    for number, (name, remaining, lost) in enumerate(steps):
        top, whole = number * ROW, max(read, 1)
        width, taken = 100 * remaining / whole, 100 * lost / whole
        figure = f"−{lost:,} ({percent(lost / whole)})" if lost else f"{remaining:,} ({percent(remaining / whole)})"
        rows.append(_row_text(top, name, figure, strong=not lost))
        rows.append(f'<rect class="front" x="0" y="{top + 20}" width="{width:.2f}%" height="12"/>')
        if lost:
            taken = max(taken, THINNEST)
            rows.append(f'<rect class="lost" x="{min(width, 100 - taken):.2f}%" y="{top + 20}" width="{taken:.2f}%" height="12"/>')
    return _svg("Funnel: from the tweets read to the tweets kept", len(steps) * ROW, rows)


def row_chart(rows: Sequence[tuple[str, int]], whole: int, title: str) -> str:
    """A bar a row, as a share of the whole."""
    drawn = []
    for number, (name, count) in enumerate(rows):
        share = count / max(whole, 1)
        drawn.append(_row_text(number * ROW, name, f"{count:,} ({percent(share)})"))
        width = max(100 * share, THINNEST if count else 0)
        drawn.append(f'<rect class="front" x="0" y="{number * ROW + 20}" width="{width:.2f}%" height="12"/>')
    return _svg(title, len(rows) * ROW, drawn)


def column_chart(columns: Sequence[Column], title: str) -> str:
    """Columns side by side on one scale, with an axis of round numbers."""
    marks = ticks(0, max((column.back for column in columns), default=0), COLUMN_TICKS, least=1)
    highest = marks[-1]
    pitch = min(100 / max(len(columns), 1), WIDEST_COLUMN)
    width = pitch * (0.8 if len(columns) < 60 else 0.9)
    bottom = COLUMNS_HEIGHT + AXIS
    drawn = []
    for mark in marks:
        y = bottom - COLUMNS_HEIGHT * mark / highest
        drawn.append(f'<line class="grid" x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>')
        drawn.append(f'<text class="faint end" x="-6" y="{y + 4:.1f}">{tick_label(mark, marks)}</text>')
    for number, column in enumerate(columns):
        left = number * pitch
        drawn.append(f"<g><title>{html(column.title)}</title>")
        for name, count in (("lost", column.back), ("front", column.front)):
            height = max(COLUMNS_HEIGHT * count / highest, 1) if count else 0
            if height and (name == "front" or column.back > column.front):
                box = f'x="{left:.3f}%" y="{bottom - height:.1f}" width="{width:.3f}%" height="{height:.1f}"'
                drawn.append(f'<rect class="{name}" {box}/>')
        drawn.append("</g>")
        if column.label:
            drawn.append(_axis_label(column.label, left, width))
    drawn.append(f'<line class="axis" x1="0" x2="100%" y1="{bottom}" y2="{bottom}"/>')
    return _svg(title, bottom + AXIS, drawn, "plot")


def thinned(labels: Sequence[str]) -> list[str]:
    """The labels with so many of them emptied, evenly, that the others have room."""
    places = [place for place, label in enumerate(labels) if label]
    step = -(-len(places) // LABELS)
    kept = set(places[:: max(step, 1)])
    return [label if place in kept else "" for place, label in enumerate(labels)]


def _axis_label(label: str, left: float, width: float) -> str:
    """Begins at its column, or ends there where it would leave the page."""
    y = COLUMNS_HEIGHT + 2 * AXIS - 6
    if left > 88:
        return f'<text class="end" x="{min(left + width, 100):.3f}%" y="{y}">{html(label)}</text>'
    return f'<text x="{left:.3f}%" y="{y}">{html(label)}</text>'


def _row_text(top: int, name: str, figure: str, strong: bool = False) -> str:
    weight = ' class="strong"' if strong else ""
    return f'<text{weight} x="0" y="{top + 14}">{html(name)}</text><text class="end" x="100%" y="{top + 14}">{html(figure)}</text>'


def _svg(title: str, height: int, parts: Sequence[str], name: str = "wide") -> str:
    return f'<svg class="{name}" role="img" aria-label="{html(title)}" width="100%" height="{height}">' + "".join(parts) + "</svg>"

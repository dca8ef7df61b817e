"""Charts as inline SVG that keep their letters readable on a phone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

from tweetstyle.console import percent
from tweetstyle.text.visible import visible
from tweetstyle.wording.words import Say

ROW = 40
"""Pixels of a row: a line of letters and a bar."""
THINNEST = 0.3
"""Percent: what is more than nothing is never drawn as nothing."""
HEIGHT, AXIS = 140, 22
"""Pixels of a plot, and of a line of labels under it."""
COLUMN_TICKS, CURVE_TICKS = 5, 6
SMALLEST_RANGE = 1e-100
"""Below it all values are the same: 0."""
LABELS = 7
"""So many of four letters fit side by side on a phone."""
WIDEST_COLUMN = 9.0
"""Percent: a single month does not fill the page."""
TOP = 12
"""Pixels above a curve: room for half a label."""
BOTTOM = TOP + HEIGHT
MOST_POINTS = 600
"""Of more, evenly some: no screen shows them."""
MOST_DOTS = 40

Points = Sequence[tuple[float, float]]


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


def html(text: str) -> str:
    """The text for an HTML page, in content or in a quoted attribute; hidden characters are written out."""
    return escape(visible(text), quote=True)


# -- axes ---------------------------------------------------------------------------------------------------


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


def _value_axis(marks: Sequence[float], bottom: float, label: Callable[[str], str] = str) -> list[str]:
    """A line and a label for each mark. bottom: pixels from the top of the first mark; the last one is HEIGHT above it."""
    drawn = []
    for mark in marks:
        y = _down(mark, marks, bottom)
        drawn.append(f'<line class="grid" x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>')
        drawn.append(f'<text class="faint end" x="-6" y="{y + 4:.1f}">{html(label(tick_label(mark, marks)))}</text>')
    return drawn


def _down(value: float, marks: Sequence[float], bottom: float) -> float:
    """Pixels from the top at which a value is drawn."""
    return bottom - HEIGHT * (value - marks[0]) / (marks[-1] - marks[0])


# -- bars and columns ---------------------------------------------------------------------------------------


def funnel_chart(steps: Sequence[Step], read: int) -> str:
    """A bar a step: what is left, and behind it, in another colour, what the step took."""
    rows = []
    for number, (name, remaining, lost) in enumerate(steps):
        top, whole = number * ROW, max(read, 1)
        width, taken = 100 * remaining / whole, max(100 * lost / whole, THINNEST)
        figure = f"−{lost:,} ({percent(lost / whole)})" if lost else f"{remaining:,} ({percent(remaining / whole)})"
        rows.append(_row_text(top, name, figure, strong=not lost))
        rows.append(_bar("front", 0, width, top))
        if lost:
            rows.append(_bar("lost", min(width, 100 - taken), taken, top))
    return _svg("Funnel: from the tweets read to the tweets kept", len(steps) * ROW, rows)


def row_chart(rows: Sequence[tuple[str, int]], whole: int, title: str) -> str:
    """A bar a row, as a share of the whole."""
    drawn = []
    for number, (name, count) in enumerate(rows):
        share = count / max(whole, 1)
        drawn.append(_row_text(number * ROW, name, f"{count:,} ({percent(share)})"))
        drawn.append(_bar("front", 0, max(100 * share, THINNEST if count else 0), number * ROW))
    return _svg(title, len(rows) * ROW, drawn)


def column_chart(columns: Sequence[Column], title: str) -> str:
    """Columns side by side on one scale, with an axis of round numbers."""
    marks = ticks(0, max((column.back for column in columns), default=0), COLUMN_TICKS, least=1)
    pitch = min(100 / max(len(columns), 1), WIDEST_COLUMN)
    width = pitch * (0.8 if len(columns) < 60 else 0.9)
    bottom = HEIGHT + AXIS
    drawn = _value_axis(marks, bottom)
    for number, column in enumerate(columns):
        left = number * pitch
        drawn.append(f"<g><title>{html(column.title)}</title>")
        for name, count in (("lost", column.back), ("front", column.front)):
            height = max(HEIGHT * count / marks[-1], 1) if count else 0
            if height and (name == "front" or column.back > column.front):
                box = f'x="{left:.3f}%" y="{bottom - height:.1f}" width="{width:.3f}%" height="{height:.1f}"'
                drawn.append(f'<rect class="{name}" {box}/>')
        drawn.append("</g>")
        if column.label:
            # A label begins at its column, or ends there where it would leave the page.
            place = f'class="end" x="{min(left + width, 100):.3f}%"' if left > 88 else f'x="{left:.3f}%"'
            drawn.append(f'<text {place} y="{bottom + AXIS - 6}">{html(column.label)}</text>')
    drawn.append(f'<line class="axis" x1="0" x2="100%" y1="{bottom}" y2="{bottom}"/>')
    return _svg(title, bottom + AXIS, drawn, "plot")


def thinned(labels: Sequence[str]) -> list[str]:
    """The labels with so many of them emptied, evenly, that the others have room."""
    places = [place for place, label in enumerate(labels) if label]
    kept = set(places[:: max(-(-len(places) // LABELS), 1)])
    return [label if place in kept else "" for place, label in enumerate(labels)]


def _row_text(top: int, name: str, figure: str, strong: bool = False) -> str:
    weight = ' class="strong"' if strong else ""
    return f'<text{weight} x="0" y="{top + 14}">{html(name)}</text><text class="end" x="100%" y="{top + 14}">{html(figure)}</text>'


def _bar(name: str, left: float, width: float, top: int) -> str:
    x = f"{left:.2f}%" if left else "0"
    return f'<rect class="{name}" x="{x}" y="{top + 20}" width="{width:.2f}%" height="12"/>'


def _svg(title: str, height: int, parts: Sequence[str], name: str = "wide") -> str:
    return f'<svg class="{name}" role="img" aria-label="{html(title)}" width="100%" height="{height}">' + "".join(parts) + "</svg>"


# -- curves -------------------------------------------------------------------------------------------------


def curve(name: str, points: Points, last_step: float, say: Say, kept: float | None = None, *, decides: bool = False) -> str:
    """One curve over the steps, between round numbers, with its last value at its end.

    Args:
        points: (step, value), in order of the steps.
        last_step: of the run; every curve of a page has the same width.
        kept: the step of the checkpoint that was kept, which is marked.
        decides: whether that checkpoint was chosen by this curve, which then says its value.
    """
    values = [value for _, value in points]
    marks = ticks(min(values), max(values), CURVE_TICKS)
    places = [(100 * step / last_step if last_step else 0.0, _down(value, marks, BOTTOM)) for step, value in points]
    parts = _value_axis(marks, BOTTOM, say.localised) + [_step_axis(last_step, say)]
    if kept is not None:
        x = f"{100 * kept / last_step if last_step else 0.0:.2f}%"
        parts.append(f'<line class="chosen" x1="{x}" x2="{x}" y1="{TOP}" y2="{BOTTOM}"/>')
    step = -(-len(places) // MOST_POINTS)
    path = " ".join(f"{10 * x:.1f},{y:.1f}" for x, y in ([*places[::step], places[-1]] if step > 1 else places))
    parts.append(f'<svg x="0" y="0" width="100%" height="{BOTTOM}" viewBox="0 0 1000 {BOTTOM}" preserveAspectRatio="none">')
    parts.append(f'<polyline class="curve" points="{path}"/></svg>')
    parts += [_dot(*place, 2.5) for place in (places if len(places) <= MOST_DOTS else places[-1:])]
    x, y = places[-1]
    parts.append(f'<text class="strong" x="{x:.2f}%" dx="6" y="{y + 4:.1f}">{html(say.number(values[-1]))}</text>')
    if decides:
        parts += [_kept(place, point[1], say) for point, place in zip(points, places, strict=True) if point[0] == kept]
    alt = _alt_text(name, points, say)
    return f'<svg class="plot" role="img" aria-label="{html(alt)}" height="{BOTTOM + AXIS}">{"".join(parts)}</svg>'


def _step_axis(last_step: float, say: Say) -> str:
    marks = [mark for mark in ticks(0, last_step, CURVE_TICKS, least=1) if mark <= last_step]
    drawn = [f'<text class="faint end" x="-14" y="{BOTTOM + 16}">{html(say("c_step"))}</text>']
    for mark in marks:
        x, label = 100 * mark / last_step if last_step else 0.0, say.localised(tick_label(mark, marks))
        drawn.append(f'<text class="faint middle" x="{x:.2f}%" y="{BOTTOM + 16}">{html(label)}</text>')
    return "".join(drawn)


def _dot(x: float, y: float, radius: float) -> str:
    return f'<circle class="front" cx="{x:.2f}%" cy="{y:.1f}" r="{radius}"/>'


def _kept(place: tuple[float, float], value: float, say: Say) -> str:
    """A large dot, and its value beside the top of the line: the trained model's curve is lowest here, so that there is room above it."""
    x, text = place[0], html(say("c_kept", value=say.number(value)))
    anchor, aside = ("end", -6) if x > 50 else ("start", 6)
    return f'{_dot(*place, 5)}<text class="halo {anchor}" x="{x:.2f}%" dx="{aside}" y="{TOP + 12}">{text}</text>'


def _alt_text(name: str, points: Points, say: Say) -> str:
    lowest, highest = min(points, key=lambda p: p[1]), max(points, key=lambda p: p[1])
    (from_step, first), (to_step, last) = points[0], points[-1]
    numbers = {"from_step": from_step, "to_step": to_step, "first": first, "last": last}
    numbers |= {"low_step": lowest[0], "lowest": lowest[1], "high_step": highest[0], "highest": highest[1]}
    return say("c_alt", name=name, **{key: say.number(value) for key, value in numbers.items()})

"""Charts as inline SVG that keep their letters readable on a phone."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tweetstyle.console import percent
from tweetstyle.locale import localised
from tweetstyle.pages.render import fragment
from tweetstyle.wording.words import Say

THINNEST = 0.3
"""Percent: what is more than nothing is never drawn as nothing."""
HEIGHT, AXIS = 140, 22
"""Pixels of a plot, and of a line of labels under it."""
COLUMN_TICKS, CURVE_TICKS = 5, 6
LABELS = 7
"""Labels of four letters that fit side by side on a phone."""
WIDEST_COLUMN = 9.0
"""Percent: a single month does not fill the page."""
TOP = 12
"""Pixels above a curve: room for half a label."""
BOTTOM = TOP + HEIGHT
MOST_DOTS = 40

Points = Sequence[tuple[float, float]]


class Column(NamedTuple):
    """front is drawn before back: of `back` tweets, `front` were kept. label: under the column, may be empty; title: when pointed at."""

    label: str
    back: int
    front: int
    title: str


# -- axes ---------------------------------------------------------------------------------------------------


def ticks(low: float, high: float, most: int, least: float = 0.0) -> list[float]:
    """At most `most` round numbers for an axis, the first at or below `low` and the last at or above `high`.

    They are 1, 2 or 5 times a power of ten apart, at the least `least`. Where all values are the same, the axis reaches to 0.
    """
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low < 1e-100:  # all are 0
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


def _value_axis(marks: Sequence[float], bottom: float, label: Callable[[str], str] = str) -> list[tuple[float, str]]:
    """Place and label of each mark. bottom: pixels from the top of the first mark; the last one is HEIGHT above it."""
    return [(_down(mark, marks, bottom), label(tick_label(mark, marks))) for mark in marks]


def _down(value: float, marks: Sequence[float], bottom: float) -> float:
    """Pixels from the top at which a value is drawn."""
    return bottom - HEIGHT * (value - marks[0]) / (marks[-1] - marks[0])


# -- bars and columns ---------------------------------------------------------------------------------------


def funnel_chart(read: tuple[str, int], dropped: Mapping[str, int], kept: tuple[str, int], title: str) -> str:
    """A bar for each rule that dropped tweets: what is left, and behind it, in another colour, what the rule took.

    Args:
        read, kept: name and tweets.
        dropped: name of a rule → tweets.
    """
    whole, left = max(read[1], 1), read[1]
    rows = [(read[0], _counted(left, whole), True, [("front", 0, 100 * left / whole)])]
    for name, lost in dropped.items():
        if lost:
            left -= lost
            width, taken = 100 * left / whole, max(100 * lost / whole, THINNEST)
            parts = [("front", 0, width), ("lost", min(width, 100 - taken), taken)]
            rows.append((name, "−" + _counted(lost, whole), False, parts))
    rows.append((kept[0], _counted(kept[1], whole), True, [("front", 0, 100 * kept[1] / whole)]))
    return fragment("charts/bars.html.j2", title=title, rows=rows)


def _counted(count: int, whole: int) -> str:
    return f"{localised(f'{count:,}')} ({percent(count / whole)})"


def row_chart(rows: Sequence[tuple[str, int]], whole: int, title: str) -> str:
    """A bar a row, as a share of the whole. Each has a count above 0."""
    drawn = [(name, _counted(count, whole), False, [("front", 0, max(100 * count / whole, THINNEST))]) for name, count in rows]
    return fragment("charts/bars.html.j2", title=title, rows=drawn)


def column_chart(columns: Sequence[Column], title: str) -> str:
    """Columns side by side on one scale, with an axis of round numbers."""
    marks, bottom = ticks(0, max((column.back for column in columns), default=0), COLUMN_TICKS, least=1), HEIGHT + AXIS
    pitch = min(100 / max(len(columns), 1), WIDEST_COLUMN)
    drawn = []
    for number, (label, back, front, pointed) in enumerate(columns):
        counts = {"lost": back if back > front else 0, "front": front}
        boxes = [(name, max(HEIGHT * count / marks[-1], 1)) for name, count in counts.items() if count]
        drawn.append((number * pitch, label, pointed, boxes))
    width = pitch * (0.8 if len(columns) < 60 else 0.9)
    axis = {"marks": _value_axis(marks, bottom, localised), "bottom": bottom, "axis": AXIS}
    return fragment("charts/columns.html.j2", title=title, columns=drawn, width=width, **axis)


def thinned(labels: Sequence[str]) -> list[str]:
    """The labels, some of them emptied, evenly, until the others have room."""
    places = [place for place, label in enumerate(labels) if label]
    kept = set(places[:: max(-(-len(places) // LABELS), 1)])
    return [label if place in kept else "" for place, label in enumerate(labels)]


def range_chart(rows: Sequence[tuple[str, float, float, float, bool]], mark: tuple[str, float], title: str, say: Say) -> str:
    """A dot between two ends a row, on one scale that holds 0 and a marked value.

    Args:
        rows: name, low end, value, high end, and whether it is the one that counts.
    """
    values = [0.0, mark[1], *(value for _, *ends, _ in rows for value in ends)]
    marks = ticks(min(values), max(values), CURVE_TICKS)

    def across(value: float) -> float:
        return 100 * (value - marks[0]) / (marks[-1] - marks[0])

    drawn = [(name, say.number(value), strong, *map(across, (low, value, high))) for name, low, value, high, strong in rows]
    scale = [(across(of), say.localised(tick_label(of, marks))) for of in marks]
    return fragment("charts/ranges.html.j2", title=title, rows=drawn, scale=scale, mark=(mark[0], across(mark[1])), axis=AXIS)


class Marked(NamedTuple):
    """A value over its label; low, high: the ends of its interval, None where it has none; strong: whether it is the one that counts."""

    label: str
    value: float
    strong: bool
    low: float | None = None
    high: float | None = None


def marks_chart(marked: Sequence[Marked], title: str, localise: Callable[[str], str]) -> str:
    """Values side by side, each as a dot on its interval, joined by a line."""
    ends = [end for mark in marked for end in (mark.low, mark.value, mark.high) if end is not None]
    marks, places = ticks(min(ends), max(ends), CURVE_TICKS), []
    for number, mark in enumerate(marked):
        interval = None if mark.low is None else [_down(end, marks, BOTTOM) for end in (mark.low, mark.high)]
        places.append((100 * (number + 0.5) / len(marked), _down(mark.value, marks, BOTTOM), interval, mark))
    axis = {"top": TOP, "bottom": BOTTOM, "axis": AXIS}
    return fragment("charts/marks.html.j2", title=title, marks=_value_axis(marks, BOTTOM, localise), places=places, **axis)


# -- curves -------------------------------------------------------------------------------------------------


def curve(name: str, points: Points, last_step: float, say: Say, kept: float | None = None, *, decides: bool = False) -> str:
    """One curve over the steps, between round numbers, with its last value at its end.

    Args:
        points: (step, value), in order of the steps.
        last_step: of the run; every curve of a page has the same width.
        kept: the step of the checkpoint that was kept, which is marked.
        decides: whether that checkpoint was chosen by this curve, which then says its value.
    """
    values = dict(points)
    marks, whole = ticks(min(values.values()), max(values.values()), CURVE_TICKS), last_step or 1
    step_marks = [mark for mark in ticks(0, last_step, CURVE_TICKS, least=1) if mark <= last_step]
    places = {step: (100 * step / whole, _down(value, marks, BOTTOM)) for step, value in points}
    drawn = list(places.values())
    return fragment(
        "charts/curve.html.j2",
        alt=_alt_text(name, points, say),
        marks=_value_axis(marks, BOTTOM, say.localised),
        top=TOP,
        bottom=BOTTOM,
        axis=AXIS,
        step=say("c_step"),
        steps=[(100 * mark / whole, say.localised(tick_label(mark, step_marks))) for mark in step_marks],
        kept=None if kept is None else 100 * kept / whole,
        places=drawn,
        dots=drawn if len(drawn) <= MOST_DOTS else drawn[-1:],
        last=say.number(points[-1][1]),
        chosen=(places[kept], say("c_kept", value=say.number(values[kept]))) if decides and kept in values else None,
    )


def _alt_text(name: str, points: Points, say: Say) -> str:
    lowest, highest = min(points, key=lambda p: p[1]), max(points, key=lambda p: p[1])
    (from_step, first), (to_step, last) = points[0], points[-1]
    numbers = {"from_step": from_step, "to_step": to_step, "first": first, "last": last}
    numbers |= {"low_step": lowest[0], "lowest": lowest[1], "high_step": highest[0], "highest": highest[1]}
    return say("c_alt", name=name, **{key: say.number(value) for key, value in numbers.items()})

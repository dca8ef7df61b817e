"""Curves as inline SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tweetstyle.pages.charts import html, tick_label, ticks
from tweetstyle.wording.words import Say

TOP, HEIGHT, FOOT = 12, 140, 22
"""Pixels: room for half a label, the curve, a line of labels."""
BOTTOM = TOP + HEIGHT
MOST_POINTS = 600
"""Of more, evenly some: no screen shows them."""
MOST_DOTS = 40
MOST_TICKS = 6

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Axes:
    """Where a step (percent of the width) and a value (pixels from the top) are drawn. last_step: at the right edge; 0 is at the left."""

    last_step: float
    low: float
    high: float

    def across(self, step: float) -> float:
        return 100 * step / self.last_step if self.last_step else 0.0

    def down(self, value: float) -> float:
        return TOP + HEIGHT * (self.high - value) / (self.high - self.low)


def curve(name: str, points: Points, last_step: float, say: Say, kept: float | None = None, *, decides: bool = False) -> str:
    """One curve over the steps, between round numbers, with its last value at its end.

    Args:
        points: (step, value), in order of the steps.
        last_step: of the run; every curve of a page has the same width.
        kept: the step of the checkpoint that was kept, which is marked.
        decides: whether that checkpoint was chosen by this curve, which then says its value.
    """
    values = [value for _, value in points]
    marks = ticks(min(values), max(values), MOST_TICKS)
    axes = Axes(last_step, marks[0], marks[-1])
    parts = [_value_axis(marks, axes, say), _step_axis(axes, say)]
    if kept is not None:
        x = f"{axes.across(kept):.2f}%"
        parts.append(f'<line class="chosen" x1="{x}" x2="{x}" y1="{TOP}" y2="{BOTTOM}"/>')
    path = " ".join(f"{10 * axes.across(step):.1f},{axes.down(value):.1f}" for step, value in _thinned(points))
    parts.append(f'<svg x="0" y="0" width="100%" height="{BOTTOM}" viewBox="0 0 1000 {BOTTOM}" preserveAspectRatio="none">')
    parts.append(f'<polyline class="curve" points="{path}"/></svg>')
    dots = points if len(points) <= MOST_DOTS else points[-1:]
    parts += [_dot(axes, point, 2.5) for point in dots]
    x, y, last = axes.across(points[-1][0]), axes.down(values[-1]), say.number(values[-1])
    parts.append(f'<text class="strong" x="{x:.2f}%" dx="6" y="{y + 4:.1f}">{html(last)}</text>')
    if decides:
        parts += [_kept(axes, point, say) for point in points if point[0] == kept]
    alt = _in_words(name, points, say)
    return f'<svg class="plot" role="img" aria-label="{html(alt)}" height="{BOTTOM + FOOT}">{"".join(parts)}</svg>'


def _value_axis(marks: Sequence[float], axes: Axes, say: Say) -> str:
    label = _labels(marks, say)
    return "".join(
        f'<line class="grid" x1="0" x2="100%" y1="{axes.down(mark):.1f}" y2="{axes.down(mark):.1f}"/>'
        f'<text class="faint end" x="-6" y="{axes.down(mark) + 4:.1f}">{html(label(mark))}</text>'
        for mark in marks
    )


def _step_axis(axes: Axes, say: Say) -> str:
    marks = [mark for mark in ticks(0, axes.last_step, MOST_TICKS, least=1) if mark <= axes.last_step]
    label = _labels(marks, say)
    drawn = "".join(
        f'<text class="faint middle" x="{axes.across(mark):.2f}%" y="{BOTTOM + 16}">{html(label(mark))}</text>' for mark in marks
    )
    return f'<text class="faint end" x="-14" y="{BOTTOM + 16}">{html(say("c_step"))}</text>{drawn}'


def _labels(marks: Sequence[float], say: Say) -> Callable[[float], str]:
    return lambda mark: say.localised(tick_label(mark, marks))


def _dot(axes: Axes, point: tuple[float, float], radius: float) -> str:
    step, value = point
    return f'<circle class="front" cx="{axes.across(step):.2f}%" cy="{axes.down(value):.1f}" r="{radius}"/>'


def _kept(axes: Axes, point: tuple[float, float], say: Say) -> str:
    """A large dot, and its value beside the top of the line: the trained model's curve is lowest here, so that there is room above it."""
    x, text = axes.across(point[0]), html(say("c_kept", value=say.number(point[1])))
    anchor, aside = ("end", -6) if x > 50 else ("start", 6)
    return f'{_dot(axes, point, 5)}<text class="halo {anchor}" x="{x:.2f}%" dx="{aside}" y="{TOP + 12}">{text}</text>'


def _in_words(name: str, points: Points, say: Say) -> str:
    lowest, highest = min(points, key=lambda p: p[1]), max(points, key=lambda p: p[1])
    (from_step, first), (to_step, last) = points[0], points[-1]
    numbers = {"from_step": from_step, "to_step": to_step, "first": first, "last": last}
    numbers |= {"low_step": lowest[0], "lowest": lowest[1], "high_step": highest[0], "highest": highest[1]}
    return say("c_alt", name=name, **{key: say.number(value) for key, value in numbers.items()})


def _thinned(points: Points) -> Points:
    step = -(-len(points) // MOST_POINTS)
    return [*points[::step], points[-1]] if step > 1 else points

"""Curves as inline SVG: widths are percentages and letters keep their size, so that a phone shows the same."""

from __future__ import annotations

from collections.abc import Sequence

from tweetstyle.prepare.report_charts import html
from tweetstyle.report.words import Say

TOP, HEIGHT, FOOT = 20, 130, 22
"""Pixels: a line of letters, the curve, a line of letters."""
MOST_POINTS = 600
"""Of more, evenly some: no screen shows them."""

Points = Sequence[tuple[float, float]]


def curve(name: str, points: Points, chosen: int | None, say: Say) -> str:
    """One curve over the steps with the chosen step marked; its text alternative says where it begins, ends and turns."""
    steps, values = [p[0] for p in points], [p[1] for p in points]
    left, right, low, high = min(steps), max(steps), min(values), max(values)

    def across(step: float) -> float:
        return 100 * (step - left) / (right - left) if right > left else 50.0

    def down(value: float) -> float:
        return HEIGHT * (high - value) / (high - low) if high > low else HEIGHT / 2

    falls = values[0] >= values[-1]
    bottom = TOP + HEIGHT
    parts = [f'<line class="grid" x1="0" x2="100%" y1="{y}" y2="{y}"/>' for y in (TOP, bottom)]
    if chosen is not None and left <= chosen <= right:
        parts.append(f'<line class="chosen" x1="{across(chosen):.2f}%" x2="{across(chosen):.2f}%" y1="{TOP}" y2="{bottom}"/>')
    path = " ".join(f"{10 * across(step):.1f},{down(value):.1f}" for step, value in _thinned(points))
    parts.append(f'<svg x="0" y="{TOP}" width="100%" height="{HEIGHT}" viewBox="0 0 1000 {HEIGHT}" preserveAspectRatio="none">')
    parts.append(f'<polyline class="curve" points="{path}"/></svg>')
    for step, value in points:
        if len(points) <= 40 or step == chosen:
            radius = 5 if step == chosen else 2.5
            parts.append(f'<circle class="front" cx="{across(step):.2f}%" cy="{TOP + down(value):.1f}" r="{radius}"/>')
    parts.append(_label(say.number(high), TOP - 6, at_end=falls))
    parts.append(_label(say.number(low), bottom - 6, at_end=not falls) if high > low else "")
    parts.append(f'<text class="faint" x="0" y="{bottom + 16}">{html(say("c_step", step=say.number(left)))}</text>')
    parts.append(f'<text class="faint end" x="100%" y="{bottom + 16}">{html(say.number(right))}</text>')
    alt = _in_words(name, points, say)
    return f'<svg role="img" aria-label="{html(alt)}" width="100%" height="{bottom + FOOT}">{"".join(parts)}</svg>'


def _label(text: str, y: int, at_end: bool) -> str:
    return f'<text class="{"end" if at_end else "start"}" x="{"100%" if at_end else 0}" y="{y}">{html(text)}</text>'


def _in_words(name: str, points: Points, say: Say) -> str:
    lowest, highest = min(points, key=lambda p: p[1]), max(points, key=lambda p: p[1])
    (from_step, first), (to_step, last) = points[0], points[-1]
    numbers = {"from_step": from_step, "to_step": to_step, "first": first, "last": last}
    numbers |= {"low_step": lowest[0], "lowest": lowest[1], "high_step": highest[0], "highest": highest[1]}
    return say("c_alt", name=name, **{key: say.number(value) for key, value in numbers.items()})


def _thinned(points: Points) -> Points:
    step = -(-len(points) // MOST_POINTS)
    return [*points[::step], points[-1]] if step > 1 else points

"""tune.html: learning rates compared on validation tweets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tweetstyle.console import as_rate
from tweetstyle.files import complete_file
from tweetstyle.pages.charts import Marked, marks_chart
from tweetstyle.pages.render import render
from tweetstyle.wording.words import Say

if TYPE_CHECKING:
    from tweetstyle.dataset.held_out import HeldOut
    from tweetstyle.statistics.intervals import Winner


def write_rates(
    path: Path, name: str, language: str, rates: Sequence[tuple[float, list[float] | None]], sample: HeldOut, choice: Winner
) -> Path:
    """Writes the page of a comparison and returns its path. rates: each with the nats of every tweet, or None where it diverged."""
    say, whole = Say(language), math.log(2) * float(sample.bytes.sum())
    rows = [
        {
            "rate": as_rate(rate),
            "bits": None if nats is None else sum(nats) / whole,
            "gain": asdict(choice.gains[rate]) if rate in choice.gains else None,
            "chosen": rate == choice.chosen,
        }
        for rate, nats in sorted(rates)
    ]
    drawn = [Marked(row["rate"], row["bits"], row["chosen"], *_ends(row)) for row in rows if row["bits"] is not None]
    chart = marks_chart(drawn, say("u_title", name=name), say.localised)
    values = {"title": say("u_title", name=name), "rows": rows, "chart": chart, "tweets": len(sample.tweets), "say": say}
    with complete_file(path) as stream:
        stream.write(render("rates.html.j2", language=language, sheets=("report/report.css",), **values))
    return path


def _ends(row: dict[str, Any]) -> tuple[float | None, float | None]:
    """The bits per byte between which a rate lies, given those of the recipe's."""
    gain = row["gain"]
    if gain is None or gain["low"] is None:
        return None, None
    own = row["bits"] + gain["estimate"]
    return own - gain["high"], own - gain["low"]

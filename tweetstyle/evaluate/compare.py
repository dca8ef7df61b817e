"""Several runs side by side, on the same held-out tweets, with paired intervals against the first."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tweetstyle.errors import TweetstyleError
from tweetstyle.evaluate.effect import SMALLEST_GAIN, Effect, effect
from tweetstyle.evaluate.intervals import Interval, bootstrap_t
from tweetstyle.held_out import HeldOut, clusters

if TYPE_CHECKING:
    from rich.table import Table

SCORES = "scores.json"
CONFIDENCE, RESAMPLES, SEED = 0.95, 2000, 42
IN_WORDS = {
    Effect.MORE: "better",
    Effect.LESS: "worse",
    Effect.NONE: "no difference that counts",
    Effect.UNKNOWN: "too few tweets to tell",
}
"""Of a run against the first one."""


@dataclass(frozen=True)
class Compared:
    """One run. bits_per_byte: on the common tweets, as is base's; better: how many bits per byte fewer than the first run, None for it.

    gap_closed, copied, answer (does it write like the author?): as its evaluation.json has them, None where they were not measured.
    """

    run: str
    tweets: int
    base: float
    bits_per_byte: float
    better: Interval | None
    gap_closed: Interval | None
    copied: Interval | None
    answer: str | None


def scores_of(samples: Mapping[str, HeldOut], base: Sequence[float], tuned: Sequence[float]) -> dict[str, list[dict[str, Any]]]:
    """split → a row for each held-out tweet, with what `compare` needs; never its text. base, tuned: nats of all splits in a row."""
    found, start = {}, 0
    for name, sample in samples.items():
        end = start + len(sample.tweets)
        rows = zip(sample.tweets, clusters(sample.tweets), sample.bytes.tolist(), base[start:end], tuned[start:end], strict=True)
        found[name] = [{"id": t.id, "cluster": c, "bytes": b, "base": at_base, "tuned": at_tuned} for t, c, b, at_base, at_tuned in rows]
        start = end
    return found


def compare(runs: Sequence[Path], split: str = "test") -> list[Compared]:
    """On the tweets of the split that every run was scored on. Raises TweetstyleError for a run without scores, and without such tweets."""
    if len(runs) < 2:
        raise TweetstyleError("one run alone cannot be compared", where=str(runs[0]), hint="name two or more: model/NAME model/OTHER")
    rows = [_scores(run / SCORES, split) for run in runs]
    common = [id for id in rows[0] if all(_same(rows[0][id], of.get(id)) for of in rows[1:])]
    if not common:
        what = f"no {split} tweet was scored in all of them"
        raise TweetstyleError(what, where=", ".join(map(str, runs)), hint="evaluate them on the same data: tweetstyle evaluate RECIPE")
    sizes = np.array([rows[0][id]["bytes"] for id in common])
    days = [rows[0][id]["cluster"] for id in common]
    tuned, base = ([np.array([of[id][who] for id in common]) / math.log(2) for of in rows] for who in ("tuned", "base"))
    found = []
    for place, run in enumerate(runs):
        settings = {"confidence": CONFIDENCE, "resamples": RESAMPLES, "seed": SEED}
        better = bootstrap_t(tuned[0] - tuned[place], sizes, days, **settings) if place else None
        bits = [float(of[place].sum() / sizes.sum()) for of in (base, tuned)]
        found.append(Compared(str(run), len(common), *bits, better, *_evaluated(run)))
    return found


def table(compared: Sequence[Compared]) -> Table:
    """A row a run; beneath it what each run's own evaluation says of it."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    title = f"{compared[0].tweets:,} test tweets that every run was scored on, without a topic or first words"
    drawn = Table(title=title, title_justify="left", caption_justify="left", box=SIMPLE_HEAD)
    for column in ("run", "base", "tuned", "bits per byte fewer than the first", "which is", "gap closed", "copied"):
        drawn.add_column(column, justify="left" if column in ("run", "which is") else "right")
    for one in compared:
        bits = f"{one.base:.3f}", f"{one.bits_per_byte:.3f}"
        which = IN_WORDS[effect(one.better, SMALLEST_GAIN)] if one.better else "–"
        shares = (_in_words(share, ".0%") for share in (one.gap_closed, one.copied))
        drawn.add_row(one.run, *bits, _in_words(one.better, "+.3f"), which, *shares)
    drawn.caption = "\n".join(
        [*(f"{one.run}: {one.answer}" for one in compared if one.answer), f"A difference counts from {SMALLEST_GAIN} bits per byte on."]
    )
    return drawn


def _in_words(interval: Interval | None, form: str) -> str:
    if interval is None:
        return "–"
    ends = "" if interval.low is None else f" ({interval.low:{form}} to {interval.high:{form}})"
    return f"{interval.estimate:{form}}{ends}"


def _same(one: dict[str, Any], other: dict[str, Any] | None) -> bool:
    """The same tweet, prepared alike: another cleaning may have left other bytes of it."""
    return other is not None and one["bytes"] == other["bytes"]


def _scores(path: Path, split: str) -> dict[str, dict[str, Any]]:
    """id → row."""
    try:
        rows = {row["id"]: row for row in _read(path)[split]}
        if any(not isinstance(row[name], int | float) for row in rows.values() for name in ("bytes", "base", "tuned")):
            raise TypeError("not a number")
    except (KeyError, TypeError) as error:
        hint = "tweetstyle evaluate RECIPE --force makes it anew"
        raise TweetstyleError(f"not the scores that evaluate wrote ({error})", where=str(path), hint=hint) from error
    return rows


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        hint = "name the directory of an evaluated run, for example model/demo; tweetstyle evaluate RECIPE makes it"
        raise TweetstyleError("there are no scores of a run", where=str(path), hint=hint) from error


def _evaluated(run: Path) -> tuple[Interval | None, Interval | None, str | None]:
    """Gap closed, share copied, and the verdict's first answer."""
    from tweetstyle.report.verdict import answers

    evaluation = _read(run / "evaluation.json") if (run / "evaluation.json").is_file() else {}
    style = evaluation.get("style") or {}
    gap, copied = (style.get("gap_closed") or {}).get("tuned"), (style.get("copying") or {}).get("generated")
    answer = answers(evaluation, [], "en")[0][0] if evaluation.get("splits") else None
    return Interval(**gap) if gap else None, Interval(**copied) if copied else None, answer

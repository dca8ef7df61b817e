"""Compares runs on the same held-out tweets, with paired intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import FiniteFloat

from tweetstyle.dataset.held_out import HeldOut, clusters
from tweetstyle.errors import TweetstyleError
from tweetstyle.evaluate.scoring import gain_in_words, terminal_table
from tweetstyle.files import read_back
from tweetstyle.locale import N_, _, current_language
from tweetstyle.statistics.intervals import SMALLEST_GAIN, Effect, bootstrap_t, effect
from tweetstyle.statistics.metrics import read_evaluation
from tweetstyle.wording.verdict import answers
from tweetstyle.wording.words import Say

if TYPE_CHECKING:
    from pandas import DataFrame
    from rich.table import Table

EFFECTS = {Effect.MORE: N_("better"), Effect.LESS: N_("worse"), Effect.NONE: N_("same"), Effect.UNKNOWN: N_("unclear")}
"""Of a run against the first one."""
SCORES = "scores.json"
BOOTSTRAP = {"confidence": 0.95, "resamples": 2000, "seed": 42}


@dataclass(frozen=True)
class _Score:
    """A row of scores.json. base, tuned: nats of the tweet by either model."""

    id: str
    cluster: str
    bytes: FiniteFloat
    base: FiniteFloat
    tuned: FiniteFloat


def scores_of(samples: Mapping[str, HeldOut], base: Sequence[float], tuned: Sequence[float]) -> dict[str, list[dict[str, Any]]]:
    """split → a row for each held-out tweet, with what `compare` needs; never its text. base, tuned: nats of all splits in a row."""
    found, start = {}, 0
    for name, sample in samples.items():
        end = start + len(sample.tweets)
        rows = zip(sample.tweets, clusters(sample.tweets), sample.bytes.tolist(), base[start:end], tuned[start:end], strict=True)
        found[name] = [{"id": t.id, "cluster": c, "bytes": b, "base": at_base, "tuned": at_tuned} for t, c, b, at_base, at_tuned in rows]
        start = end
    return found


def compare(runs: Sequence[Path]) -> Table:
    """A row a run, on the test tweets that every run was scored on; beneath it what each run's own evaluation says of it.

    Raises TweetstyleError for a run without scores, and without such tweets.
    """
    import pandas

    if len(runs) < 2:
        raise TweetstyleError(_("one run alone cannot be compared"), where=str(runs[0]), hint=_("name two or more: model/NAME model/OTHER"))
    scores = pandas.concat([_scores(run / SCORES) for run in runs], axis=1, join="inner", keys=range(len(runs)))
    # A tweet counts as the same only with as many bytes: another cleaning may have left other text of it.
    scores = scores[scores.xs("bytes", axis=1, level=1).nunique(axis=1) == 1]
    if scores.empty:
        what = _("no test tweet was scored in all of them")
        raise TweetstyleError(what, where=", ".join(map(str, runs)), hint=_("evaluate them on the same data: tweetstyle evaluate RECIPE"))
    say = Say(current_language())
    title = _("{count:,} test tweets that every run was scored on, without a topic or first words", count=len(scores))
    drawn = terminal_table(title, _("run"), say("e_base"), say("e_tuned"), _("bits per byte fewer than the first"), _("result"))
    sizes, days = scores[0, "bytes"].to_numpy(), scores[0, "cluster"].tolist()
    for place, run in enumerate(runs):
        fewer_bits = (scores[0, "tuned"] - scores[place, "tuned"]).to_numpy() / math.log(2)
        better = bootstrap_t(fewer_bits, sizes, days, **BOOTSTRAP)
        result = [gain_in_words(better), _(EFFECTS[effect(better, SMALLEST_GAIN)])] if place else ["–", "–"]
        both = (say.number(scores[place, who].sum() / math.log(2) / sizes.sum(), 3) for who in ("base", "tuned"))
        drawn.add_row(str(run), *both, *result)
    lines = [f"{run}: {answer}" for run in runs if (answer := _answer(run))]
    key = _("same: less than {smallest} bits per byte apart; unclear: too few tweets to tell", smallest=SMALLEST_GAIN)
    drawn.caption = "\n".join([*lines, key])
    return drawn


def _scores(path: Path) -> DataFrame:
    """A row for each test tweet, indexed by its id. Raises TweetstyleError for a file that evaluate did not write."""
    import pandas

    scores = read_back(path, dict[str, list[_Score]]) or {}
    if "test" not in scores:
        hint = _("name the directory of an evaluated run, for example model/demo; tweetstyle evaluate RECIPE --force writes it again")
        raise TweetstyleError(_("there are no scores of a run, or they are damaged"), where=str(path), hint=hint)
    return pandas.DataFrame(scores["test"]).drop_duplicates("id", keep="last").set_index("id")


def _answer(run: Path) -> str | None:
    """The verdict's first answer; None where nothing was measured."""
    content = read_evaluation(run)
    return answers(content, [], current_language())[0][0] if content.get("splits") else None

"""The verdict in three points: does it sound like you (and does it hear you), does it make up new things, when should training have
stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tweetstyle.report.words import Say

FEW_COPIES = 0.05
"""An excess of copying whose interval ends below this is none that matters."""
VARIED = 0.7
"""Below this ratio of distinct word pairs a model repeats itself."""
RISE = 1.01
"""Validation that ends above its best by this factor has risen; evaluate warns from the same."""
TAKE_OFF = 0.1
"""Above its first value by so much, and never below that again, the share of copying has taken off."""
CERTAIN = 0.5
"""In the last validation alone: a share below it may be one tweet of a handful, which is no take-off yet."""

Json = Mapping[str, Any]


def verdict(evaluation: Json, metrics: Sequence[Json], language: str, *, live: bool = False) -> list[str]:
    """Three texts of one to five plain sentences, from evaluation.json (empty: not yet) and the lines of metrics.jsonl."""
    say = Say(language, talks=bool((evaluation or {}).get("conversation")))
    return [_like_you(evaluation or {}, say), _new_things(evaluation or {}, say), _stopping(metrics, say, live)]


def best_validation(metrics: Sequence[Json]) -> Json | None:
    """The first validation line with the fewest bits per byte: what fit keeps."""
    return min((m for m in metrics if "eval_bits_per_byte" in m), key=lambda m: m["eval_bits_per_byte"], default=None)


def take_off(metrics: Sequence[Json]) -> Json | None:
    """The first line from which on copied_share stays at least TAKE_OFF above its first value; None where it never does.

    The last line alone must have a share of CERTAIN at least.
    """
    rows = [m for m in metrics if m.get("copied_share") is not None]
    high = None
    for row in reversed(rows):
        if row["copied_share"] < rows[0]["copied_share"] + TAKE_OFF:
            break
        high = row
    if high is not None and high is rows[-1] and high["copied_share"] < CERTAIN:
        return None
    return high


def epoch_of(line: Json, metrics: Sequence[Json]) -> float | None:
    """A validation line has no epoch of its own: that of the training line of its step, or of the last before it."""
    if line.get("epoch") is not None:
        return line["epoch"]
    return max((m["epoch"] for m in metrics if m.get("epoch") is not None and m["step"] <= line["step"]), default=None)


def sign(found: Json | None) -> int:
    """1 or -1 where the whole interval lies on that side of 0, else 0."""
    if not found or found["low"] is None or found["high"] is None:
        return 0
    return int(found["low"] > 0) - int(found["high"] < 0)


def turned(found: Json) -> dict[str, Any]:
    """The interval of the same difference the other way round."""
    low, high = (None if found[end] is None else -found[end] for end in ("high", "low"))
    return {**found, "estimate": -found["estimate"], "low": low, "high": high}


def _like_you(evaluation: Json, say: Say) -> str:
    splits = evaluation.get("splits") or {}
    test = splits.get("test") or splits.get("validation")
    if not test:
        return say("v_like_not_yet")
    talk = evaluation.get("conversation")
    return " ".join([_like_you_at_all(evaluation, test, say), *([say("v_given"), *_what_it_hears(evaluation, talk, say)] if talk else [])])


def _like_you_at_all(evaluation: Json, test: Json, say: Say) -> str:
    over, tweets, best = test["over_best"], say.number(test["tweets"]), say.baseline(test["best"])
    if not sign(test["gain"]):
        return say("v_like_cannot", tweets=tweets, gain=say.interval(test["gain"]))
    if sign(test["gain"]) < 0:
        return say("v_like_worse", tweets=tweets, gain=say.interval(turned(test["gain"])))
    key = {1: "v_like_yes", 0: "v_like_unsure", -1: "v_like_less"}[sign(over)]
    said = say(key, tweets=tweets, best=best, over=say.interval(turned(over) if sign(over) < 0 else over))
    gap = ((evaluation.get("style") or {}).get("gap_closed") or {}).get("tuned")
    return f"{said} {say('v_gap', gap=say.interval(gap, shares=True))}" if gap else said


def _what_it_hears(evaluation: Json, talk: Json, say: Say) -> list[str]:
    """Whether sense was lost with the style that was gained, by each of the two measures that can tell; by words only where they can."""
    words = ((evaluation.get("style") or {}).get("obedience") or {}).get("key words")
    said = []
    if words and (way := sign(words["difference"])):
        shares = {of: say.interval(words[of], shares=True) for of in ("base", "tuned", "difference")}
        said.append(say("v_words_gained" if way > 0 else "v_words_lost", **shares))
    return said + (_by_likelihood(talk["relevance"], say) if talk["relevance"] else [])


def _by_likelihood(heard: Json, say: Say) -> list[str]:
    key = {1: "v_sense_gained", 0: "v_sense_unsure", -1: "v_sense_lost"}[sign(heard["difference"])]
    shares = {who: say.interval(heard[who], shares=True) for who in ("base", "tuned")}
    said = [say(key, **shares, chance=say.percent(heard["chance"]))]
    low = heard["tuned"]["low"]
    return [*said, say("v_deaf")] if low is None or low <= heard["chance"] else said


def _new_things(evaluation: Json, say: Say) -> str:
    style = evaluation.get("style") or {}
    found = style.get("copying")
    if not found:
        return say("v_copy_not_yet")
    excess = found["excess"]
    harmless = excess["high"] is not None and excess["high"] <= FEW_COPIES
    key = "v_copy_no" if harmless else "v_copy_yes" if sign(excess) > 0 else "v_copy_cannot"
    said = say(
        key,
        samples=say.number(style["samples"]),
        generated=say.percent(found["generated"]["estimate"]),
        held_out=say.percent(found["held_out"]["estimate"]),
        excess=say.interval(excess, shares=True),
    )
    varied = ((style.get("diversity") or {}).get("tuned") or {}).get("distinct_2")
    if varied is not None and varied < VARIED:
        said += " " + say("v_repeats_itself", ratio=say.number(varied, 2))
    return said


def _stopping(metrics: Sequence[Json], say: Say, live: bool) -> str:
    curve = [m for m in metrics if "eval_bits_per_byte" in m]
    if len(curve) < 2:
        return say("v_stop_not_yet", count=len(curve))
    best, last = best_validation(curve), curve[-1]
    lowest, end = best["eval_bits_per_byte"], last["eval_bits_per_byte"]
    if live:
        key = "v_stop_so_far"
    elif best["step"] == last["step"]:
        key = "v_stop_end"
    else:
        key = "v_stop_over" if end > RISE * lowest else "v_stop_late"
    epoch = say.number(epoch_of(best, metrics), 2)
    said = say(key, step=say.number(best["step"]), epoch=epoch, best=say.number(lowest, 3), last=say.number(end, 3))
    if started := take_off(metrics):
        said += " " + say("v_takes_off", epoch=say.number(epoch_of(started, metrics), 2))
    return f"{said} {say('v_no_interval')}"

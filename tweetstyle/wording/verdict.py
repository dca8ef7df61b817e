"""The verdict: does it write like you, copy you, and when to stop training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tweetstyle.statistics.effect import SMALLEST_GAIN, SMALLEST_SHARE, Effect, effect
from tweetstyle.statistics.metrics import (
    BITS_PER_BYTE,
    RISE,
    best_validation,
    epoch_of,
    no_better_than_untrained,
    stops_as_worse,
    take_off,
    untrained_bits,
    validations,
)
from tweetstyle.wording.words import Say

VARIED = 0.7
"""Below this ratio of distinct word pairs a model repeats itself."""
SAME_PROMPT = "base, same prompt"
"""The baseline over which the gain over the untrained model is measured."""

Json = Mapping[str, Any]


def verdict(evaluation: Json, metrics: Sequence[Json], language: str, *, unfinished: bool = False) -> list[str]:
    """The three answers, each with its figures behind it, while no training is in progress. Arguments as in `answers`."""
    return [" ".join((answer, *figures)) for answer, *figures in answers(evaluation, metrics, language, unfinished=unfinished)]


def answers(
    evaluation: Json, metrics: Sequence[Json], language: str, *, unfinished: bool = False, training: bool = False
) -> list[list[str]]:
    """Three lists of sentences: an answer in plain words, then its figures.

    Args:
        evaluation: evaluation.json; empty where nothing was evaluated yet.
        metrics: the lines of metrics.jsonl.
        unfinished: whether the training has not come to its end.
        training: whether it is in progress.
    """
    evaluation = evaluation or {}
    say = Say(language, talks=bool(evaluation.get("conversation")))
    return [_like_you(evaluation, say), _new_tweets(evaluation, say), _stopping(metrics, say, unfinished, training)]


def turned(found: Json) -> dict[str, Any]:
    """The interval of the same difference the other way round."""
    low, high = (None if found[end] is None else -found[end] for end in ("high", "low"))
    return {**found, "estimate": -found["estimate"], "low": low, "high": high}


# -- does it write like you? --------------------------------------------------------------------------------


def _like_you(evaluation: Json, say: Say) -> list[str]:
    splits = evaluation.get("splits") or {}
    test = splits.get("test") or splits.get("validation")
    if not test:
        return [say("v_like_not_yet")]
    said = _learned(test, say) if effect(test["gain"], SMALLEST_GAIN) is Effect.MORE else _not_learned(test, say)
    said += _closer(evaluation.get("style") or {}, say)
    talk = evaluation.get("conversation")
    return [*said, say("v_given"), *_what_it_hears(evaluation, talk, say)] if talk else said


def _learned(test: Json, say: Say) -> list[str]:
    """Of a model that is better than the untrained one: whether it is also better than the best that can be had without training."""
    over = effect(test["over_best"], SMALLEST_GAIN)
    answer, figures = {
        Effect.MORE: ("v_like_yes", "f_over"),
        Effect.NONE: ("v_like_same", "f_difference"),
        Effect.UNKNOWN: ("v_like_unsure", "f_difference"),
        Effect.LESS: ("v_like_less", "f_worse"),
    }[over]
    words = {"tweets": say.number(test["tweets"]), "best": say.baseline(test["best"]), "smallest": say.number(SMALLEST_GAIN)}
    shown = turned(test["over_best"]) if over is Effect.LESS else test["over_best"]
    said = [say(answer, **words), say(figures, **words, over=_bits(shown, say))]
    return said if test["best"] == SAME_PROMPT else [*said, say("f_gain", gain=_bits(test["gain"], say))]


def _not_learned(test: Json, say: Say) -> list[str]:
    """Of a model that is no better than the untrained one, or of which that is not known."""
    gain = effect(test["gain"], SMALLEST_GAIN)
    words = {"tweets": say.number(test["tweets"]), "smallest": say.number(SMALLEST_GAIN)}
    if gain is Effect.LESS:
        said = [say("v_like_worse"), say("f_worse", **words, over=_bits(turned(test["gain"]), say))]
    else:
        answer = "v_like_nothing" if gain is Effect.NONE else "v_like_cannot"
        said = [say(answer), say("f_small", **words, gain=_bits(test["gain"], say))]
    if test["best"] != SAME_PROMPT and effect(test["over_best"], SMALLEST_GAIN) is Effect.LESS:
        said.append(say("f_best", **words, best=say.baseline(test["best"]), over=_bits(turned(test["over_best"]), say)))
    return [*said, say("v_like_try")] if gain is Effect.NONE else said


def _bits(found: Json, say: Say) -> str:
    """With more decimals the smaller it is: "0.00 (0.00 to 0.00)" would say nothing."""
    if effect(found, SMALLEST_GAIN) is Effect.NONE:
        return say.interval(found, digits=4)
    return say.interval(found, digits=2 if abs(found["estimate"]) >= 0.1 else 3)


def _closer(style: Json, say: Say) -> list[str]:
    """How far its own tweets have come from the untrained model's to the author's."""
    gap = (style.get("gap_closed") or {}).get("tuned")
    if not gap:
        return []
    return [say(f"v_gap_{effect(gap, SMALLEST_SHARE).value}", gap=say.interval(gap, shares=True), samples=say.number(style["samples"]))]


def _what_it_hears(evaluation: Json, talk: Json, say: Say) -> list[str]:
    """Whether sense was lost with the style that was gained, by each of the two measures that can tell; by words only where they can."""
    words = ((evaluation.get("style") or {}).get("obedience") or {}).get("key words")
    said = []
    way = effect(words["difference"], SMALLEST_SHARE) if words else Effect.UNKNOWN
    if way in (Effect.MORE, Effect.LESS):
        shares = {of: say.interval(words[of], shares=True) for of in ("base", "tuned", "difference")}
        said.append(say("v_words_gained" if way is Effect.MORE else "v_words_lost", **shares))
    return said + (_by_likelihood(talk["relevance"], say) if talk["relevance"] else [])


def _by_likelihood(heard: Json, say: Say) -> list[str]:
    shares = {who: say.interval(heard[who], shares=True) for who in ("base", "tuned")}
    answer = f"v_sense_{effect(heard['difference'], SMALLEST_SHARE).value}"
    said = [say(answer), say("f_sense", **shares, chance=say.percent(heard["chance"]))]
    low = heard["tuned"]["low"]
    return [*said, say("v_deaf")] if low is None or low <= heard["chance"] else said


# -- does it recite? ----------------------------------------------------------------------------------------


def _new_tweets(evaluation: Json, say: Say) -> list[str]:
    style = evaluation.get("style") or {}
    found = style.get("copying")
    if not found:
        return [say("v_copy_not_yet")]
    excess = found["excess"]
    harmless = excess["high"] is not None and excess["high"] <= SMALLEST_SHARE
    recites = effect(excess, SMALLEST_SHARE) is Effect.MORE
    said = [say("v_copy_no" if harmless else "v_copy_yes" if recites else "v_copy_cannot")]
    shares = {of: say.percent(found[of]["estimate"]) for of in ("generated", "held_out")}
    said.append(say("f_copy", samples=say.number(style["samples"]), **shares, excess=say.interval(excess, shares=True)))
    varied = ((style.get("diversity") or {}).get("tuned") or {}).get("distinct_2")
    if varied is not None and varied < VARIED:
        said.append(say("v_repeats_itself", ratio=say.number(varied, 2)))
    return said


# -- when should training have stopped? ---------------------------------------------------------------------


def _stopping(metrics: Sequence[Json], say: Say, unfinished: bool, training: bool) -> list[str]:
    curve = validations(metrics)
    if not curve:
        return [say("v_stop_not_yet"), say("f_stop_not_yet", count=0)]
    best, last = best_validation(curve), curve[-1]
    before = untrained_bits(metrics)
    kind = "so_far" if unfinished else _how_it_stopped(metrics)
    if unfinished and no_better_than_untrained(metrics):
        kind = "worse" if stops_as_worse(metrics) and not training else "not_better_yet"
    figures = {
        "count": len(curve),
        "step": say.number(best["step"]),
        "epoch": say.number(epoch_of(best, metrics), 2),
        "best": say.number(best[BITS_PER_BYTE], 3),
        "last": say.number(last[BITS_PER_BYTE], 3),
        "last_step": say.number(last["step"]),
        "untrained": say.number(before, 3),
    }
    said = [say(f"v_stop_{kind}"), say(f"f_stop_{kind}", **figures)]
    if started := take_off(metrics):
        said.append(say("v_takes_off", epoch=say.number(epoch_of(started, metrics), 2)))
    return [*said, say("v_no_interval")]


def _how_it_stopped(metrics: Sequence[Json]) -> str:
    """never: not better than untrained; not_yet: one validation alone; flat: no change that counts; end, over, late: by the best one."""
    bits = [line[BITS_PER_BYTE] for line in validations(metrics)]
    lowest, before = min(bits), untrained_bits(metrics)
    if before is not None and lowest > before - SMALLEST_GAIN:
        return "never"
    if len(bits) < 2:
        return "not_yet"
    if before is None and max(bits) - lowest < SMALLEST_GAIN:
        return "flat"
    if bits.index(lowest) == len(bits) - 1:
        return "end"
    return "over" if bits[-1] > RISE * lowest else "late"

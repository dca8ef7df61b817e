"""The verdict: does it write like you, copy you, and when to stop training."""

from collections.abc import Mapping, Sequence
from typing import Any

from tweetstyle.statistics.intervals import SMALLEST_GAIN, SMALLEST_SHARE, Effect, effect
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
SAME_PROMPT = "prompt"
"""The baseline that is the untrained model under the same prompt."""
WHOLE_WAY = 1.0
"""Of the style gap. An interval that is wider says nothing about how much of it was closed."""

UNTRAINED = {Effect.LESS: "worse", Effect.NONE: "nothing", Effect.UNKNOWN: "cannot"}
"""Gain over the untrained model, where it is none → ending of the answer's key."""
BEST = {
    Effect.MORE: ("yes", "f_over"),
    Effect.NONE: ("same", "f_difference"),
    Effect.UNKNOWN: ("unsure", "f_difference"),
    Effect.LESS: ("less", "f_worse"),
}
"""Else the difference to the best that can be had without training → the same, and the key of the figures."""

Json = Mapping[str, Any]


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
    say = _say(evaluation, language)
    return [_like_you(evaluation, say), _new_tweets(evaluation, say), _stopping(metrics, say, unfinished, training)]


def trial(evaluation: Json, language: str) -> str:
    """What a run on a hundred tweets shows, in one sentence; whether it writes like the author it cannot."""
    say, test = _say(evaluation, language), evaluation["splits"]["test"]
    return say(f"v_trial_{_kind(test)}", tweets=say.number(test["tweets"]), best=say.baseline(test["best"]))


def _say(evaluation: Json, language: str) -> Say:
    return Say(language, talks=bool(evaluation.get("conversation")), shown=evaluation.get("shown"))


def turned(found: Json) -> dict[str, Any]:
    """The interval of the same difference the other way round."""
    low, high = (None if found[end] is None else -found[end] for end in ("high", "low"))
    return {**found, "estimate": -found["estimate"], "low": low, "high": high}


# -- does it write like you? --------------------------------------------------------------------------------


def _like_you(evaluation: Json, say: Say) -> list[str]:
    splits, style, talk = evaluation.get("splits") or {}, evaluation.get("style") or {}, evaluation.get("conversation")
    test = splits.get("test") or splits.get("validation")
    if not test:
        return [say("v_like_not_yet")]
    answer, first, *figures = _learned(test, say)
    sentences = [answer, *_gap_closed(style, say), f"{say('details')} {first[0].lower()}{first[1:]}", *figures]
    if not talk:
        return sentences
    words = (style.get("prompt_adherence") or {}).get("key words")
    return [*sentences, say("v_given"), *_by_words(words, say), *_by_likelihood(talk["relevance"], say)]


def _learned(test: Json, say: Say) -> list[str]:
    """Whether it is better than the untrained model, and than the best that can be had without training."""
    gain, over = _effects(test)
    words = {"tweets": say.number(test["tweets"]), "best": say.baseline(test["best"]), "smallest": say.number(SMALLEST_GAIN)}
    worse_by, untrained_is_best = _bits(turned(test["over_best"]), say), test["best"] == SAME_PROMPT
    answer = say(f"v_like_{_kind(test)}", **words)
    if gain is Effect.MORE:
        figures = BEST[over][1]
        sentences = [answer, say(figures, **words, over=worse_by if over is Effect.LESS else _bits(test["over_best"], say))]
        return sentences if untrained_is_best else [*sentences, say("f_gain", gain=_bits(test["gain"], say))]
    if gain is Effect.LESS:
        sentences = [answer, say("f_worse", **words, over=_bits(turned(test["gain"]), say))]
    else:
        sentences = [answer, say("f_small", **words, gain=_bits(test["gain"], say))]
    if over is Effect.LESS and not untrained_is_best:
        sentences.append(say("f_best", **words, over=worse_by))
    return [*sentences, say("v_like_try")] if gain is Effect.NONE else sentences


def _effects(test: Json) -> tuple[Effect, Effect]:
    """Gain over the untrained model, and over the best that can be had without training."""
    return effect(test["gain"], SMALLEST_GAIN), effect(test["over_best"], SMALLEST_GAIN)


def _kind(test: Json) -> str:
    gain, over = _effects(test)
    return BEST[over][0] if gain is Effect.MORE else UNTRAINED[gain]


def _gap_closed(style: Json, say: Say) -> list[str]:
    """How much of the way to the author's style was gone.

    Where the interval is wider than the whole way, there is no figure: it is closer, or nothing is said.
    """
    gap = (style.get("gap_closed") or {}).get("tuned")
    if not gap or gap["low"] is None:
        return []
    found, wide = effect(gap, SMALLEST_SHARE), gap["high"] - gap["low"] > WHOLE_WAY
    if wide and found is not Effect.MORE:
        return []
    key = "wide" if wide else "all" if found is Effect.MORE and gap["estimate"] > WHOLE_WAY else found.value
    values = {"gap": say.interval(gap, shares=True), "low": say.percent(gap["low"]), "samples": say.number(style["samples"])}
    return [say(f"v_gap_{key}", **values)]


def _bits(found: Json, say: Say) -> str:
    """With more decimals the smaller it is: "0.00 (0.00 to 0.00)" would say nothing."""
    if effect(found, SMALLEST_GAIN) is Effect.NONE:
        return say.interval(found, digits=4, unit=say("unit_bits"))
    return say.interval(found, digits=2 if abs(found["estimate"]) >= 0.1 else 3, unit=say("unit_bits"))


def _by_words(words: Json | None, say: Say) -> list[str]:
    """Whether sense was lost with the style that was gained, by the words that recur; nothing where these cannot tell."""
    way = effect(words["difference"], SMALLEST_SHARE) if words else Effect.UNKNOWN
    if way not in (Effect.MORE, Effect.LESS):
        return []
    shares = {of: say.interval(words[of], shares=True) for of in ("base", "tuned", "difference")}
    return [say("v_words_gained" if way is Effect.MORE else "v_words_lost", **shares)]


def _by_likelihood(relevance: Json | None, say: Say) -> list[str]:
    """The same by the likelihood of one's own answers; nothing where it was not measured."""
    if not relevance:
        return []
    shares = {who: say.interval(relevance[who], shares=True) for who in ("base", "tuned")}
    answer = f"v_sense_{effect(relevance['difference'], SMALLEST_SHARE).value}"
    sentences = [say(answer), say("f_sense", **shares, chance=say.percent(relevance["chance"]))]
    low = relevance["tuned"]["low"]
    return [*sentences, say("v_message_ignored")] if low is None or low <= relevance["chance"] else sentences


# -- does it recite? ----------------------------------------------------------------------------------------


def _new_tweets(evaluation: Json, say: Say) -> list[str]:
    style = evaluation.get("style") or {}
    found = style.get("copying")
    if not found:
        return [say("v_copy_not_yet")]
    excess = found["excess"]
    harmless = excess["high"] is not None and excess["high"] <= SMALLEST_SHARE
    recites = effect(excess, SMALLEST_SHARE) is Effect.MORE
    shares = {of: say.percent(found[of]["estimate"]) for of in ("generated", "held_out")}
    figures = say("f_copy", samples=say.number(style["samples"]), **shares, excess=say.interval(excess, shares=True))
    if not found["generated"]["estimate"] and found["generated"]["high"] is not None:
        figures = say("f_copy_none", samples=say.number(style["samples"]), most=say.percent(found["generated"]["high"]))
    sentences = [say("v_copy_no" if harmless else "v_copy_yes" if recites else "v_copy_cannot"), figures]
    varied = ((style.get("diversity") or {}).get("tuned") or {}).get("distinct_2")
    if varied is not None and varied < VARIED:
        sentences.append(say("v_repeats_itself", ratio=say.number(varied, 2)))
    return sentences


# -- when should training have stopped? ---------------------------------------------------------------------


def _stopping(metrics: Sequence[Json], say: Say, unfinished: bool, training: bool) -> list[str]:
    curve = validations(metrics)
    if not curve:
        return [say("v_stop_not_yet"), say("f_stop_not_yet", count=0)]
    best, last = best_validation(curve), curve[-1]
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
        "untrained": say.number(untrained_bits(metrics), 3),
    }
    sentences = [say(f"v_stop_{kind}"), say(f"f_stop_{kind}", **figures)]
    if started := take_off(metrics):
        sentences.append(say("v_takes_off", epoch=say.number(epoch_of(started, metrics), 2)))
    return [*sentences, say("v_no_interval")]


def _how_it_stopped(metrics: Sequence[Json]) -> str:
    """never: not better than untrained; not_yet: one validation alone; end, over, late: by the best one."""
    bits, before = [line[BITS_PER_BYTE] for line in validations(metrics)], untrained_bits(metrics)
    lowest = min(bits)
    if before is not None and lowest > before - SMALLEST_GAIN:
        return "never"
    if len(bits) < 2:
        return "not_yet"
    if bits.index(lowest) == len(bits) - 1:
        return "end"
    return "over" if bits[-1] > RISE * lowest else "late"

"""The section on a model that answers: against what can be had without training, whether it answers what was said, and openings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tweetstyle.prepare.report_charts import html
from tweetstyle.report.files import Read
from tweetstyle.report.parts import interval, paragraph, quote, sentence, table
from tweetstyle.report.words import Say

OPEN_OPENINGS = 2
"""Openings of each language that stand open; the others are folded away."""


def conversation(run: Read, say: Say) -> Iterator[str]:
    """Of an evaluation that has one."""
    found, style = run.evaluation["conversation"], run.evaluation.get("style") or {}
    yield paragraph(say("q_say"), soft=True)
    rows = ([html(say.baseline(name)), interval(gain, say)] for name, gain in found["gains"].items())
    yield table([say("q_over"), say("q_gain")], rows)
    yield paragraph(say("q_told", count=say.number(found["shown"])), soft=True)
    yield quote(say("q_words"), found["told"])
    yield from _sense(found, (style.get("obedience") or {}).get("key words"), say)
    yield from (f"<p>{sentence(note, say)}</p>" for note in found["notes"])
    yield from _openings(found["openings"], say)


def _sense(found: dict[str, Any], words: dict[str, Any] | None, say: Say) -> Iterator[str]:
    heard = found["relevance"]
    measures = {"q_told_apart": heard, "q_word": words}
    rows = [
        [html(say(name)), *(interval(of[side], say, shares=True) for side in ("base", "tuned", "difference"))]
        + [html(say.percent(of["chance"]))]
        for name, of in measures.items()
        if of
    ]
    if rows:
        yield f"<h3>{html(say('q_sense'))}</h3>"
        yield table([say("q_measure"), say("base"), say("tuned"), say("s_difference"), say("s_chance")], rows)
    if heard:
        places = {who: say.interval(of) for who, of in heard["reciprocal"].items()}
        yield paragraph(say("q_trials", tweets=say.number(heard["tweets"]), **places), soft=True)
    if words and found["own_words"]:
        yield paragraph(say("q_own", share=say.interval(found["own_words"], shares=True)), soft=True)


def _openings(openings: list[dict[str, Any]], say: Say) -> Iterator[str]:
    if not openings:
        return
    yield f"<h3>{html(say('q_openings'))}</h3>"
    # The reader's own language first.
    order = sorted(openings, key=lambda opening: opening["language"] != say.language)
    shown: list[dict[str, Any]] = []
    for language in dict.fromkeys(opening["language"] for opening in order):
        shown += [opening for opening in order if opening["language"] == language][:OPEN_OPENINGS]
    folded = [opening for opening in order if opening not in shown]
    yield from ("".join(_opening(opening, say)) for opening in shown)
    if folded:
        more = "".join("".join(_opening(opening, say)) for opening in folded)
        yield f"<details><summary>{html(say('p_more', count=len(folded)))}</summary>{more}</details>"


def _opening(opening: dict[str, Any], say: Say) -> Iterator[str]:
    for place, message in enumerate(opening["messages"]):
        tag = "p" if place else "h4"
        yield f'<{tag} dir="auto"><bdi>{html(say("p_topic", topic=message))}</bdi></{tag}><div class="beside">'
        yield from (quote(say(who), opening[who][place]) for who in ("base", "tuned"))
        yield "</div>"

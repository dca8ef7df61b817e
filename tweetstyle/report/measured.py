"""Sections on likelihood, style, samples, copying and conversation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tweetstyle.pages.charts import html
from tweetstyle.report.files import Read
from tweetstyle.report.parts import interval, missing, paragraph, quote, sentence, table
from tweetstyle.wording.words import Say

SIDES = ("floor", "base", "examples", "tuned")
SHOWN_SAMPLES, FEW_DAYS = 24, 30
OPEN_SAMPLES = 4
"""Samples that stand open; the others are folded away."""


def likelihood(run: Read, say: Say) -> Iterator[str]:
    splits = run.evaluation.get("splits")
    if not splits:
        yield from missing(say, "evaluation.json")
        return
    yield paragraph(say("l_say"), soft=True)
    for name in ("test", "validation"):
        if name in splits:
            yield from _split(name, splits[name], say)
    if found := run.evaluation.get("specificity"):
        said = {key: say.interval(found[key]) for key in ("author", "others", "difference")}
        yield paragraph(say("l_special", tweets=say.number(found["tweets"]), source=say.source(found["source"]), **said))
    for warning in run.evaluation.get("warnings", ()):
        yield f'<p class="warning">{sentence(warning, say)}</p>'


def _split(name: str, split: dict[str, Any], say: Say) -> Iterator[str]:
    clusters = split["gain"]["clusters"]
    yield f"<h3>{html(say('l_split', split=say(name), tweets=say.number(split['tweets']), clusters=say.number(clusters)))}</h3>"
    rows = (
        {say("b_prompt"): split["base"]}
        | {say.baseline(b): found for b, found in split["baselines"].items()}
        | {say("tuned"): split["tuned"]}
    )
    headings = [say(key) for key in ("l_who", "l_bits", "l_loss", "l_perplexity")]
    yield table(headings, ([html(who), *_figures(of, split["tokens"], say)] for who, of in rows.items()))
    yield paragraph(say("l_perplexity_say"), soft=True)
    yield paragraph(say("l_gain", gain=say.interval(split["gain"])))
    yield paragraph(say("l_best", best=say.baseline(split["best"]), gain=say.interval(split["over_best"])))
    if topics := split.get("with_topic"):
        said = {who: say.number(topics[who]["bits_per_byte"], 3) for who in ("base", "tuned")} if isinstance(topics, dict) else {}
        if said:
            yield paragraph(say("l_topic", **said), soft=True)
    if clusters < FEW_DAYS:
        yield paragraph(say("l_few"), soft=True)


def _figures(found: dict[str, Any], tokens: int, say: Say) -> list[str]:
    """Bits per byte, loss and perplexity."""
    loss = found["nats"] / tokens
    return [html(say.number(value, digits)) for value, digits in ((found["bits_per_byte"], 3), (loss, 3), (found["perplexity"], 1))]


def style(run: Read, say: Say) -> Iterator[str]:
    found = run.evaluation.get("style")
    if not found:
        yield from missing(say, "evaluation.json")
        return
    yield paragraph(say("s_say", samples=say.number(found["samples"])), soft=True)
    if found["source"] == "gguf":
        yield paragraph(say("s_gguf"))
    sides = [side for side in SIDES if side in found["to"]]
    rows = []
    for side in sides:
        distance, gap = found["to"][side] or {}, found["gap_closed"].get(side)
        rows.append([html(say(side)), *(interval(distance.get(key), say) for key in ("auc", "accuracy"))])
        rows[-1].append(interval(gap, say, shares=True) if gap else "–")
    yield table([say("s_who"), say("s_auc"), say("s_accuracy"), say("s_gap")], rows)
    yield from (f"<p>{sentence(note, say)}</p>" for note in found["notes"])
    if found["empty"]:
        yield paragraph(say("s_empty", share=say.percent(found["empty"])))
    yield from _habits(found["habits"], say)
    yield from _diversity(found["diversity"], say)
    if not say.talks:  # whether it speaks of what was said stands with the conversation
        yield from obedience(found["obedience"], say)


def _habits(habits: list[dict[str, Any]], say: Say) -> Iterator[str]:
    if not habits:
        return
    sides = [side for side in ("real", *SIDES) if side in habits[0]["shares"]]
    yield f"<h3>{html(say('s_habits'))}</h3>"
    rows = []
    for habit in habits:
        example = f" <bdi><code>{html(habit['example'])}</code></bdi>" if habit["example"] and habit["kind"] != "length" else ""
        shares = (html(say.percent(habit["shares"][side]["estimate"])) for side in sides)
        rows.append([html(say.habit(habit["name"])) + example, *shares])
    yield table([say("s_habit"), *(say(side) for side in sides)], rows)


def _diversity(found: dict[str, Any], say: Say) -> Iterator[str]:
    if not found:
        return
    yield f"<h3>{html(say('s_diversity'))}</h3>"
    rows = [
        [html(say(side)), html(say.number(of["distinct_2"], 2)), html(say.percent(of["length_ratio"]))]
        + [html(" · ".join(say.number(length, 0) for length in of["lengths"]))]
        for side, of in found.items()
    ]
    lengths = next(iter(found.values()))["real_lengths"]
    rows.insert(0, [html(say("real")), "1", html(say.percent(1)), html(" · ".join(say.number(length, 0) for length in lengths))])
    yield table([say("s_who"), say("s_distinct"), say("s_length"), say("s_deciles")], rows)


def obedience(found: dict[str, Any], say: Say) -> Iterator[str]:
    """How often words of what was asked come back."""
    if not found:
        return
    yield f"<h3>{html(say('s_obedience'))}</h3>"
    rows = (
        [html(say(f"o_{name}")), *(interval(of[key], say, shares=True) for key in ("base", "tuned", "difference"))]
        + [html(say.percent(of["chance"]))]
        for name, of in found.items()
    )
    yield table([say("s_asked"), say("base"), say("tuned"), say("s_difference"), say("s_chance")], rows)


def samples(run: Read, say: Say) -> Iterator[str]:
    found = run.evaluation.get("samples")
    if not found:
        yield from missing(say, "evaluation.json")
        return
    drawn = ["".join(_sample(sample, say)) for sample in found[:SHOWN_SAMPLES]]
    yield from drawn[:OPEN_SAMPLES]
    if more := drawn[OPEN_SAMPLES:]:
        yield f"<details><summary>{html(say('p_more', count=len(more)))}</summary>{''.join(more)}</details>"


def _sample(sample: dict[str, Any], say: Say) -> Iterator[str]:
    topic = say("p_topic", topic=sample["topic"]) if sample["topic"] else say("p_free")
    yield f'<h3 dir="auto"><bdi>{html(topic)}</bdi></h3><div class="beside">'
    yield from (quote(say(who), sample[who]) for who in ("real", "base", "examples", "tuned") if sample[who] is not None)
    yield "</div>"


def copying(run: Read, say: Say) -> Iterator[str]:
    found = (run.evaluation.get("style") or {}).get("copying")
    if not found:
        yield from missing(say, "evaluation.json")
        return
    said = {key: say.interval(found[key], shares=True) for key in ("generated", "held_out", "excess")}
    yield paragraph(say("k_say", **said))
    if not found["worst"]:
        yield paragraph(say("k_none"))
        return
    yield f"<h3>{html(say('k_worst'))}</h3>"
    for copy in found["worst"][:5]:
        written = quote(say("k_written", characters=say.number(copy["characters"])), copy["text"], copy["span"])
        yield f'<div class="beside">{written}{quote(say("k_source"), copy["source"], copy["span"])}</div>'


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

"""Sections on curves, data, plan, TrainOutput, gate and reproduction."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from tweetstyle.pages.charts import Step, funnel_chart, html
from tweetstyle.report.charts import curve
from tweetstyle.report.files import Read, RunFiles
from tweetstyle.report.parts import figure, missing, paragraph, quote, sentence, table
from tweetstyle.wording.verdict import epoch_of, kept_validation, no_better_than_untrained, take_off
from tweetstyle.wording.words import Say

CURVES = {
    "c_loss": "loss",
    "c_bits": "eval_bits_per_byte",
    "c_copied": "copied_share",
    "c_learning_rate": "learning_rate",
    "c_grad_norm": "grad_norm",
    "c_tokens_per_second": "tokens_per_second",
    "c_memory": "memory_gib",
}
"""Name in words → field of metrics.jsonl."""


def curves(run: Read, say: Say) -> Iterator[str]:
    kept = kept_validation(run.metrics, run.ended)
    chosen = kept["step"] if kept else None
    last_step = max((line["step"] for line in run.metrics), default=0)
    drawn = []
    for key, name in CURVES.items():
        points = [(line["step"], line[name]) for line in run.metrics if line.get(name) is not None]
        if points:
            drawn.append(figure(say(key), curve(say(key), points, last_step, say, chosen, decides=key == "c_bits")))
    if not drawn:
        yield from missing(say, "metrics.jsonl")
        return
    yield paragraph(say("curves_say"), soft=True)
    if chosen is not None:
        yield paragraph(say("curves_kept"), soft=True)
        key = "c_chosen_no_better" if no_better_than_untrained(run.metrics) else "c_chosen"
        yield f"<p><strong>{html(say(key, step=say.number(chosen)))}</strong></p>"
    yield f'<div class="curves">{"".join(drawn)}</div>'
    yield from _validations(run, say)
    if any(line.get("copied_share") is not None for line in run.metrics):
        started = take_off(run.metrics)
        yield paragraph(say("v_takes_off", epoch=say.number(epoch_of(started, run.metrics), 2)) if started else say("copy_start"))
    yield from _while_it_learned(run, say)


def _validations(run: Read, say: Say) -> Iterator[str]:
    """Every validation in figures, folded away; that of step 0 is of the untrained model."""
    rows = [
        [
            say.number(line["step"]),
            say.number(epoch_of(line, run.metrics), 2),
            say.number(line["eval_bits_per_byte"], 3),
            say.number(line["eval_loss"], 3),
            say.number(math.exp(line["eval_loss"]), 1),
        ]
        for line in run.metrics
        if "eval_bits_per_byte" in line
    ]
    if rows:
        headings = [say(key) for key in ("c_step", "l_epoch", "l_bits", "l_loss", "l_perplexity")]
        note = paragraph(say("l_perplexity_say"), soft=True)
        yield f"<details><summary>{html(say('c_table'))}</summary>{table(headings, rows)}{note}</details>"


def _while_it_learned(run: Read, say: Say) -> Iterator[str]:
    """What it wrote at each validation, folded away."""
    rows = [line for line in run.metrics if line.get("samples")]
    if not rows:
        return
    parts = []
    for line in rows:
        epoch = say.number(epoch_of(line, run.metrics), 2)
        heading = say("w_step", step=say.number(line["step"]), epoch=epoch, copied=say.percent(line.get("copied_share")))
        quotes = "".join(quote(sample["prompt"] or say("p_free"), sample["text"]) for sample in line["samples"])
        parts.append(f'<h3>{html(heading)}</h3><div class="beside">{quotes}</div>')
    yield f"<details><summary>{html(say('w_summary', count=len(rows)))}</summary>{''.join(parts)}</details>"


def data(run: Read, say: Say) -> Iterator[str]:
    facts = run.prepared
    if not facts.get("read"):
        yield from missing(say, "manifest.json")
        return
    steps, left = [Step(say("d_read"), facts["read"], 0)], facts["read"]
    for rule, count in facts["dropped"].items():
        if count:
            left -= count
            steps.append(Step(say("d_rule", rule=say.named("reasons", rule)), left, count))
    steps.append(Step(say("d_kept"), facts["kept"], 0))
    if facts["first_day"]:
        yield paragraph(say("d_period", first=facts["first_day"], last=facts["last_day"]))
    yield figure(say("d_chart"), funnel_chart(steps, facts["read"]))
    rows = ([html(say(name)), html(say.number(count))] for name, count in facts["splits"].items())
    yield table([say("d_splits"), say("d_kept")], rows)
    if run.talks:
        yield from _messages(run, say)


def _messages(run: Read, say: Say) -> Iterator[str]:
    """How many of the kept tweets have a message, of which kinds, and why others have none."""
    yield f"<h3>{html(say('d_messages'))}</h3>"
    facts, told = run.played.get("facts", {}), run.fit.get("facts", {}).get("conversations")
    yield paragraph(say("d_messages_say"))
    if told:
        yield paragraph(say("d_trained", tweets=say.number(told["turns"]), conversations=say.number(told["conversations"])))
    if not facts:
        yield paragraph(say("d_not_these"), soft=True)
        return
    splits = facts["splits"]
    # Playback calls those that train train, whichever split they are of.
    names = [say(run.played["settings"]["split"] if name == "train" else name) for name in splits]
    kinds = dict.fromkeys(kind for of in splits.values() for kind in of["kinds"])
    reasons = dict.fromkeys(reason for of in splits.values() for reason in of["rejected"])

    def row(name: str, counts: Iterable[int]) -> list[str]:
        return [html(name), *(html(say.number(count)) for count in counts)]

    def rows(*keys: str) -> list[list[str]]:
        return [row(say(f"d_{key}"), (of[key] for of in splits.values())) for key in keys]

    of_kinds = [row(say(f"d_{kind}"), (of["kinds"].get(kind, 0) for of in splits.values())) for kind in kinds]
    tweets = [*rows("unknown_parent", "left_out", "asked", "usable"), *of_kinds, *rows("given_up")]
    yield table([say("d_tweets"), *names], tweets)
    if reasons:
        counts = ([of["rejected"].get(reason, 0) for of in splits.values()] for reason in reasons)
        rejected = (row(say.named("rejected", reason), of) for reason, of in zip(reasons, counts, strict=True))
        yield table([say("d_rejected"), *names], rejected)
    yield paragraph(say("d_written", model=facts["model"].rpartition(" ")[0]), soft=True)


def plan(run: Read, say: Say) -> Iterator[str]:
    facts, training = run.fit.get("facts", {}), run.fit.get("settings", {}).get("training", {})
    training = training | {key: new for key, (_, new) in ((facts.get("schedule") or {}).get("changes") or {}).items()}
    if not facts:
        yield from missing(say, "fit.json")
        return
    planned, unknown = facts.get("plan") or {}, say("a_unknown")

    def row(key: str, was: Any, did: Any) -> list[str]:
        return [html(say(key)), *(html(unknown if value is None else str(value)) for value in (was, did))]

    def number(value: float | None) -> str | None:
        return None if value is None else say.number(value)

    def seconds(value: float | None) -> str | None:
        return None if value is None else say.seconds(value)

    def memory(value: float | None) -> str | None:
        return None if value is None else f"{say.number(value / 2**30, 1)} GiB"

    steps = planned.get("steps") or (training["max_steps"] if training.get("max_steps", -1) > 0 else None)
    rows = [
        row("a_steps", number(steps), number(facts.get("steps"))),
        row("a_epochs", number(_planned_epochs(training, steps, facts)), number(facts.get("epochs"))),
        row("a_time", seconds(planned.get("seconds")), seconds(facts.get("seconds"))),
        row("a_memory", memory(run.probe.get("reserved_bytes")), memory(facts.get("memory_bytes"))),
        row("a_tokens", None, number(facts.get("tokens"))),
    ]
    if run.probe:
        speed = run.probe.get("tokens_per_second"), facts.get("tokens_per_second")
        rows.append(row("a_speed", *(None if value is None else say.number(value, 0) for value in speed)))
        rows.append(row("a_probe", memory(run.probe.get("predicted_bytes")), memory(run.probe.get("peak_bytes"))))
    yield table([say("a_what"), say("a_plan"), say("a_did")], rows)
    if adapted := facts.get("schedule"):
        yield paragraph(_adapted(adapted, say))
    if facts.get("steps") and steps and facts["steps"] < steps:
        yield paragraph(say("a_early"))


def _adapted(schedule: dict[str, Any], say: Say) -> str:
    """What was carried out where the recipe's settings did not suit the amount of data."""
    asked, used = schedule["asked"], schedule["used"]
    counts = {"tweets": asked["tweets"], "packs": asked["packs"], "steps": asked["steps"]}
    counts |= {"used_packs": used["packs"], "used_steps": used["steps"], "warmup": used["warmup"]}
    changes = ", ".join(f"{key} {'–' if old is None else f'{old:g}'} → {new:g}" for key, (old, new) in schedule["changes"].items())
    return say("a_adapted", **{name: say.number(count) for name, count in counts.items()}, changes=changes)


def _planned_epochs(training: dict[str, Any], steps: int | None, facts: dict[str, Any]) -> float | None:
    """max_steps decides where there is one; what an epoch is, the steps that were made tell then."""
    if training.get("max_steps", -1) <= 0:
        return training.get("num_train_epochs")
    return steps * facts["epochs"] / facts["steps"] if steps and facts.get("steps") and facts.get("epochs") else None


def train_output(run: Read, say: Say) -> Iterator[str]:
    if not run.output:
        yield from missing(say, "train_output.json")
        return
    figures = {"global_step": run.output["global_step"]} | run.output["metrics"]
    rows = (
        [f"<code>{html(name)}</code>", html(say.number(value)), html(say(f"t_{name}"))]
        for name, value in figures.items()
        if f"t_{name}" in say.keys
    )
    yield table([say("t_figure"), say("t_value"), say("t_says")], rows)


def gate(run: Read, say: Say) -> Iterator[str]:
    if not run.gate:
        yield from missing(say, "parity.json")
        return
    yield f"<p><strong>{sentence(run.gate['verdict'], say)}</strong></p>"
    rows = []
    for check in run.gate["checks"]:
        limits = check["limits"]
        shown = (
            f"{name} {say.number(value) if isinstance(value, (int, float)) else value}"
            + (f" (≤ {say.number(limits[name])})" if name in limits else "")
            for name, value in check["figures"].items()
        )
        verdict = say({True: "yes", False: "no", None: "unmade"}[check["passed"]])
        why = f" {sentence(check['why'], say)}" if check["why"] else ""
        shown_verdict = f'<span class="bad">{html(verdict)}</span>' if check["passed"] is False else html(verdict)
        rows.append([html(say.named("checks", check["name"])), html(check["type"]), shown_verdict + why, html("; ".join(shown))])
    yield table([say("g_check"), say("g_file"), say("g_verdict"), say("g_figures")], rows)


def making(run: Read, files: RunFiles, say: Say) -> Iterator[str]:
    yield paragraph(say("m_say"), soft=True)
    yield f"<h3>{html(say('m_recipe'))}</h3><pre dir='auto'>{html(files.recipe_text)}</pre>"
    versions = files.versions | {f"export: {name}": version for name, version in run.gate.get("versions", {}).items()}
    seeds = {f"{stage}: {key}": seed for stage, manifest in run.manifests.items() for key, seed in _seeds(manifest.get("settings", {}))}
    for heading, found in (("m_versions", versions), ("m_seeds", seeds)):
        yield f"<h3>{html(say(heading))}</h3>"
        yield table([say("m_name"), say("m_value")], ([html(name), f"<code>{html(str(value))}</code>"] for name, value in found.items()))
    digests = {
        f"{stage} {arrow} {path}": digest
        for stage, manifest in run.manifests.items()
        for arrow, part in (("←", "inputs"), ("→", "outputs"))
        for path, digest in manifest.get(part, {}).items()
    }
    rows = ([html(name), f"<code>{html(str(digest))}</code>"] for name, digest in digests.items())
    listed = table([say("m_name"), "SHA-256"], rows)
    yield f"<details><summary>{html(say('m_digests'))}</summary>{listed}</details>"


def _seeds(settings: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _seeds(value, f"{before}{key}.")
        elif key == "seed":
            yield f"{before}{key}", value

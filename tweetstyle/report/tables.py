"""What the report's templates show: rows of tables and curves, from the run's files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tweetstyle.pages.charts import Step, curve, funnel_chart
from tweetstyle.report.files import Read
from tweetstyle.statistics.metrics import epoch_of, kept_validation
from tweetstyle.wording.words import Say

Json = Mapping[str, Any]
Cell = str | list[tuple[str, str]]
"""A text, or spans of (style, text): strong, code, bdi or a class of the style sheet."""
Rows = list[list[Cell]]

SIDES = ("floor", "base", "examples", "tuned")
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
OPEN_OPENINGS = 2
"""Openings of each language that are shown; the others are folded away."""


def interval(found: Json | None, say: Say, shares: bool = False) -> Cell:
    """The estimate, and its interval small behind it."""
    if not found:
        return say("not_measured")
    middle, _, rest = say.interval(found, shares).partition(" (")
    return [("strong", middle), ("soft", f"({rest}")]


# -- evaluation.json ----------------------------------------------------------------------------------------


def scores(split: Json, say: Say) -> Rows:
    """Bits per byte, loss and perplexity of the base model, the baselines and the trained model."""
    rows = {say("b_prompt"): split["base"]}
    rows |= {say.baseline(name): found for name, found in split["baselines"].items()} | {say("tuned"): split["tuned"]}
    return [
        [who, say.number(of["bits_per_byte"], 3), say.number(of["nats"] / split["tokens"], 3), say.number(of["perplexity"], 1)]
        for who, of in rows.items()
    ]


def distances(style: Json, say: Say) -> Rows:
    rows: Rows = []
    for side in (side for side in SIDES if side in style["to"]):
        distance, gap = style["to"][side] or {}, style["gap_closed"].get(side)
        rows.append([say(side), interval(distance.get("auc"), say), interval(gap, say, shares=True) if gap else "–"])
    return rows


def habits(found: list[Json], say: Say) -> tuple[list[str], Rows]:
    """The sides that have shares, and a row for each habit."""
    sides = [side for side in ("real", *SIDES) if side in found[0]["shares"]]
    rows: Rows = []
    for habit in found:
        name = [("", say.habit(habit["name"]))]
        if habit["example"] and habit["kind"] != "length":
            name.append(("bdi code", habit["example"]))
        rows.append([name, *(say.percent(habit["shares"][side]["estimate"]) for side in sides)])
    return [say(side) for side in sides], rows


def diversity(found: Json, say: Say) -> Rows:
    def lengths(of: Iterable[float]) -> str:
        return " · ".join(say.number(length, 0) for length in of)

    own = [say("real"), "1", lengths(next(iter(found.values()))["real_lengths"])]
    return [own] + [[say(side), say.number(of["distinct_2"], 2), lengths(of["lengths"])] for side, of in found.items()]


def adherence(found: Mapping[str, Json], say: Say) -> Rows:
    """How often a model follows its prompt, by measure."""
    return _adherence({say(f"o_{name}"): of for name, of in found.items()}, say)


def sense(heard: Json | None, words: Json | None, say: Say) -> Rows:
    """The same of a model that answers messages."""
    return _adherence({say("q_told_apart"): heard, say("q_word"): words}, say)


def _adherence(found: Mapping[str, Json | None], say: Say) -> Rows:
    return [
        [name, *(interval(of[side], say, shares=True) for side in ("base", "tuned", "difference")), say.percent(of["chance"])]
        for name, of in found.items()
        if of
    ]


def gains(found: Mapping[str, Json], say: Say) -> Rows:
    return [[say.baseline(name), interval(gain, say)] for name, gain in found.items()]


def openings(found: list[Json], language: str) -> tuple[list[Json], list[Json]]:
    """Those that are shown and those that are folded away; the reader's own language first."""
    order = sorted(found, key=lambda opening: opening["language"] != language)
    shown: list[Json] = []
    for of in dict.fromkeys(opening["language"] for opening in order):
        shown += [opening for opening in order if opening["language"] == of][:OPEN_OPENINGS]
    return shown, [opening for opening in order if opening not in shown]


# -- metrics.jsonl ------------------------------------------------------------------------------------------


def curves(run: Read, say: Say) -> list[tuple[str, str]]:
    """Name and drawing of each curve that has a point."""
    kept = kept_validation(run.metrics, run.ended)
    last_step = max((line["step"] for line in run.metrics), default=0)
    drawn = []
    for key, name in CURVES.items():
        points = [(line["step"], line[name]) for line in run.metrics if line.get(name) is not None]
        if points:
            step = kept["step"] if kept else None
            drawn.append((say(key), curve(say(key), points, last_step, say, step, decides=key == "c_bits")))
    return drawn


def validations(run: Read, say: Say) -> Rows:
    """Every validation in figures; that of step 0 is of the untrained model."""
    return [
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


def written(run: Read, say: Say) -> list[tuple[str, list[Json]]]:
    """Heading and samples of what the model wrote at each validation."""
    found = []
    for line in run.metrics:
        if line.get("samples"):
            epoch = say.number(epoch_of(line, run.metrics), 2)
            heading = say("w_step", step=say.number(line["step"]), epoch=epoch, copied=say.percent(line.get("copied_share")))
            found.append((heading, line["samples"]))
    return found


# -- manifests ----------------------------------------------------------------------------------------------


def funnel(facts: Json, say: Say) -> str:
    steps, left = [Step(say("d_read"), facts["read"], 0)], facts["read"]
    for rule, count in facts["dropped"].items():
        if count:
            left -= count
            steps.append(Step(say("d_rule", rule=say.named("reasons", rule)), left, count))
    return funnel_chart([*steps, Step(say("d_kept"), facts["kept"], 0)], facts["read"])


def splits(found: Mapping[str, int], say: Say) -> Rows:
    return [[say(name), say.number(count)] for name, count in found.items()]


def messages(played: Json, say: Say) -> tuple[list[str], Rows, Rows]:
    """The splits' names, how many of their tweets have a message and of which kinds, and why messages were rejected."""
    found = played["facts"]["splits"]
    # Playback calls those that train train, whichever split they are of.
    names = [say(played["settings"]["split"] if name == "train" else name) for name in found]
    kinds = dict.fromkeys(kind for of in found.values() for kind in of["kinds"])
    reasons = dict.fromkeys(reason for of in found.values() for reason in of["rejected"])

    def row(name: str, counts: Iterable[int]) -> list[Cell]:
        return [name, *(say.number(count) for count in counts)]

    tweets = [row(say(f"d_{key}"), (of[key] for of in found.values())) for key in ("unknown_parent", "left_out", "asked", "usable")]
    tweets += [row(say(f"d_{kind}"), (of["kinds"].get(kind, 0) for of in found.values())) for kind in kinds]
    tweets.append(row(say("d_given_up"), (of["given_up"] for of in found.values())))
    rejected = [row(say.named("rejected", reason), (of["rejected"].get(reason, 0) for of in found.values())) for reason in reasons]
    return names, tweets, rejected


def _planned(run: Read) -> tuple[Json, int | None]:
    """The training's settings as they were carried out, and the steps planned."""
    facts, training = run.fit["facts"], run.fit.get("settings", {}).get("training", {})
    training = training | {key: new for key, (_, new) in ((facts.get("schedule") or {}).get("changes") or {}).items()}
    steps = (facts.get("plan") or {}).get("steps") or (training["max_steps"] if training.get("max_steps", -1) > 0 else None)
    return training, steps


def plan(run: Read, say: Say) -> Rows:
    facts, probe, (training, steps) = run.fit["facts"], run.probe, _planned(run)
    pairs = {
        "a_steps": (steps, facts.get("steps")),
        "a_epochs": (_planned_epochs(training, steps, facts), facts.get("epochs")),
        "a_time": ((facts.get("plan") or {}).get("seconds"), facts.get("seconds")),
        "a_memory": (probe.get("reserved_bytes"), facts.get("memory_bytes")),
        "a_tokens": (None, facts.get("tokens")),
    }
    if probe:
        pairs["a_speed"] = (probe.get("tokens_per_second"), facts.get("tokens_per_second"))
        pairs["a_probe"] = (probe.get("predicted_bytes"), probe.get("peak_bytes"))

    def memory(value: float) -> str:
        return f"{say.number(value / 2**30, 1)} GiB"

    shown = {"a_time": say.seconds, "a_memory": memory, "a_probe": memory, "a_speed": lambda value: say.number(value, 0)}
    return [
        [say(key), *(say("a_unknown") if value is None else shown.get(key, say.number)(value) for value in values)]
        for key, values in pairs.items()
    ]


def _planned_epochs(training: Json, steps: int | None, facts: Json) -> float | None:
    """max_steps decides where there is one; the steps that were made then give the length of an epoch."""
    if training.get("max_steps", -1) <= 0:
        return training.get("num_train_epochs")
    return steps * facts["epochs"] / facts["steps"] if steps and facts.get("steps") and facts.get("epochs") else None


def ended_early(run: Read) -> bool:
    steps, made = _planned(run)[1], run.fit["facts"].get("steps")
    return bool(made and steps and made < steps)


def adapted(schedule: Json, say: Say) -> str:
    """What was carried out where the recipe's settings did not suit the amount of data."""
    before, used = schedule["asked"], schedule["used"]
    counts = {"tweets": before["tweets"], "packs": before["packs"], "steps": before["steps"]}
    counts |= {"used_packs": used["packs"], "used_steps": used["steps"], "warmup": used["warmup"]}
    changes = ", ".join(f"{key} {'–' if old is None else f'{old:g}'} → {new:g}" for key, (old, new) in schedule["changes"].items())
    return say("a_adapted", **{name: say.number(count) for name, count in counts.items()}, changes=changes)


def train_output(output: Json, say: Say) -> Rows:
    figures = {"global_step": output["global_step"]} | output["metrics"]
    return [[[("code", name)], say.number(value), say(f"t_{name}")] for name, value in figures.items() if f"t_{name}" in say.keys]


def gate(checks: list[Json], say: Say) -> Rows:
    rows: Rows = []
    for check in checks:
        shown = (
            f"{name} {say.number(value) if isinstance(value, (int, float)) else value}"
            + (f" (≤ {say.number(check['limits'][name])})" if name in check["limits"] else "")
            for name, value in check["figures"].items()
        )
        verdict = [("bad" if check["passed"] is False else "", say({True: "yes", False: "no", None: "unmade"}[check["passed"]]))]
        if check["why"]:
            verdict.append(("bdi", say.notes(check["why"])))
        rows.append([say.named("checks", check["name"]), check["type"], verdict, "; ".join(shown)])
    return rows


def coded(found: Json) -> Rows:
    return [[name, [("code", str(value))]] for name, value in found.items()]


def seeds(run: Read) -> dict[str, Any]:
    return {f"{stage}: {key}": seed for stage, manifest in run.manifests.items() for key, seed in _seeds(manifest.get("settings", {}))}


def _seeds(settings: Json, before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _seeds(value, f"{before}{key}.")
        elif key == "seed":
            yield f"{before}{key}", value


def digests(run: Read) -> dict[str, str]:
    """Stage and file → digest, of what went in and what came out."""
    return {
        f"{stage} {arrow} {path}": digest
        for stage, manifest in run.manifests.items()
        for arrow, part in (("←", "inputs"), ("→", "outputs"))
        for path, digest in manifest.get(part, {}).items()
    }

"""What the report's templates show: rows of tables and curves, from the run's files."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tweetstyle.inference.sampling_grid import in_words
from tweetstyle.pages.charts import curve, funnel_chart, range_chart
from tweetstyle.recipe import Sampling
from tweetstyle.report.files import RunContent
from tweetstyle.statistics.metrics import epoch_of, kept_validation
from tweetstyle.wording.words import Say

Json = Mapping[str, Any]
Cell = str | list[tuple[str, str]]
"""A text, or spans of (style, text): strong, code, bdi or a class of the style sheet."""
Rows = list[list[Cell]]

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


def each(keys: Iterable[str], say: Say) -> list[str]:
    return [say(key) for key in keys]


def shares(found: Mapping[str, Json], sides: Iterable[str], say: Say) -> list[str]:
    return [say.percent(found[side]["estimate"]) for side in sides]


def lengths(found: Iterable[float], say: Say) -> str:
    return " · ".join(say.number(length, 0) for length in found)


# -- evaluation.json ----------------------------------------------------------------------------------------


def habit_name(habit: Json, say: Say) -> Cell:
    example = [("bdi code", habit["example"])] if habit["example"] and habit["kind"] != "length" else []
    return [("", say.named("habits", habit["name"]).format(count=habit["example"])), *example]


def each_interval(found: Mapping[str, Json], say: Say) -> dict[str, str]:
    return {name: say.interval(of, digits=4) for name, of in found.items()}


def sampling_words(candidate: Json) -> str:
    return in_words(Sampling(**candidate["sampling"]))


def sampling_chart(found: Json, say: Say) -> str:
    """Distance of each candidate of the last round to the validation tweets, the nearest first."""
    most = max(of["tweets"] for of in found["candidates"])
    last = [(place, of) for place, of in enumerate(found["candidates"]) if of["tweets"] == most and of["distance"]["low"] is not None]
    rows = [
        (sampling_words(of), of["distance"]["low"], of["distance"]["estimate"], of["distance"]["high"], place == found["chosen"])
        for place, of in sorted(last, key=lambda pair: pair[1]["distance"]["estimate"])
    ]
    return range_chart(rows, (say("sa_floor"), found["floor"]), say("sa_distance"), say) if rows else ""


# -- metrics.jsonl ------------------------------------------------------------------------------------------


def curves(run: RunContent, say: Say) -> list[tuple[str, str]]:
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


def epoch(line: Json, run: RunContent, say: Say) -> str:
    return say.number(epoch_of(line, run.metrics), 2)


# -- manifests ----------------------------------------------------------------------------------------------


def funnel(facts: Json, say: Say) -> str:
    dropped = {say("d_rule", rule=say.named("reasons", rule)): count for rule, count in facts["dropped"].items()}
    return funnel_chart((say("d_read"), facts["read"]), dropped, (say("d_kept"), facts["kept"]), say("d_chart"))


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
    if any(real := [of.get("real", 0) for of in found.values()]):
        tweets.append(row(say("d_real"), real))
    tweets += [row(say(f"d_{kind}"), (of["kinds"].get(kind, 0) for of in found.values())) for kind in kinds]
    tweets.append(row(say("d_given_up"), (of["given_up"] for of in found.values())))
    rejected = [row(say.named("rejected", reason), (of["rejected"].get(reason, 0) for of in found.values())) for reason in reasons]
    return names, tweets, rejected


def planned_epochs(fit: Json) -> float | None:
    """With the settings as they were carried out; None where max_steps decided."""
    training = fit.get("settings", {}).get("training", {})
    training = training | {key: new for key, (_, new) in ((fit["facts"].get("schedule") or {}).get("changes") or {}).items()}
    return training.get("num_train_epochs") if training.get("max_steps", -1) <= 0 else None


def seeds(run: RunContent) -> dict[str, Any]:
    return {f"{stage}: {key}": seed for stage, manifest in run.manifests.items() for key, seed in _seeds(manifest.get("settings", {}))}


def _seeds(settings: Json, before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _seeds(value, f"{before}{key}.")
        elif key == "seed":
            yield f"{before}{key}", value

"""metrics.jsonl and evaluation.json as they are read: which validation was the best."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tweetstyle.files import read_json_lines, read_object
from tweetstyle.statistics.intervals import WORSE

BITS_PER_BYTE = "eval_bits_per_byte"
RISE = 1.01
"""Validation that ends above its best by this factor has risen."""
TAKE_OFF = 0.1
"""Above its first value by so much, and never below that again, the share of copying has taken off."""
CERTAIN = 0.5
"""In the last validation alone: a share below it may be one tweet of a handful, which is no take-off yet."""
RENAMED = {"obedience": "prompt_adherence", "told": "instruction"}
"""Name of earlier versions in evaluation.json → its name."""

Line = Mapping[str, Any]


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines up to the first damaged one; [] where there is no file. train.metrics.Metrics says what they hold."""
    return read_json_lines(path, "step", "seconds")


def read_evaluation(run: Path) -> dict[str, Any]:
    """The content of a run's evaluation.json, of an earlier version too; {} where it is missing or damaged."""
    content = read_object(run / "evaluation.json")
    for part in ("style", "conversation"):
        content |= {part: {RENAMED.get(name, name): value for name, value in content[part].items()}} if content.get(part) else {}
    return content


def validations(metrics: Sequence[Line]) -> list[Line]:
    """The validation lines of the trained model; step 0 is the untrained one."""
    return [line for line in metrics if BITS_PER_BYTE in line and line["step"] > 0]


def untrained_bits(metrics: Sequence[Line]) -> float | None:
    """Bits per byte of the untrained model on the validation tweets; None of a run that did not measure it."""
    return next((line[BITS_PER_BYTE] for line in metrics if BITS_PER_BYTE in line and line["step"] == 0), None)


def best_validation(metrics: Sequence[Line]) -> Line | None:
    """The first validation line of the trained model with the fewest bits per byte; None before the first validation."""
    return min(validations(metrics), key=lambda line: line[BITS_PER_BYTE], default=None)


def no_better_than_untrained(metrics: Sequence[Line]) -> bool:
    """Whether no validation has fewer bits per byte than the untrained model; False of a run that did not measure that one."""
    best, before = best_validation(metrics), untrained_bits(metrics)
    return best is not None and before is not None and best[BITS_PER_BYTE] >= before


def stops_as_worse(metrics: Sequence[Line]) -> bool:
    """Whether fit stops at the last validation because the model was never better than the untrained one and is clearly worse."""
    return no_better_than_untrained(metrics) and validations(metrics)[-1][BITS_PER_BYTE] > WORSE * (untrained_bits(metrics) or 0)


def kept_validation(metrics: Sequence[Line], ended: bool) -> Line | None:
    """The validation whose checkpoint is kept. Before the training has ended that is none while the untrained model is the best."""
    return best_validation(metrics) if ended or not no_better_than_untrained(metrics) else None


def take_off(metrics: Sequence[Line]) -> Line | None:
    """The first line from which on copied_share stays at least TAKE_OFF above its first value; None where it never does.

    The last line alone must have a share of CERTAIN at least.
    """
    rows = [line for line in metrics if line.get("copied_share") is not None]
    high = None
    for row in reversed(rows):
        if row["copied_share"] < rows[0]["copied_share"] + TAKE_OFF:
            break
        high = row
    return None if high is not None and high is rows[-1] and high["copied_share"] < CERTAIN else high


def epoch_of(line: Line, metrics: Sequence[Line]) -> float | None:
    """A validation line has no epoch of its own: that of the training line of its step, or of the last before it."""
    if line.get("epoch") is not None:
        return line["epoch"]
    if line["step"] == 0:
        return 0.0
    return max((m["epoch"] for m in metrics if m.get("epoch") is not None and m["step"] <= line["step"]), default=None)

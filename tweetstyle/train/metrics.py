"""metrics.jsonl, and train_output.json made from it."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tweetstyle.files import clear_os_errors, complete_file
from tweetstyle.locale import current_language
from tweetstyle.statistics.metrics import (
    BITS_PER_BYTE,
    best_validation,
    read_metrics,
    validations,
)
from tweetstyle.wording.words import Say


class Tracker(Protocol):
    """What shows the metrics beside the file. replace: all lines, in the place of those that it has; add: one more."""

    def replace(self, lines: Sequence[dict[str, Any]]) -> None: ...

    def add(self, line: dict[str, Any]) -> None: ...


class Metrics:
    """The lines of a run, in the file and in memory.

    A training line has step, epoch, loss (nats a token, mean over the steps since the line before), learning_rate, grad_norm,
    tokens (non-padding, since the run's start), tokens_per_second, seconds (since the line before) and memory_gib (the most held so
    far: the card's, on a CPU the process's); a validation line has step, eval_bits_per_byte, eval_loss (nats a token) and seconds,
    that of step 0 is of the untrained model; a line of samples has step, samples (prompt and text of each), copied_share (of them,
    that hold a span of a training tweet) and seconds.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = read_metrics(path)
        self.trackers: list[Tracker] = []

    def show_in(self, tracker: Tracker) -> None:
        """From now on the tracker has the lines that are in the file."""
        tracker.replace(self.lines)
        self.trackers.append(tracker)

    def keep_until(self, step: int) -> None:
        """Removes the lines after the checkpoint from which the run resumes, so that no step occurs twice."""
        self.lines = [line for line in self.lines if line["step"] <= step]
        with complete_file(self.path) as stream:
            stream.writelines(f"{json.dumps(line)}\n" for line in self.lines)
        for tracker in self.trackers:
            tracker.replace(self.lines)

    def append(self, line: dict[str, Any]) -> None:
        self.lines.append(line)
        with clear_os_errors(self.path), self.path.open("a", encoding="utf-8") as stream:
            stream.write(f"{json.dumps(line)}\n")
        for tracker in self.trackers:
            tracker.add(line)

    def sync(self) -> None:
        """Puts the lines on the disk: before a checkpoint counts as complete, for a resumed run relies on them."""
        with self.path.open("rb") as stream:
            os.fsync(stream.fileno())

    @property
    def steps(self) -> list[dict[str, Any]]:
        return [line for line in self.lines if "loss" in line]

    def best(self, until: int | None = None) -> dict[str, Any] | None:
        """The first validation line with the fewest bits per byte, up to a step; None before the first validation."""
        return best_validation([line for line in self.lines if until is None or line["step"] <= until])

    def reach(self, step: int) -> bool:
        """Whether the line of a step is there: a checkpoint beyond the last line would leave steps out when the run resumes."""
        return any(line["step"] == step for line in self.steps)

    def without_better(self) -> int:
        """Validations since the best one."""
        best = self.best()
        return sum(line["step"] > best["step"] for line in validations(self.lines)) if best else 0

    def train_loss(self) -> float:
        """Mean loss of all steps, nats a token: each line covers the steps since the line before."""
        steps = [line["step"] for line in self.steps]
        return sum(line["loss"] * (end - begin) for line, begin, end in zip(self.steps, [0, *steps], steps, strict=False)) / steps[-1]

    def memory_bytes(self) -> int | None:
        """The peak over all sessions; None for a run that did not record it."""
        most = max((line["memory_gib"] for line in self.steps if "memory_gib" in line), default=None)
        return None if most is None else int(most * 2**30)


@dataclass(frozen=True)
class TrainOutput:
    """transformers' TrainOutput, recomputed from metrics.jsonl: the Trainer's own is wrong after a resume."""

    global_step: int
    training_loss: float
    metrics: dict[str, float]


def train_output(metrics: Metrics, state: dict[str, Any], tweets: int) -> TrainOutput:
    """From a run's lines, the TrainerState of its last checkpoint, and the number of training tweets."""
    seconds, loss, best = sum(line["seconds"] for line in metrics.lines), metrics.train_loss(), metrics.best()
    step, tokens = state["global_step"], state["num_input_tokens_seen"]
    training_seconds = sum(line["seconds"] for line in metrics.steps)
    figures = {
        "train_runtime": seconds,
        "train_samples_per_second": tweets * state["epoch"] / seconds,
        "train_steps_per_second": step / seconds,
        "train_tokens_per_second": tokens / training_seconds,
        "num_input_tokens_seen": tokens,
        "total_flos": state["total_flos"],
        "train_loss": loss,
        "epoch": state["epoch"],
        "best_global_step": best["step"],
        "eval_bits_per_byte": best[BITS_PER_BYTE],
        "eval_loss": best["eval_loss"],
    }
    return TrainOutput(step, loss, figures)


def meaning(output: TrainOutput, language: str) -> dict[str, str]:
    """Figure → what it says."""
    say = Say(language)
    return {name: say(f"t_{name}") for name in ("global_step", *output.metrics)}


def as_table(output: TrainOutput) -> Any:
    """A rich table: figure, value, meaning."""
    from rich.table import Table

    say = Say(current_language())
    table = Table("TrainOutput", say("t_value"), say("t_says"), title_justify="left")
    figures = {"global_step": output.global_step} | output.metrics
    for name, text in meaning(output, say.language).items():
        table.add_row(name, say.number(figures[name]), text)
    return table

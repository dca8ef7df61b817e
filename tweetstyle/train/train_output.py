"""train_output.json: each figure and what it means."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tweetstyle.files import complete_file
from tweetstyle.train.metrics import BITS_PER_BYTE, Metrics

MEANING = {
    "global_step": "optimizer steps: how many times the weights were changed",
    "train_loss": "mean loss of all steps, in nats a token; lower is better, and of little worth alone",
    "train_runtime": "seconds of training and validation, over all sessions",
    "train_samples_per_second": "tweets learned from in a second",
    "train_steps_per_second": "optimizer steps in a second",
    "train_tokens_per_second": "tokens of prompts and tweets in a second of training; padding is not counted",
    "num_input_tokens_seen": "tokens of prompts and tweets, over all epochs",
    "total_flos": "floating-point operations, estimated: 6 for each token and weight outside the embeddings",
    "epoch": "passes through the training tweets",
    "best_global_step": "the step whose weights are in final_model/",
    "eval_bits_per_byte": "bits that a byte of an unseen tweet costs this model; lower is better, comparable between tokenizers",
    "eval_loss": "mean loss on the validation tweets, in nats a token",
}


@dataclass(frozen=True)
class TrainOutput:
    """transformers' TrainOutput, recomputed from metrics.jsonl: the Trainer's own is wrong after a resume."""

    global_step: int
    training_loss: float
    metrics: dict[str, float]


def train_output(metrics: Metrics, state: dict[str, Any], tweets: int) -> TrainOutput:
    """From a run's lines, the TrainerState of its last checkpoint, and the number of training tweets."""
    seconds, loss, best = metrics.seconds(), metrics.train_loss(), metrics.best()
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


def write_train_output(output: TrainOutput, path: Path) -> None:
    with complete_file(path) as stream:
        json.dump(output.__dict__ | {"meaning": MEANING}, stream, indent=2)


def as_table(output: TrainOutput) -> Any:
    """A rich table: figure, value, meaning."""
    from rich.table import Table

    table = Table("TrainOutput", "value", "what it says", title_justify="left")
    figures = {"global_step": output.global_step} | output.metrics
    for name, value in figures.items():
        shown = f"{value:,.0f}" if isinstance(value, int) or value >= 1000 else f"{value:.4g}"
        table.add_row(name, shown, MEANING[name])
    return table

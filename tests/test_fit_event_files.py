"""TensorBoard's files: the names and values of transformers' own callback, as TensorBoard reads them, also after a resume."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import TrainingArguments
from transformers.integrations.integration_utils import TensorBoardCallback

from tweetstyle.train.event_files import EventFiles
from tweetstyle.train.metrics import Metrics

LOGS = {
    1: {"loss": 3.5, "grad_norm": 0.25, "learning_rate": 1e-4, "epoch": 0.5, "num_input_tokens_seen": 100},
    2: {"loss": 2.5, "grad_norm": 0.5, "learning_rate": 2e-4, "epoch": 1.0, "num_input_tokens_seen": 180},
}
EVALUATION = {"eval_loss": 2.25, "eval_bits_per_byte": 1.75}


def read(directory: Path) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(directory))
    events.Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


@pytest.fixture
def metrics(tmp_path):
    """A run of two steps and a validation, as RunKeeper writes it."""
    metrics = Metrics(tmp_path / "metrics.jsonl")
    for step, logs in LOGS.items():
        line = {name: value for name, value in logs.items() if name != "num_input_tokens_seen"}
        figures = {"tokens": logs["num_input_tokens_seen"], "tokens_per_second": 50.0, "seconds": 2.0, "memory_gib": 1.0}
        metrics.append({"step": step} | line | figures)
    metrics.append({"step": 2} | EVALUATION | {"seconds": 1.0})
    return metrics


def test_names_steps_and_values_are_those_of_transformers_callback(metrics, tmp_path, monkeypatch):
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "by_transformers"))
    callback, arguments = TensorBoardCallback(), TrainingArguments(output_dir=str(tmp_path / "run"))
    for step, logs in [*LOGS.items(), (2, EVALUATION)]:
        callback.on_log(arguments, SimpleNamespace(is_world_process_zero=True, global_step=step), None, logs=logs)
    callback.on_train_end(arguments, None, None)
    metrics.show_in(EventFiles(tmp_path / "tensorboard"))
    expected = read(tmp_path / "by_transformers")
    assert len(expected) == 7 and read(tmp_path / "tensorboard") == expected


def test_what_is_added_and_taken_back_is_so_for_the_reader_too(metrics, tmp_path):
    directory = tmp_path / "tensorboard"
    metrics.show_in(EventFiles(directory))
    metrics.append({"step": 3, "loss": 2.0, "out_of_memory": "x", "seconds": 4.0})
    assert read(directory)["train/loss"] == [(1, 3.5), (2, 2.5), (3, 2.0)]
    metrics.keep_until(1)
    metrics.append({"step": 2, "loss": 2.75, "seconds": 4.0})
    assert read(directory)["train/loss"] == [(1, 3.5), (2, 2.75)] and "eval/loss" not in read(directory)
    # Another session, of a run that was killed.
    Metrics(metrics.path).show_in(EventFiles(directory))
    assert read(directory)["train/loss"] == [(1, 3.5), (2, 2.75)] and len(list(directory.iterdir())) == 1

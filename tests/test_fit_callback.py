"""What happens between steps: transformers' own Trainer over a toy module, with scripted losses and scores."""

import json
import math
import os
import signal
import sys
from types import SimpleNamespace

import pytest
import torch
from support.small_runs import small_training
from transformers import Trainer, TrainingArguments

from tweetstyle.errors import TweetstyleError
from tweetstyle.progress import TrainingProgress
from tweetstyle.train.callback import RunKeeper, StepClock, Validation, saves_before_it_stops
from tweetstyle.train.checkpoints import complete_checkpoints
from tweetstyle.train.failures import OPTIMIZER, STEP, VALIDATION
from tweetstyle.train.metrics import Metrics
from tweetstyle.train.validation import Score


class Toy(torch.nn.Module):
    """A loss for each step, as it is scripted; 2.0 for those that are not."""

    def __init__(self, losses):
        super().__init__()
        self.weight, self.losses, self.passes = torch.nn.Parameter(torch.ones(2)), losses, 0

    def forward(self, input_ids, labels=None):
        self.passes += 1
        return {"loss": self.weight.sum() * 0 + self.losses.get(self.passes, 2.0)}


def trainer_of(directory, training, losses):
    settings = TrainingArguments(
        str(directory), max_steps=training.max_steps, save_steps=training.save_steps, logging_steps=1, per_device_train_batch_size=1,
        use_cpu=True, report_to=[], disable_tqdm=True, include_num_input_tokens_seen="all", logging_nan_inf_filter=False,
    )  # fmt: skip
    return Trainer(Toy(losses), settings, train_dataset=[{"input_ids": [1, 2, 3], "labels": [1, 2, 3]}] * 20)


@pytest.fixture
def trained(tmp_path, capsys):
    """Trains with these bits per byte, the untrained model's first. Gives back the keeper, and what was said."""

    def train(bits, losses=None, samples=None, score=lambda number: None, **settings):
        training, scored = small_training(**{"eval_steps": 1, "save_steps": 100, "max_steps": 5} | settings), []

        def scripted(model):
            scored.append(1)
            score(len(scored))
            return Score(bits[len(scored) - 1] * math.log(2), tokens=1, text_bytes=1)

        trainer = trainer_of(tmp_path, training, losses or {})
        with TrainingProgress("", stream=sys.stderr) as progress:
            keeper = RunKeeper(training, tmp_path, Metrics(tmp_path / "metrics.jsonl"), Validation(scripted, samples), progress)
            trainer.add_callback(keeper)
            with saves_before_it_stops(keeper):
                trainer.train()
        return keeper, capsys.readouterr().err

    return train


def checkpoints(directory):
    return [checkpoint.step for checkpoint in complete_checkpoints(directory)]


def test_every_step_has_its_line_and_the_best_state_its_checkpoint(trained, tmp_path):
    keeper, said = trained([3.0, 2.5, 2.0, 2.2, 2.1, 2.3], {n: 4.0 - n / 2 for n in range(1, 6)}, save_total_limit=2)
    lines = keeper.metrics.lines
    assert [line["loss"] for line in lines if "loss" in line] == [3.5, 3.0, 2.5, 2.0, 1.5]
    assert [line["tokens"] for line in lines if "loss" in line] == [3, 6, 9, 12, 15]
    bits = [line["eval_bits_per_byte"] for line in lines if "eval_bits_per_byte" in line]
    assert bits == pytest.approx([3.0, 2.5, 2.0, 2.2, 2.1, 2.3]) and "untrained: 3.0000 bits per byte" in said
    assert checkpoints(tmp_path) == [1, 2, 5] and keeper.finished and not (tmp_path / "README.md").exists()
    assert "step 2: 2.0000 bits per byte on the validation tweets, the best so far" in said and "step 3: 2.2000 bits" in said
    assert Metrics(tmp_path / "metrics.jsonl").lines == json.loads(json.dumps(lines))


@pytest.mark.parametrize(("steps", "validated"), [(11, [0, 5, 11]), (12, [0, 5, 10, 12])])
def test_just_before_the_end_there_is_no_validation(trained, steps, validated):
    keeper, _ = trained([3.0, 2.5, 2.0, 1.5], max_steps=steps, eval_steps=5)
    assert [line["step"] for line in keeper.metrics.lines if "eval_bits_per_byte" in line] == validated


def test_it_stops_early_and_older_checkpoints_go(trained, tmp_path):
    keeper, said = trained([2.0] * 6, early_stopping_patience=2, save_steps=1, save_total_limit=1)
    assert "early stopping at step 3 of 5: no better validation in the last 2" in said and "the best so far" not in said
    assert keeper.finished and checkpoints(tmp_path) == [1, 3], "the last one is removed when the run has ended"


@pytest.mark.parametrize(
    ("bits", "losses", "learning_rate", "what", "hint"),
    [
        ([2.0, 2.05, 2.2], {}, 1.0, "at step 2, 2.000 untrained, with learning_rate 1", "smaller training.learning_rate: 1e-4"),
        ([2.0] * 6, {3: math.nan}, 1e-3, "the training loss is NaN or infinite at step 3", "smaller training.learning_rate"),
        ([2.0, math.inf], {}, 1e-3, "the training loss is NaN or infinite at step 1", "smaller training.learning_rate"),
    ],
)
def test_a_run_that_ruins_the_model_ends(trained, tmp_path, bits, losses, learning_rate, what, hint):
    with pytest.raises(TweetstyleError) as ended:
        trained(bits, losses, learning_rate=learning_rate)
    assert what in ended.value.what and hint in ended.value.hint


def test_a_stop_ends_the_run_after_the_step_with_a_checkpoint(trained, tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    keeper, said = trained([2.0] * 6, score=lambda number: number == 4 and os.kill(os.getpid(), signal.SIGTERM))
    assert checkpoints(tmp_path)[-1] == 3 == keeper.metrics.lines[-1]["step"]
    assert keeper.interrupted_by == signal.SIGTERM and not keeper.finished and "stopping after this step" in said
    assert signal.getsignal(signal.SIGTERM) is before


def test_samples_that_do_not_fit_are_left_out(trained):
    def write(model, step):
        if step == 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0")
        return {"samples": [{"prompt": "", "text": "un tweet"}], "copied_share": 0.0}

    keeper, said = trained([2.0] * 4, samples=write, max_steps=3)
    assert [line["step"] for line in keeper.metrics.lines if "samples" in line] == [1, 3]
    assert "out of memory while writing samples at step 2: left out (CUDA out of memory. Tried to allocate 2.00 GiB.)" in said


def test_the_probes_clock_times_each_step_and_says_what_was_being_done(tmp_path):
    phases, model = [], SimpleNamespace()
    clock = StepClock(lambda scored: phases.append((clock.phase, scored is model)))
    for _ in range(3):
        clock.on_step_begin(None, None, None)
        clock.on_pre_optimizer_step(None, None, None)
        assert clock.phase == OPTIMIZER
        clock.on_optimizer_step(None, None, None)
        clock.on_step_end(None, None, None)
    clock.on_train_end(None, None, None, model)
    assert phases == [(VALIDATION, True)] and clock.phase == STEP and len(clock.seconds) == 3 and min(clock.seconds) >= 0

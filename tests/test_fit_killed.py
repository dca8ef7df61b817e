"""A training run that is killed, stopped or refused by the disk, at any moment, ends when it is run again as if nothing had been."""

import json
import signal
import sys

import pytest
from support.killed_runs import TRAINING, Forks, batches_file, differences

from tweetstyle.train.checkpoints import Checkpoint, complete_checkpoints, read_checkpoint
from tweetstyle.train.failures import REPORT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks a process that computes, and reads /proc"),
]

STEPS, ACCUMULATED = TRAINING["max_steps"], 2


@pytest.fixture(scope="module")
def forks(tmp_path_factory):
    with Forks(tmp_path_factory.mktemp("forks")) as forks:
        yield forks


@pytest.fixture(scope="module")
def whole(forks):
    """The directory of a run that nothing disturbs."""
    run = forks.directory / "whole"
    ended = forks.fit(run)
    assert ended.status == 0, ended.said
    return run


@pytest.fixture
def run(forks, tmp_path):
    return tmp_path / "run"


def batches(run):
    return batches_file(run).read_text().split()


def resumed_from(ended):
    """Step of the checkpoint that the run said it goes on from; None where it began."""
    steps = [line.removeprefix("resuming from checkpoint-") for line in ended.said.splitlines() if line.startswith("resuming from")]
    return int(steps[0]) if steps else None


def assert_same_run(run, whole):
    assert differences(run, whole) == []


def assert_figures_are_of_the_whole_run(run):
    """By hand from the lines: the Trainer's own loss and run time are those of the last session, over all steps."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    output = json.loads((run / "train_output.json").read_text())
    assert len(losses) == STEPS == output["global_step"]
    assert output["training_loss"] == pytest.approx(sum(losses) / STEPS, rel=1e-12)
    assert output["metrics"]["train_runtime"] == pytest.approx(sum(line["seconds"] for line in lines), rel=1e-12)


POINTS = {
    "within the validation of the untrained model": ({"validating": 1}, None),
    "between a step's line and its checkpoint": ({"before": ["fsync", "metrics.jsonl"]}, None),
    "before the seal is in its place": ({"before": ["replace", "checkpoint-4/complete.json"]}, 2),
    "when the seal is in its place": ({"after": ["replace", "checkpoint-4/complete.json"]}, 4),
    "before an old checkpoint loses its seal": ({"before": ["unlink", "checkpoint-2/complete.json"]}, 6),
    "before the final model is in its place": ({"before": ["replace", "run/final_model"]}, STEPS),
}
"""What a kill comes between: (the cut, the step from which the next session resumes; of a finished run nothing is trained)."""


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_this_point_and_run_again_it_ends_the_same(forks, whole, run, point):
    cut, step = POINTS[point]
    killed = forks.fit(run, cut)
    assert killed.status == -signal.SIGKILL, killed.said
    before = batches(run)
    assert before == batches(whole)[: len(before)] and not (run / "final_model").exists()
    ended = forks.fit(run)
    assert ended.status == 0, ended.said
    assert_same_run(run, whole)
    assert_figures_are_of_the_whole_run(run)
    # The order of the data: what is learned from now is what comes after that step, no pack twice and none left out.
    assert batches(run)[len(before) :] == batches(whole)[(step or 0) * ACCUMULATED :]
    assert resumed_from(ended) == (None if step == STEPS else step)


def test_what_a_lost_machine_left_behind_a_link_is_resumed_on_another(forks, whole, tmp_path):
    """As on Colab: model/ is a link to a folder that outlives the machine."""
    (tmp_path / "drive").mkdir()
    first, second = (tmp_path / name / "model" for name in ("first", "second"))
    for model in (first, second):
        model.parent.mkdir()
        model.symlink_to(tmp_path / "drive")
    assert forks.fit(first / "run", {"after": ["replace", "checkpoint-4/complete.json"]}).status == -signal.SIGKILL
    ended = forks.fit(second / "run")
    assert ended.status == 0 and resumed_from(ended) == 4, ended.said
    assert_same_run(second / "run", whole)


NINTH = 9
"""A forward pass of step 5: checkpoint-4 is sealed."""


def test_a_card_that_fails_in_a_step_is_one_message_and_the_run_goes_on_from_the_checkpoint_before(forks, whole, run):
    ended = forks.fit(run, {"fails": [NINTH, "CUDA error: unspecified launch failure\nCUDA kernel errors might be reported elsewhere"]})
    first, second = ended.said.splitlines()[-2:]
    assert ended.status == 1 and "Traceback" not in ended.said, ended.said
    assert first == f"{run}/{REPORT}: the card failed: CUDA error: unspecified launch failure"
    assert "nvidia-smi" in second and whole_checkpoints(run) == [2, 4]
    assert "AcceleratorError" in (run / REPORT).read_text() and "killed_runs.py" in (run / REPORT).read_text()
    (run / REPORT).unlink()
    ended = forks.fit(run)
    assert ended.status == 0 and resumed_from(ended) == 4, ended.said
    assert_same_run(run, whole)


@pytest.mark.parametrize(
    ("name", "cut", "step"),
    [("SIGTERM", {"before": ["fsync", "checkpoint-4/optimizer.pt"]}, 5), ("SIGINT", {"validating": 3}, 4)],
    ids=["SIGTERM while a checkpoint is written", "Ctrl-C while it validates"],
)
def test_a_stop_saves_at_the_next_step_s_end_at_the_latest(forks, whole, run, name, cut, step):
    stopped = forks.fit(run, cut | {"signal": name})
    assert stopped.status == 1 and "Traceback" not in stopped.said
    assert stopped.said.splitlines()[-2:] == [
        f"{run}: stopped at step {step} of {STEPS}; checkpoint-{step} is complete",
        "  → run the same command again to resume",
    ]
    assert complete_checkpoints(run)[-1].step == step
    ended = forks.fit(run)
    assert ended.status == 0 and resumed_from(ended) == step, ended.said
    assert_same_run(run, whole)


def whole_checkpoints(run):
    """Steps of the checkpoints that there are, each of them whole."""
    steps = sorted(int(path.name.split("-")[1]) for path in run.glob("checkpoint-*"))
    assert all(isinstance(read_checkpoint(run / f"checkpoint-{step}"), Checkpoint) for step in steps)
    return steps


@pytest.mark.parametrize(
    ("name", "size", "words"),
    [
        ("checkpoint-4/adapter_model.safetensors", 10_000, "File too large (os error 27)"),
        ("checkpoint-4/optimizer.pt", 40_000, "torch gives no reason"),
    ],
)
def test_a_native_write_that_fails_is_one_message_and_the_checkpoint_before_stays_whole(forks, whole, run, name, size, words):
    ended = forks.fit(run, {"refused": [name, size]})
    first, second = ended.said.splitlines()[-2:]
    assert ended.status == 1 and "Traceback" not in ended.said
    assert first.startswith(f"{run}: checkpoint-4 could not be written: ") and words in first
    assert second == "  → check the disk and run the same command again: it resumes from checkpoint-2"
    assert whole_checkpoints(run) == [2]
    assert forks.fit(run).status == 0
    assert_same_run(run, whole)

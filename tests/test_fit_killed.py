"""A training run that is killed or stopped at any moment ends when it is run again as if nothing had been."""

import json
import signal
import sys

import pytest
from support.killed_runs import TRAINING, Forks, batches_file, differences

from tweetstyle.train.checkpoints import complete_checkpoints

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
    "between a step's line and its checkpoint": (["fsync", "metrics.jsonl"], None),
    "before the seal is in its place": (["replace", "checkpoint-4/complete.json"], 2),
    "before an old checkpoint loses its seal": (["unlink", "checkpoint-2/complete.json"], 6),
    "before the final model is in its place": (["replace", "run/final_model"], STEPS),
}
"""What a kill comes between: (the cut, the step from which the next session resumes; of a finished run nothing is trained)."""


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_this_point_and_run_again_it_ends_the_same(forks, whole, run, point):
    before, step = POINTS[point]
    killed = forks.fit(run, {"before": before})
    assert killed.status == -signal.SIGKILL, killed.said
    seen = batches(run)
    assert seen == batches(whole)[: len(seen)] and not (run / "final_model").exists()
    ended = forks.fit(run)
    assert ended.status == 0, ended.said
    assert_same_run(run, whole)
    assert_figures_are_of_the_whole_run(run)
    # The order of the data: what is learned from now is what comes after that step, no pack twice and none left out.
    assert batches(run)[len(seen) :] == batches(whole)[(step or 0) * ACCUMULATED :]
    assert resumed_from(ended) == (None if step == STEPS else step)


def test_a_stop_saves_at_the_next_step_s_end_at_the_latest(forks, whole, run):
    """SIGTERM while a checkpoint is written: the step after it is finished."""
    stopped = forks.fit(run, {"before": ["fsync", "checkpoint-4/optimizer.pt"], "signal": "SIGTERM"})
    assert stopped.status == 1 and "Traceback" not in stopped.said
    assert stopped.said.splitlines()[-2:] == [
        f"{run}: stopped at step 5 of {STEPS}; checkpoint-5 is complete",
        "  → run the same command again to resume",
    ]
    assert complete_checkpoints(run)[-1].step == 5
    ended = forks.fit(run)
    assert ended.status == 0 and resumed_from(ended) == 5, ended.said
    assert_same_run(run, whole)

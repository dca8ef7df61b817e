"""metrics.jsonl, and the figures at the end that are made from it."""

import io

import pytest
from rich.console import Console

from tweetstyle.statistics.metrics import no_better_than_untrained, untrained_bits
from tweetstyle.train.metrics import Metrics, as_table, meaning, train_output

STEPS = [(2, 4.0, 20.0), (4, 2.0, 10.0), (5, 1.0, 5.0)]


@pytest.fixture
def metrics(tmp_path):
    """Lines for steps 1-2, 3-4 and 5, and validations at 2, 4 and 5 of which 4 is the best."""
    metrics = Metrics(tmp_path / "metrics.jsonl")
    for (step, loss, seconds), bits in zip(STEPS, (3.0, 2.0, 2.0), strict=True):
        metrics.append({"step": step, "loss": loss, "tokens": step * 100, "seconds": seconds})
        metrics.append({"step": step, "eval_bits_per_byte": bits, "eval_loss": bits * 1.5, "seconds": 1.0})
    return metrics


def test_lines_beyond_the_checkpoint_are_cut_off(metrics):
    metrics.keep_until(4)
    assert [line["step"] for line in metrics.lines] == [2, 2, 4, 4]
    assert Metrics(metrics.path).lines == metrics.lines


def test_the_best_validation_is_the_first_of_equals(metrics):
    assert metrics.best()["step"] == 4 and metrics.best(2)["step"] == 2 and metrics.best(1) is None
    assert metrics.without_better() == 1


def test_the_untrained_model_is_no_state_of_the_run_but_what_it_is_held_against(metrics):
    assert untrained_bits(metrics.lines) is None and not no_better_than_untrained(metrics.lines)
    for bits, worse in ((2.5, False), (2.0, True), (1.9, True)):
        first = {"step": 0, "eval_bits_per_byte": bits, "eval_loss": 1.0, "seconds": 1.0}
        metrics.lines = [first, *(line for line in metrics.lines if line["step"])]
        assert (untrained_bits(metrics.lines), no_better_than_untrained(metrics.lines)) == (bits, worse)
        assert metrics.best()["step"] == 4 and metrics.best(1) is None and metrics.without_better() == 1
    metrics.keep_until(0)
    assert metrics.lines == [first], "a run that begins again before its first checkpoint does not measure it again"


def test_the_most_memory_of_all_sessions_is_kept(metrics):
    assert metrics.memory_bytes() is None
    for gib in (1.5, 2, 1):
        metrics.append({"step": 6, "loss": 1.0, "seconds": 1.0, "memory_gib": gib})
    assert metrics.memory_bytes() == 2 * 2**30


def test_each_figure_of_the_train_output_by_hand(metrics):
    state = {"global_step": 5, "epoch": 0.5, "num_input_tokens_seen": 700, "total_flos": 42e9}
    output = train_output(metrics, state, tweets=76)
    assert (output.global_step, output.training_loss) == (5, pytest.approx(2.6))
    assert output.metrics == {
        "train_runtime": 38.0,
        "train_samples_per_second": 76 * 0.5 / 38,
        "train_steps_per_second": 5 / 38,
        "train_tokens_per_second": 700 / 35,
        "num_input_tokens_seen": 700,
        "total_flos": 42e9,
        "train_loss": pytest.approx(2.6),
        "epoch": 0.5,
        "best_global_step": 4,
        "eval_bits_per_byte": 2.0,
        "eval_loss": 3.0,
    }
    console = Console(file=io.StringIO(), width=200)
    console.print(as_table(output))
    shown = console.file.getvalue()
    said = meaning(output, "en")
    assert set(said) == {"global_step", *output.metrics} and "42,000,000,000" in shown
    assert all(name in shown and text in shown for name, text in said.items())

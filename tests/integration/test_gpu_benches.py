"""The benches for a card run with toy shapes on this machine, so that they do not rot where there is none."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.gpu import context, export, fits, plan, shared, speed

pytestmark = pytest.mark.slow


@pytest.fixture
def figures(tmp_path, project, monkeypatch):
    """Runs a part --tiny; gives its result. Nothing may be written to bench/results."""
    monkeypatch.setenv("PYTHONPATH", str(project))

    def run(part):
        before = {path: path.stat().st_mtime_ns for path in (project / "bench" / "results").iterdir()}
        part.main(["--tiny", "--one-process", "--results", str(tmp_path)])
        (written,) = tmp_path.iterdir()
        assert before == {path: path.stat().st_mtime_ns for path in (project / "bench" / "results").iterdir()}
        content = json.loads(written.read_text())
        assert written.name == f"gpu-{part.__name__.split('.')[-1]}.json"
        assert content["tiny"] and content["versions"]["torch"] and content["claim"].startswith("a claim about memory")
        return content

    return run


def test_the_peak_of_each_batch_is_measured(figures):
    runs = figures(fits)["runs"]
    assert [run["per_device_train_batch_size"] for run in runs] == [1, 2]
    assert all(run["fits"] and run["peak_bytes"] > 0 and run["tokens_per_second"] > 0 and run["attention"] for run in runs)


def test_the_longest_context_is_searched_for_up_to_the_end(figures):
    """Nothing runs out of memory on a toy: the search goes outward to the longest that is tried."""
    found = figures(context)
    assert found["longest_that_fits"] == 128 and found["shortest_that_does_not"] == "not measured"


@pytest.mark.parametrize("limit", [1, 5, 9, 16, 17, 31, 40])
def test_the_search_ends_between_what_fits_and_what_does_not(monkeypatch, limit):
    """Against a card that fits `limit` steps of tokens, from every side; a try costs a minute: at most ten."""
    asked = []

    def card(bench, work, *, r, settings, long):
        asked.append(settings[0]["max_length"])
        fitting = asked[-1] <= limit * 1024
        # Memory may run out in a step, or already where the model is loaded.
        return [{"fits": fitting}] if fitting or asked[-1] % 2048 else {"out_of_memory": "while loading"}

    class Unhurried:
        time_is_up = False

    monkeypatch.setattr(context, "attempt", card)
    tried = context.longest(Unhurried(), 1024, 131_072, 16 * 1024)
    fitting = [length for length, line in tried.items() if line.get("fits")]
    failing = [length for length, line in tried.items() if not line.get("fits")]
    assert max(fitting) == limit * 1024 and min(failing) == (limit + 1) * 1024
    assert len(asked) == len(set(asked)) <= 12


def test_four_ways_are_timed_and_ours_is_set_against_each(figures):
    found = figures(speed)
    assert set(found["ours_against"]) == {"by hand", "without unsloth", "classic"}
    assert all(ratio > 0 for ratio in found["ours_against"].values())
    tokens = {name: runs[0]["tokens"] for name, runs in found["runs"].items()}
    assert tokens["ours"] == tokens["by hand"], "the same packs in the same order"


def test_what_was_not_measured_says_so():
    medians = {"ours": 3.0, "by hand": "not measured", "without unsloth": 2.0}
    assert speed.ratios(medians) == {"by hand": "not measured", "without unsloth": 1.5, "classic": "not measured"}
    assert plan.errors_of([{"fits": False}]) == {"largest_error": "not measured", "mean_error": "not measured"}


def test_the_plan_is_held_against_what_was_measured(figures):
    found = figures(plan)
    assert len(found["runs"]) == 2 and found["largest_error"] == "not measured", "a CPU has no plan to hold against"
    runs = [{"fits": True, "peak_bytes": 100, "predicted_bytes": 104}, {"fits": True, "peak_bytes": 100, "predicted_bytes": 90}]
    assert plan.errors_of(runs) == {"largest_error": -0.1, "mean_error": 0.07}


def test_an_export_is_timed(figures):
    found = figures(export)
    assert found["seconds"] > 0 and found["type"] == "q4_k_m"


def test_a_try_has_a_process_of_its_own_and_its_failure_ends_no_other(tmp_path):
    """As on a card, but for the card: what is measured there comes back as JSON."""
    bench = shared.Bench(False, tmp_path / "no-models", tmp_path, time.monotonic() + 60)
    assert shared.attempt(bench, shared.model_shape) == [32, 4096, 128256]
    assert shared.attempt(bench, shared.tweet_lengths)["failed"].startswith("TypeError: tweet_lengths() takes 0 positional arguments")
    with pytest.raises(SystemExit, match="not all of it was measured"):
        shared.write_result(bench, "fits", {"runs": [{"failed": "it"}, {"peak_bytes": 3}]})
    assert json.loads((tmp_path / "gpu-fits.json").read_text())["runs"][1] == {"peak_bytes": 3}, "the others stand"


def test_the_script_knows_its_parts_and_no_others(project):
    wrong = subprocess.run([project / "bench" / "gpu.sh", "nothing"], capture_output=True, text=True, timeout=120)
    assert wrong.returncode == 1 and wrong.stderr == "nothing is no part: fits speed plan context generate export models\n"


@pytest.mark.parametrize(
    ("capability", "kernel", "setup"), [((7, 5), True, "make setup CARD=turing"), ((8, 6), None, "make setup"), ((8, 6), True, None)]
)
def test_a_card_without_a_kernel_for_packed_tweets_is_not_measured(monkeypatch, capability, kernel, setup):
    """The message names the packages for the card: xformers' kernel on Turing, torch's own since Ampere. Unsloth's module is a stand-in:
    the real one is asked on the emulated card."""
    import torch

    dispatch = SimpleNamespace(SDPA="sdpa", select_attention_backend=lambda use_varlen: "sdpa", _TORCH_VARLEN_ATTN=kernel)
    monkeypatch.setitem(sys.modules, "unsloth.utils", SimpleNamespace(attention_dispatch=dispatch))
    monkeypatch.setattr(shared, "has_card", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    if setup is None:
        assert shared.attention_backend() == "sdpa"
        return
    with pytest.raises(SystemExit, match=f"in a fresh clone, {setup} installs one"):
        shared.attention_backend()


def test_ctrl_c_ends_the_part_too(project, tmp_path):
    """A stand-in for Python says its process and sleeps."""
    python, pid_file = tmp_path / "python", tmp_path / "pid"
    python.write_text(f'#!/bin/sh\n[ "$3" = models ] || {{ echo $$ > {pid_file}.new; mv {pid_file}.new {pid_file}; exec sleep 600; }}\n')
    python.chmod(0o755)
    script = subprocess.Popen([project / "bench" / "gpu.sh", "--tiny"], env=os.environ | {"PYTHON": str(python)}, stdout=subprocess.DEVNULL)
    wait_until(pid_file.exists)
    script.send_signal(signal.SIGINT)
    assert script.wait(60) == 130
    wait_until(lambda: not Path("/proc", pid_file.read_text().strip()).exists())


def wait_until(condition):
    patience = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < patience
        time.sleep(0.05)

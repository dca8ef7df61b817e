"""The progress display at a terminal of several widths, and where there is none."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.terminal import Terminal

ROOT = Path(__file__).resolve().parents[1]
TIMES = re.compile(r"elapsed \d+:\d\d:\d\d(, remaining \d+:\d\d:\d\d)?$")
TRAINING = """
import sys, time
from tweetstyle.progress import TrainingProgress
with TrainingProgress("loading the base model", stream=sys.stderr) as bar:
    time.sleep(0.6)
    bar.start(9_000, 12_000)
    for step in range(9_001, 9_005):
        time.sleep(0.15)
        bar.step(step, 3.2144, 1234.4)
    bar.say("step 9004: 2.5000 bits per byte on the validation tweets, the best so far")
    time.sleep(0.6)
print("step | loss")
"""


ENVIRONMENT = os.environ | {"TERM": "xterm", "PYTHONPATH": str(ROOT)}


def shown_by(command: list[str], columns: int) -> tuple[list[str], str]:
    """The screens in the order of time, and what was written with its control codes."""
    terminal = Terminal(command, ENVIRONMENT, columns)
    try:
        terminal.finish(60)
        return terminal.screens, terminal.output
    finally:
        terminal.close()


def finished(program: str, columns: int) -> tuple[list[str], str]:
    return shown_by([sys.executable, "-c", program], columns)


def bars(shown: list[str]) -> list[str]:
    """Each line of a progress display, in the order of time."""
    return [line for screen in shown for line in screen.splitlines() if "elapsed" in line]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_no_number_is_cut_at_any_width(columns):
    """And nothing is left of the bar when it ends; a program that is killed could not show a hidden cursor again."""
    shown, output = finished(TRAINING, columns)
    lines = bars(shown)
    loading, training = lines[0], lines[-1]
    assert re.fullmatch(r"loading the base model  elapsed 0:00:0\d", loading), loading
    assert all(TIMES.search(line) and len(line) <= columns for line in lines), lines
    assert "9,004/12,000" in training and re.search(r"elapsed 0:00:0\d, remaining 0:\d\d:\d\d$", training), training
    assert "loss 3.214" in training and ("1,234 tokens/s" in training) == (columns >= 80)
    assert training.startswith("training  ━━━━━━━━━━━━") == (columns == 120)
    left = " ".join(shown[-1].splitlines())
    assert left == "step 9004: 2.5000 bits per byte on the validation tweets, the best so far step | loss"
    assert "\x1b[?25l" not in output


LOADING = """
import time
from tweetstyle.progress import Bar
with Bar("scoring tweets", 100, "tokens", loading="loading the models") as bar:
    time.sleep(0.6)
    for done in (0, 20, 20):
        bar.advance(done)
        time.sleep(0.6)
with Bar("writing q4_k_m", 5 * 2**30, "B") as bar:
    bar.advance(2**30)
    time.sleep(0.6)
"""


def test_what_is_done_before_the_first_count_has_its_own_name():
    lines = bars(finished(LOADING, 80)[0])
    assert lines[0].startswith("loading the models  ") and "0/100 tokens  elapsed 0:00:0" in lines[0], lines
    assert any(line.startswith("scoring tweets  ") and "40/100 tokens  elapsed" in line for line in lines), lines
    assert re.fullmatch(r"writing q4_k_m  ━━━ +1.0 GiB of 5.0 GiB  elapsed 0:00:0\d", lines[-1]), lines


def test_a_log_has_a_plain_line_for_each_phase():
    best = "step 9004: 2.5000 bits per byte on the validation tweets, the best so far"
    for program, lines in (
        (TRAINING, ["loading the base model", "training", best]),
        (LOADING, ["loading the models", "scoring tweets", "writing q4_k_m"]),
    ):
        program = program.replace("time.sleep", "float")  # a log is not redrawn
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=ENVIRONMENT)
        assert done.stderr.splitlines() == lines

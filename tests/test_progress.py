"""The progress display at a terminal of several widths, and where there is none."""

from __future__ import annotations

import functools
import os
import re
import signal
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
    time.sleep(1.2)
    bar.start(9_000, 12_000)
    for step in range(9_001, 9_005):
        time.sleep(0.4)
        bar.step(step, 3.2144, 1234.4)
    bar.validated(9_004, 2.5, best=True)
    time.sleep(0.6)
print("step | loss")
"""


def at_a_terminal(program: str, columns: int) -> Terminal:
    return Terminal([sys.executable, "-c", program], {**os.environ, "TERM": "xterm"}, columns, ROOT)


@functools.cache
def finished(program: str, columns: int) -> list[str]:
    terminal = at_a_terminal(program, columns)
    try:
        terminal.finish(60)
        return terminal.screens
    finally:
        terminal.close()


def bars(shown: list[str]) -> list[str]:
    """Each line of a progress display, in the order of time."""
    return [line for screen in shown for line in screen.splitlines() if "elapsed" in line]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_no_number_is_cut_at_any_width(columns):
    shown = finished(TRAINING, columns)
    lines = bars(shown)
    loading, training = lines[0], lines[-1]
    assert re.fullmatch(r"loading the base model  \S+  elapsed 0:00:0\d", loading), loading
    assert all(TIMES.search(line) and len(line) <= columns for line in lines), lines
    assert "9,004/12,000" in training and re.search(r"elapsed 0:00:0\d, remaining 0:\d\d:\d\d$", training), training
    assert "loss 3.214" in training and ("1,234 tokens/s" in training) == (columns >= 80)
    assert ("training" in training) == (columns == 120) and bool(re.search("[━╸╺]", training)) == (columns == 120)


def test_nothing_is_left_of_the_bar_when_it_ends():
    assert finished(TRAINING, 80)[-1].splitlines() == [
        "step 9004: 2.5000 bits per byte on the validation tweets, the best so far",
        "step | loss",
    ]


FAILING = """
import sys, time
from tweetstyle.progress import Bar
with Bar("writing q4_k_m", 5 * 2**30, "B") as bar:
    bar.advance(2**30)
    time.sleep(0.7)
    {end}
"""


def test_nothing_is_left_of_the_bar_after_an_interruption():
    terminal = at_a_terminal(FAILING.format(end="print('ready', file=sys.stderr); time.sleep(60)"), 80)
    try:
        terminal.wait_for("ready", 1, 60)
        os.kill(terminal.process.pid, signal.SIGINT)
        last = terminal.finish(60)
    finally:
        terminal.close()
    assert "KeyboardInterrupt" in last and "elapsed" not in last


KILLED = """
import os, signal, sys, time
from tweetstyle.progress import Bar

def work():
    with Bar("scoring tweets", 100, "tokens"):
        time.sleep(1.2)
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    from tweetstyle.inference.clean_process import run_in_clean_process
    from tweetstyle.errors import TweetstyleError
    sys.modules["unsloth"] = None  # what makes it take a process of its own
    try:
        run_in_clean_process(work)
    except TweetstyleError as error:
        sys.exit(error.what)
"""


def test_a_message_does_not_stand_behind_the_bar_of_a_process_that_was_killed(tmp_path):
    (tmp_path / "killed.py").write_text(KILLED)
    terminal = Terminal([sys.executable, str(tmp_path / "killed.py")], {**os.environ, "TERM": "xterm", "PYTHONPATH": str(ROOT)}, 80)
    try:
        last = terminal.finish(60)
    finally:
        terminal.close()
    bar, *message = last.splitlines()
    assert bar.startswith("scoring tweets") and TIMES.search(bar) and message[0].startswith("the process that loads"), last


def test_the_cursor_is_never_hidden():
    """A program that is killed could not show it again."""
    terminal = at_a_terminal(TRAINING, 80)
    try:
        terminal.finish(60)
        assert "\x1b[?25l" not in terminal.output
    finally:
        terminal.close()


def test_a_log_has_a_plain_line_for_each_phase():
    done = subprocess.run([sys.executable, "-c", TRAINING], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stderr.splitlines() == [
        "loading the base model",
        "training",
        "step 9004: 2.5000 bits per byte on the validation tweets, the best so far",
    ]


LOADING = """
import time
from tweetstyle.progress import Bar
with Bar("scoring tweets", 100, "tokens", loading="loading the models") as bar:
    time.sleep(1.2)
    for done in (0, 20, 20):
        bar.advance(done)
        time.sleep(0.6)
"""


def test_what_is_done_before_the_first_count_has_its_own_name():
    lines = bars(finished(LOADING, 80))
    assert lines[0].startswith("loading the models  ") and "0/100 tokens  elapsed 0:00:0" in lines[0], lines
    assert lines[-1].startswith("scoring tweets  ") and "40/100 tokens  elapsed" in lines[-1], lines
    done = subprocess.run([sys.executable, "-c", LOADING], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stderr.splitlines() == ["loading the models", "scoring tweets"]

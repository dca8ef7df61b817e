"""A bar for what takes more than two seconds; where there is no terminal, a plain line."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

PROGRAM = """
import time
from tweetstyle.progress import Progress
progress = Progress()
for phase, steps in (("finding", 2), ("writing", {steps})):
    for _ in progress.over(range(steps), phase):
        time.sleep(0.05)
"""


def shown(steps: int) -> str:
    """What the program writes to a terminal as its standard error."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    subprocess.run([sys.executable, "-c", PROGRAM.format(steps=steps)], check=True, stderr=theirs, cwd=Path(__file__).parents[1])
    os.write(theirs, b"END")
    text = b""
    while not text.endswith(b"END"):
        text += os.read(ours, 2**16)
    os.close(theirs)
    os.close(ours)
    return text.removesuffix(b"END").decode()


def test_the_bar_comes_after_two_seconds_over_all_phases():
    text = shown(60)
    assert "writing" in text and "finding" not in text


def test_nothing_is_shown_of_what_is_quick():
    assert shown(2) == ""


def test_a_log_has_one_plain_line_for_each_long_phase():
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(steps=60)], capture_output=True, check=True, cwd=Path(__file__).parents[1])
    assert done.stderr == b"writing\n"

"""A killed parent leaves no child process behind, whatever the child is doing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).parents[1]
PATIENCE = 60
"""Seconds that a child has to exit in: it takes milliseconds, and a busy machine may need longer."""

APART = """
import os, sys, time
from tweetstyle.inference.clean_process import end_clean_process, run_in_clean_process

def announce():
    print(os.getpid(), flush=True)

def sleep():
    announce()
    time.sleep(600)

def start_grandchild():
    announce()
    sys.modules["unsloth"] = sys
    run_in_clean_process(sleep)

if __name__ == "__main__":
    sys.modules["unsloth"] = sys
"""


def killed(tmp_path: Path, program: str, count: int) -> list[int]:
    """Runs a program until it and its children have printed so many process ids, kills it, and gives back the children's ids."""
    script = tmp_path / "program.py"
    script.write_text(program)
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, env=environment) as parent:
        children: list[int] = []
        while len(children) < count:
            line = parent.stdout.readline()
            assert line, "the program ended before its children had started"
            children += map(int, line.split())
        assert all(map(is_running, children))
        parent.kill()
        parent.wait()
    return children


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_script_without_a_guard_gets_the_true_cause(tmp_path):
    script = tmp_path / "mine.py"
    script.write_text(APART.partition("if __name__")[0] + 'sys.modules["unsloth"] = sys\nrun_in_clean_process(announce)\n')
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "LANGUAGE": "en"}
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment, timeout=PATIENCE)
    assert ended.stdout == "" and "would run this script in it again" in ended.stderr and f"{script}: the work needs" in ended.stderr
    assert 'if __name__ == "__main__":' in ended.stderr and "bootstrapping" not in ended.stderr


def assert_all_exit(children: list[int]) -> None:
    deadline = time.monotonic() + PATIENCE
    try:
        while running := [pid for pid in children if is_running(pid)]:
            assert time.monotonic() < deadline, f"still running without their parent: {running}"
            time.sleep(0.05)
    finally:
        for pid in filter(is_running, children):
            os.kill(pid, 9)


def test_a_killed_parent_leaves_no_child_behind(tmp_path):
    assert_all_exit(killed(tmp_path, f"{APART}    run_in_clean_process(start_grandchild)\n", 2))


def test_a_ctrl_c_that_only_the_parent_gets_ends_the_child_too(tmp_path):
    script = tmp_path / "program.py"
    script.write_text(f"{APART}    run_in_clean_process(sleep)\n")
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as parent:
        child = int(parent.stdout.readline())
        parent.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" in parent.communicate(timeout=PATIENCE)[1]
    assert not is_running(child)


KEPT = """
    first, again = run_in_clean_process(os.getpid), run_in_clean_process(os.getpid)
    end_clean_process()
    print(os.getpid(), first, again, run_in_clean_process(os.getpid))
"""


def test_the_process_is_kept_until_it_is_ended_and_does_not_hold_up_the_program(tmp_path):
    (tmp_path / "program.py").write_text(APART + KEPT)
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    ended = subprocess.run([sys.executable, tmp_path / "program.py"], stdout=subprocess.PIPE, text=True, env=environment, timeout=PATIENCE)
    parent, first, again, other = map(int, ended.stdout.split())
    assert first == again and len({parent, first, other}) == 3
    assert not any(map(is_running, (first, other)))

"""Where the libraries' talk goes, and where ours and a bug's traceback go."""

import os
import subprocess
import sys

from tweetstyle.offline import OFFLINE
from tweetstyle.train.library_output import without_ldconfig

TALK = """
import ctypes, logging, os, sys, warnings
from pathlib import Path
from tweetstyle.train.library_output import libraries_output_to

with libraries_output_to(Path(sys.argv[1])) as screen:
    print("from print")
    print("from stderr", file=sys.stderr)
    warnings.warn("from warnings")
    logging.basicConfig(stream=sys.stderr)
    logging.warning("from logging")
    os.write(1, b"from the descriptor\\n")
    c = ctypes.CDLL(None)
    c.puts(b"from C")
    c.fflush(None)
    os.system("echo from a child")
    print("ours", file=screen)
    if len(sys.argv) > 2:
        raise ZeroDivisionError("a bug")
print("after")
logging.warning("a handler that was made inside")
"""
SOURCES = ("print", "stderr", "warnings", "logging", "the descriptor", "C", "a child")


def run(*arguments):
    return subprocess.run([sys.executable, "-c", TALK, *arguments], capture_output=True, text=True)


def test_the_libraries_output_goes_to_the_log_and_ours_and_a_traceback_to_the_screen(tmp_path):
    done = run(str(tmp_path / "log.txt"))
    log = (tmp_path / "log.txt").read_text()
    assert all(f"from {source}" in log for source in SOURCES)
    assert (done.stdout, done.stderr) == ("after\n", "ours\n") and done.returncode == 0
    assert "ours" not in log and "a handler that was made inside" in log
    done = run(str(tmp_path / "log.txt"), "fail")
    assert "Traceback" in done.stderr and "ZeroDivisionError: a bug" in done.stderr and done.returncode == 1
    assert "Traceback" not in (tmp_path / "log.txt").read_text()


def test_the_environment_is_set_before_anything_trains(tmp_path):
    program = (
        "import os, sys; from pathlib import Path; from tweetstyle.train.library_output import prepare_environment\n"
        "prepare_environment(Path(sys.argv[1])); import huggingface_hub.constants as hub\n"
        "print(hub.is_offline_mode(), hub.HF_HUB_DISABLE_TELEMETRY, os.environ['UNSLOTH_COMPILE_LOCATION'], os.environ['GOMP_SPINCOUNT'])"
    )
    environment = {name: value for name, value in os.environ.items() if name not in (*OFFLINE, "GOMP_SPINCOUNT")}
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, env=environment)
    assert done.stdout.split() == ["True", "True", f"{tmp_path}/.unsloth_compiled_cache", "5000"], done.stderr


def test_no_library_runs_ldconfig(tmp_path, monkeypatch):
    """Unsloth does, as root, when it is imported and Triton finds no libcuda. Other commands are run as ever."""
    program = tmp_path / "ldconfig"
    program.write_text(f"#!/bin/sh\necho $@ >> {tmp_path}/was-run\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    real = os.system
    with without_ldconfig():
        assert os.system("ldconfig /usr/local/") != 0 and os.system("true") == 0
    assert not (tmp_path / "was-run").exists() and os.system is real
    assert os.system("ldconfig /usr/local/") == 0 and (tmp_path / "was-run").exists(), "a control"

"""doctor's compiler check decides as Triton does, and names what is missing for the interpreter in use."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from test_bad_input import CARD, nvidia_smi, project, refused, written  # noqa: F401 (fixtures)

from tweetstyle.cli import tweetstyle
from tweetstyle.doctor.machine import Compilation, Python, check_compiler, compile_empty_extension, this_python

GCC = shutil.which("gcc") or shutil.which("clang")
SYSTEM = Python("3.12", Path("/usr"), Path("/usr/include/python3.12"))
PYENV = Python("3.11", Path("/home/me/.pyenv/versions/3.11.7"), Path("/home/me/.pyenv/versions/3.11.7/include/python3.11"))
needs_compiler = pytest.mark.skipif(GCC is None, reason="needs a C compiler")


@needs_compiler
@pytest.mark.parametrize("cc", [None, GCC, f"{GCC} -O2", "", "/nowhere/gcc", "/bin/false"])
def test_it_decides_as_tritons_own_build_does(monkeypatch, tmp_path, cc):
    from triton.runtime import build

    monkeypatch.delenv("CC", raising=False)
    if cc is not None:
        monkeypatch.setenv("CC", cc)
    (tmp_path / "empty.c").write_text("#include <Python.h>\n")
    build._find_compiler.cache_clear()
    try:
        build._build("empty", str(tmp_path / "empty.c"), str(tmp_path), [], [], [], [])
        builds = True
    except (OSError, subprocess.CalledProcessError):
        builds = False
    finally:
        build._find_compiler.cache_clear()
    check = check_compiler(
        compile_empty_extension({"PATH": "/usr/bin:/bin"} | ({} if cc is None else {"CC": cc}), this_python()), this_python()
    )
    assert (check.state == "ok") == builds == (cc in (None, GCC))
    assert builds or check.do == "unset CC, or set it to the C compiler's path alone, without options"


@pytest.mark.parametrize(
    ("found", "python", "do"),
    [
        (Compilation(None, False, False, None), SYSTEM, "sudo apt install gcc libc6-dev python3.12-dev"),
        (Compilation(None, False, True, None), SYSTEM, "sudo apt install gcc libc6-dev"),
        (Compilation("/usr/bin/gcc", False, False, "Python.h: No such file"), SYSTEM, "sudo apt install python3.12-dev"),
        (Compilation("/usr/bin/gcc", False, True, "stdio.h: No such file"), SYSTEM, "sudo apt install gcc libc6-dev"),
        (Compilation(None, False, True, None), PYENV, "sudo apt install gcc libc6-dev"),
    ],
)
def test_what_is_missing_is_named_by_its_packages(found, python, do):
    check = check_compiler(found, python)
    assert (check.state, check.do) == ("fail", do) and "Triton needs it" in check.seen


def test_an_interpreter_of_uv_or_pyenv_has_no_package_of_headers(tmp_path):
    check = check_compiler(Compilation("/usr/bin/gcc", False, False, "Python.h: No such file"), PYENV)
    assert "apt" not in check.do and str(PYENV.prefix) in check.do and "uv python install 3.11" in check.do


@needs_compiler
def test_headers_that_are_not_there_are_found_missing_by_compiling(tmp_path):
    python = Python("3.12", Path("/usr"), tmp_path)
    found = compile_empty_extension({"PATH": "/usr/bin:/bin"}, python)
    assert not found.header and "Python.h" in found.error


def test_a_run_with_a_card_and_no_compiler_ends_before_anything_is_written(project, nvidia_smi, monkeypatch):  # noqa: F811
    nvidia_smi(CARD.format(driver="580.95.05", capability="8.6"))
    monkeypatch.setenv("CC", "/nowhere/gcc")
    message = refused("mine.yaml")
    assert "compiler: /nowhere/gcc cannot compile" in message and "unset CC" in message and written(project) == []


@pytest.mark.parametrize("card", [False, True])
def test_without_a_card_nothing_is_compiled(project, nvidia_smi, monkeypatch, tmp_path, card):  # noqa: F811
    nvidia_smi(CARD.format(driver="580.95.05", capability="8.6"))
    if not card:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    compiler = tmp_path / "recorder"
    compiler.write_text(f"#!{sys.executable}\nimport pathlib; pathlib.Path({str(tmp_path / 'called')!r}).touch()\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    checks = json.loads(CliRunner().invoke(tweetstyle, ["doctor", "--json"]).stdout)["checks"]
    assert ("compiler" in {check["name"] for check in checks}) == (tmp_path / "called").exists() == card

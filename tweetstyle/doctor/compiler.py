"""Are a C compiler and Python's headers there? Triton compiles with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tweetstyle.hardware.check import Check, fail, ok

PATIENCE = 60
"""Seconds for an empty file."""
EXTENSION = "#include <Python.h>\n"
FLAGS = ("-O3", "-shared", "-fPIC", "-Wno-psabi")
"""Triton's (triton/runtime/build.py, _build)."""
OF_THE_SYSTEM = Path("/usr")
"""Where the interpreters of Linux distributions lie, whose headers come as a package of their own."""


@dataclass(frozen=True)
class Python:
    """The interpreter in use. prefix: where it is installed, an environment's own interpreter looked through."""

    version: str
    prefix: Path
    include: Path


@dataclass(frozen=True)
class Compilation:
    """compiler: None where none was found; from_cc: whether CC names it; header: whether Python.h is there; error: what the compiler said
    where it failed."""

    compiler: str | None
    from_cc: bool
    header: bool
    error: str | None


def this_python() -> Python:
    """As Triton queries it: Debian's scheme posix_local is replaced (triton/runtime/build.py, _build)."""
    scheme = sysconfig.get_default_scheme()
    include = sysconfig.get_paths(scheme="posix_prefix" if scheme == "posix_local" else scheme)["include"]
    return Python(f"{sys.version_info.major}.{sys.version_info.minor}", Path(sys.base_prefix), Path(include))


def compile_empty_extension(environment: Mapping[str, str], python: Python) -> Compilation:
    """Compiles as Triton would: by $CC, else gcc, else clang. $CC is a program's name alone: Triton splits no options off it."""
    from_cc = "CC" in environment
    path = environment.get("PATH")
    compiler = environment["CC"] if from_cc else shutil.which("gcc", path=path) or shutil.which("clang", path=path)
    header = (python.include / "Python.h").is_file()
    if compiler is None:
        return Compilation(None, from_cc, header, None)
    return Compilation(compiler, from_cc, header, _error_of(compiler, environment, python))


def _error_of(compiler: str, environment: Mapping[str, str], python: Python) -> str | None:
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory, "empty.c")
        source.write_text(EXTENSION)
        command = [compiler, str(source), *FLAGS, "-o", str(source.with_suffix(".so")), f"-I{python.include}"]
        try:
            done = subprocess.run(
                command,
                env=dict(environment) | {"LC_ALL": "C"},  # messages in English, for _error_of to find the first error
                capture_output=True,
                text=True,
                errors="replace",
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"no answer in {PATIENCE} seconds"
        except OSError as error:
            return os.strerror(error.errno) if error.errno else str(error)
    if not done.returncode:
        return None
    said = done.stderr.strip().splitlines()
    return next((line for line in said if "error" in line), said[0] if said else f"exit code {done.returncode}")


def check_compiler(found: Compilation, python: Python) -> Check:
    """compiler; checked only on a machine with a card."""
    name = "compiler"
    if found.compiler and found.error is None:
        return ok(name, f"{found.compiler} compiles an extension of Python {python.version}")
    needed = "Triton needs it before its first kernel"
    if found.compiler is None:
        return fail(
            name, f"there is no C compiler (gcc or clang), and {needed}", _install(compiler=True, python=python, header=found.header)
        )
    if not found.header:
        what = f"Python.h of Python {python.version} is not in {python.include}, and {needed}"
        return fail(name, what, _install(compiler=False, python=python, header=False))
    what = f"{found.compiler or 'CC, which is empty,'} cannot compile an extension of Python {python.version}, and {needed}: {found.error}"
    if found.from_cc:
        return fail(name, what, "unset CC, or set it to the C compiler's path alone, without options")
    return fail(name, what, _install(compiler=True, python=python, header=True))


def _install(*, compiler: bool, python: Python, header: bool) -> str:
    """The packages that are missing, by Debian's names. An interpreter of uv or pyenv brings its headers, and no package does."""
    of_the_system = python.prefix == OF_THE_SYSTEM
    packages = ["gcc", "libc6-dev"] * compiler + [f"python{python.version}-dev"] * (of_the_system and not header)
    do = [f"sudo apt install {' '.join(packages)}"] if packages else []
    if not header and not of_the_system:
        do.append(f"install the Python of {python.prefix} again with its headers (uv python install {python.version}, or pyenv install)")
    return "; ".join(do)

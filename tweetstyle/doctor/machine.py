"""Disk, memory, permissions, network settings and the C compiler of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tweetstyle.files import existing_parent
from tweetstyle.hardware.check import Check, fail, gib, ok, warn
from tweetstyle.hardware.disk import DiskUse, Place, check_disk
from tweetstyle.offline import OFFLINE, NoAddress, is_loopback, parse_address

PATIENCE = 60
"""Seconds for an empty file."""
FLAGS = ("-O3", "-shared", "-fPIC", "-Wno-psabi")
"""Triton's (triton/runtime/build.py, _build)."""
OF_THE_SYSTEM = Path("/usr")
"""Where the interpreters of Linux distributions lie, whose headers come as a package of their own."""


def check_machine(
    places: Mapping[Path, Place], memory: tuple[int, int | None], uses: Sequence[DiskUse], ram: Mapping[str, int]
) -> list[Check]:
    """disk, memory, write rights.

    Args:
        places: the directories that are written to, and their disks.
        memory: total and available bytes, the latter None where it is not reported.
        uses: what a run writes.
        ram: part of a run → bytes of memory; the parts come one after the other.
    """
    return [*check_disk(places, uses), _ram(*memory, ram), _rights(places)]


def _ram(total: int, available: int | None, ram: Mapping[str, int]) -> Check:
    name = "memory"
    seen = "unknown" if available is None else f"{gib(available)} of {gib(total)} available"
    if not ram:
        return ok(name, seen)
    part, needed = max(ram.items(), key=lambda item: item[1])
    seen += f"; the run may take {gib(needed)} ({part})"
    if needed > total:
        smaller = "write a smaller per_device_train_batch_size or max_length" if part == "training" else "write fewer export.types"
        return fail(name, seen, f"{smaller}, take a smaller base model, or a machine with more memory")
    if available is not None and needed > available:
        return warn(name, seen, "close other programs before then, or the machine will swap")
    return ok(name, seen)


def _rights(places: Mapping[Path, Place]) -> Check:
    name = "write rights"
    if closed := [directory for directory, place in places.items() if not place.writable]:
        parent = existing_parent(closed[0])
        shown = parent.relative_to(Path.cwd()) if parent.is_relative_to(Path.cwd()) else parent
        do = f"check owner and mode: ls -ld {shown}; or a read-only disk"
        return fail(name, f"no right to write to {', '.join(map(str, closed))}", do)
    return ok(name, ", ".join(map(str, places)))


def check_network(environment: Mapping[str, str]) -> list[Check]:
    """environment: that of this process, in which the commands have set OFFLINE before anything else."""
    if missing := [name for name, value in OFFLINE.items() if environment.get(name) != value]:
        what = f"the libraries are not kept off the network: {', '.join(missing)}"
        return [warn("offline", what, "run it by its commands, tweetstyle and tweetstyle-fit, which set these"), *_ollama(environment)]
    return [ok("offline", "the libraries are kept off the network, and send no statistics (docs/privacy.md)"), *_ollama(environment)]


def _ollama(environment: Mapping[str, str]) -> list[Check]:
    """OLLAMA_HOST on another machine: this program refuses to contact it, but `ollama create`, typed in the same shell, does not."""
    value = environment.get("OLLAMA_HOST", "")
    try:
        host = parse_address(value)[0] if value.strip() else "localhost"
    except NoAddress as error:
        what = f"OLLAMA_HOST is {value}, not an address that is understood here ({error}): --ollama refuses it"
        return [warn("ollama", what, "set OLLAMA_HOST to host and port alone, as in 127.0.0.1:11434")]
    if is_loopback(host):
        return []
    what = f"OLLAMA_HOST is {value}: ollama create would send the model that learned your tweets there; --ollama refuses to"
    return [warn("ollama", what, "unset OLLAMA_HOST before ollama create, unless that machine is yours")]


# -- the C compiler, with which Triton compiles -----------------------------------------------------------------------


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
    path = environment.get("PATH")
    compiler = environment.get("CC", shutil.which("gcc", path=path) or shutil.which("clang", path=path))
    error = None if compiler is None else _error_of(compiler, environment, python)
    return Compilation(compiler, "CC" in environment, (python.include / "Python.h").is_file(), error)


def _error_of(compiler: str, environment: Mapping[str, str], python: Python) -> str | None:
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory, "empty.c")
        source.write_text("#include <Python.h>\n")
        command = [compiler, str(source), *FLAGS, "-o", str(source.with_suffix(".so")), f"-I{python.include}"]
        english = dict(environment) | {"LC_ALL": "C"}
        try:
            done = subprocess.run(
                command, env=english, capture_output=True, text=True, errors="replace", timeout=PATIENCE, check=False
            )  # fmt: skip
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
    name, needed = "compiler", "Triton needs it before its first kernel"
    if found.compiler and found.error is None:
        return ok(name, f"{found.compiler} compiles an extension of Python {python.version}")
    do = _install(python, compiler=found.compiler is None or found.header, header=not found.header)
    if found.compiler is None:
        return fail(name, f"there is no C compiler (gcc or clang), and {needed}", do)
    if not found.header:
        return fail(name, f"Python.h of Python {python.version} is not in {python.include}, and {needed}", do)
    what = f"{found.compiler or 'CC, which is empty,'} cannot compile an extension of Python {python.version}, and {needed}: {found.error}"
    return fail(name, what, "unset CC, or set it to the C compiler's path alone, without options" if found.from_cc else do)


def _install(python: Python, *, compiler: bool, header: bool) -> str:
    """The packages that are missing, by Debian's names. An interpreter of uv or pyenv brings its headers, and no package does."""
    of_the_system = python.prefix == OF_THE_SYSTEM
    packages = ["gcc", "libc6-dev"] * compiler + [f"python{python.version}-dev"] * (of_the_system and header)
    do = [f"sudo apt install {' '.join(packages)}"] if packages else []
    if header and not of_the_system:
        do.append(f"install the Python of {python.prefix} again with its headers (uv python install {python.version}, or pyenv install)")
    return "; ".join(do)

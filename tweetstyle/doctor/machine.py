"""Disk, memory, permissions, network settings and the C compiler of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tweetstyle.console import size
from tweetstyle.files import existing_parent
from tweetstyle.hardware.check import Check, fail, ok, warn
from tweetstyle.hardware.disk import DiskUse, Place, check_disk
from tweetstyle.offline import OFFLINE, NoAddress, is_loopback, parse_address

PATIENCE = 60
"""Seconds for an empty file."""
FLAGS = ("-O3", "-shared", "-fPIC", "-Wno-psabi")
"""Triton's (triton/runtime/build.py, _build)."""


def check_machine(
    places: Mapping[Path, Place], memory: tuple[int, int], uses: Sequence[DiskUse], ram: Mapping[str, int]
) -> Iterator[Check]:
    """disk, memory, write rights.

    Args:
        places: the directories that are written to, and their disks.
        memory: total and available bytes.
        uses: what a run writes.
        ram: part of a run → bytes of memory; the parts come one after the other.
    """
    yield from check_disk(places, uses)
    yield _ram(*memory, ram)
    if closed := [directory for directory, place in places.items() if not place.writable]:
        do = f"check owner and mode: ls -ld {os.path.relpath(existing_parent(closed[0]))}; or a read-only disk"
        yield fail("write rights", f"no right to write to {', '.join(map(str, closed))}", do)
    else:
        yield ok("write rights", ", ".join(map(str, places)))


def _ram(total: int, available: int, ram: Mapping[str, int]) -> Check:
    name, seen = "memory", f"{size(available)} of {size(total)} available"
    if not ram:
        return ok(name, seen)
    part, needed = max(ram.items(), key=lambda item: item[1])
    seen += f"; the run may take {size(needed)} ({part})"
    if needed > total:
        smaller = "write a smaller per_device_train_batch_size or max_length" if part == "training" else "write fewer export.types"
        return fail(name, seen, f"{smaller}, take a smaller base model, or a machine with more memory")
    if needed > available:
        return warn(name, seen, "close other programs before then, or the machine will swap")
    return ok(name, seen)


def check_network(environment: Mapping[str, str]) -> Iterator[Check]:
    """environment: that of this process, in which the commands have set OFFLINE before anything else."""
    if missing := [name for name, value in OFFLINE.items() if environment.get(name) != value]:
        what = f"the libraries are not kept off the network: {', '.join(missing)}"
        yield warn("offline", what, "run it by its commands, tweetstyle and tweetstyle-fit, which set these")
    else:
        yield ok("offline", "the libraries are kept off the network, and send no statistics (docs/privacy.md)")
    value = environment.get("OLLAMA_HOST", "")
    try:
        here = not value.strip() or is_loopback(parse_address(value)[0])
    except NoAddress:
        here = False
    if not here:
        what = f"OLLAMA_HOST is {value}, not an address of this machine: ollama create would send the model that learned your tweets there"
        yield warn("ollama", f"{what}; --ollama refuses to", "unset OLLAMA_HOST before ollama create, unless that machine is yours")


# -- the C compiler, with which Triton compiles -----------------------------------------------------------------------


def check_compiler(environment: Mapping[str, str]) -> Check:
    """Whether an empty extension of this Python compiles as Triton compiles; checked only on a machine with a card."""
    name, version = "compiler", f"{sys.version_info.major}.{sys.version_info.minor}"
    error = _compile_error(environment)
    if error is None:
        return ok(name, f"compiles an extension of Python {version}")
    of_the_system, headers = sys.base_prefix == "/usr", (_include() / "Python.h").is_file()
    if not headers and not of_the_system:
        do = f"install the Python of {sys.base_prefix} again with its headers (uv python install {version}, or pyenv install)"
    elif headers and "CC" in environment:
        do = "unset CC, or set it to the C compiler's path alone"
    else:
        do = f"sudo apt install gcc libc6-dev{f' python{version}-dev' * of_the_system}"
    return fail(name, f"cannot compile an extension of Python {version}, which Triton does before its first kernel: {error}", do)


def _compile_error(environment: Mapping[str, str]) -> str | None:
    """None where it compiles. By $CC, which has no options, else gcc, else clang (triton/runtime/build.py, _build)."""
    path = environment.get("PATH")
    compiler = environment.get("CC", shutil.which("gcc", path=path) or shutil.which("clang", path=path))
    if compiler is None:
        return "there is no C compiler (gcc or clang)"
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory, "empty.c")
        source.write_text("#include <Python.h>\n")
        command = [compiler, str(source), *FLAGS, "-o", str(source.with_suffix(".so")), f"-I{_include()}"]
        english = dict(environment) | {"LC_ALL": "C"}
        try:
            done = subprocess.run(command, env=english, capture_output=True, text=True, errors="replace", timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            return f"{compiler} did not answer in {PATIENCE} seconds"
        except OSError as error:
            return f"{compiler or 'CC, which is empty'}: {error.strerror}"
    if not done.returncode:
        return None
    lines = done.stderr.strip().splitlines()
    return next((line for line in lines if "error" in line), f"{compiler} ended with {done.returncode}")


def _include() -> Path:
    """Where Triton looks for Python.h: it replaces Debian's scheme posix_local."""
    scheme = sysconfig.get_default_scheme()
    return Path(sysconfig.get_paths("posix_prefix" if scheme == "posix_local" else scheme)["include"])

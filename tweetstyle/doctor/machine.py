"""Disk, memory, permissions, network settings and the C compiler of this machine."""

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
from tweetstyle.hardware.disk import DirectorySpace, DiskUse, check_disk
from tweetstyle.locale import N_, _, each_part
from tweetstyle.locale.libraries import reason
from tweetstyle.offline import NoAddress, is_loopback, parse_address

FLAGS = ("-O3", "-shared", "-fPIC", "-Wno-psabi")
"""Triton's (triton/runtime/build.py, _build)."""


def check_machine(
    places: Mapping[Path, DirectorySpace], memory: tuple[int, int], uses: Sequence[DiskUse], ram: Mapping[str, int]
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
        command = f"ls -ld {os.path.relpath(existing_parent(closed[0]))}"
        do = _("check owner and mode ({command}), and whether the disk is read-only", command=command)
        yield fail(N_("write rights"), _("no right to write to {directories}", directories=", ".join(map(str, closed))), do)
    else:
        yield ok(N_("write rights"), ", ".join(map(str, places)))


def _ram(total: int, available: int, ram: Mapping[str, int]) -> Check:
    name, seen = N_("memory"), _("{available} of {total} available", available=size(available), total=size(total))
    if not ram:
        return ok(name, seen)
    part, needed = max(ram.items(), key=lambda item: item[1])
    seen = _("{seen}; the run may take {needed} ({part})", seen=seen, needed=size(needed), part=each_part(part))
    if needed > total:
        do = _("write fewer export.types, a smaller max_length, take a smaller base model, or a machine with more memory")
        return fail(name, seen, do)
    if needed > available:
        return warn(name, seen, _("close other programs before then, or the machine will swap"))
    return ok(name, seen)


def check_network(environment: Mapping[str, str]) -> Iterator[Check]:
    """Of the libraries, which every command keeps off the network before anything else (offline.py), and of Ollama."""
    yield ok(N_("offline"), _("the libraries are kept off the network, and send no statistics (docs/privacy.md)"))
    value = environment.get("OLLAMA_HOST", "")
    try:
        here = not value.strip() or is_loopback(parse_address(value)[0])
    except NoAddress:
        here = False
    if not here:
        what = _(
            "OLLAMA_HOST is {value}, not an address of this machine: ollama create would send the model that learned your tweets there; "
            "--ollama refuses to",
            value=value,
        )
        yield warn("ollama", what, _("unset OLLAMA_HOST before ollama create, unless that machine is yours"))


# -- the C compiler, with which Triton compiles -----------------------------------------------------------------------


def check_compiler(environment: Mapping[str, str]) -> Check:
    """Whether an empty extension of this Python compiles as Triton compiles; checked only on a machine with a card."""
    name, version = N_("compiler"), f"{sys.version_info.major}.{sys.version_info.minor}"
    error = _compile_error(environment)
    if error is None:
        return ok(name, _("compiles an extension of Python {version}", version=version))
    what = _(
        "cannot compile an extension of Python {version}, which Triton does before its first kernel: {error}", version=version, error=error
    )
    do = _("install a C compiler and Python's headers: sudo apt install gcc libc6-dev python{version}-dev", version=version)
    if "CC" in environment:
        do = _("unset CC, or set it to the C compiler's path alone")
    elif sys.base_prefix != "/usr":
        do = _("install a C compiler: sudo apt install gcc libc6-dev (uv and pyenv bring Python's headers)")
    return fail(name, what, do)


def _compile_error(environment: Mapping[str, str]) -> str | None:
    """None where it compiles. By $CC, which has no options, else gcc, else clang (triton/runtime/build.py, _build)."""
    path = environment.get("PATH")
    compiler = environment.get("CC", shutil.which("gcc", path=path) or shutil.which("clang", path=path))
    if compiler is None:
        return _("there is no C compiler (gcc or clang)")
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory, "empty.c")
        source.write_text("#include <Python.h>\n")
        command = [compiler, str(source), *FLAGS, "-o", str(source.with_suffix(".so")), f"-I{_include()}"]
        english = dict(environment) | {"LC_ALL": "C"}
        try:
            done = subprocess.run(command, env=english, capture_output=True, text=True, errors="replace", check=False)
        except OSError as error:
            return f"{compiler}: {reason(error)}"
    if not done.returncode:
        return None
    lines = done.stderr.strip().splitlines()
    ended = _("{program} ended with exit code {code}", program=compiler, code=done.returncode)
    return next((line for line in lines if "error" in line), ended)


def _include() -> Path:
    """Where Triton looks for Python.h: it replaces Debian's scheme posix_local."""
    scheme = sysconfig.get_default_scheme()
    return Path(sysconfig.get_paths("posix_prefix" if scheme == "posix_local" else scheme)["include"])

"""Memory, cores and installed packages of this machine."""

import os
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def machine_memory() -> tuple[int, int]:
    """Total and available bytes (man 5 proc_meminfo)."""
    rows = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    total, available = (int(rows[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    return total, available


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0))


def installed_versions(names: Iterable[str]) -> dict[str, str]:
    """Name → version, in this order; what is not installed is left out."""
    found = {}
    for name in names:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found

"""Memory, cores and installed packages of this machine."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def machine_memory(meminfo: Path = Path("/proc/meminfo")) -> tuple[int, int | None]:
    """Total and available bytes as Linux reports them (man 5 proc_meminfo); elsewhere the total alone."""
    try:
        rows = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        total, available = (int(rows[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
        return total, available
    except (OSError, ValueError, KeyError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), None


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def installed_versions(names: Iterable[str]) -> dict[str, str]:
    """Name → version, in this order; what is not installed is left out."""
    found = {}
    for name in names:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found

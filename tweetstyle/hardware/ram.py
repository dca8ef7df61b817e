"""The machine's memory."""

from __future__ import annotations

import os
from pathlib import Path


def machine_memory(meminfo: Path = Path("/proc/meminfo")) -> tuple[int, int | None]:
    """Total and available bytes as Linux tells them (man 5 proc_meminfo); elsewhere the total alone."""
    try:
        rows = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        total, available = (int(rows[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
        return total, available
    except (OSError, ValueError, KeyError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), None

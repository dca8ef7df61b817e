"""The peak of a process's resident memory, for the programs that tests run.

Not `ru_maxrss`: a process is started with its parent's there, so under a test run of several GiB it says the parent's peak.
"""

from __future__ import annotations

import sys

import pytest

# Lines for the head of a program: then `peak_memory()` is in bytes, from the start of its own.
PEAK_MEMORY = """
def peak_memory():
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
"""

needs_peak_memory = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is read from /proc")

"""The peak of a process's resident memory, for the programs that tests run.

Not `ru_maxrss`: a process is started with its parent's there, so under a test run of several GiB it says the parent's peak.
"""

import sys

import pytest

# Lines for the head of a program: then `peak_memory()` is in bytes, from the start of its own.
PEAK_MEMORY = """
def peak_memory():
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
"""

# The same for a program whose libraries are mapped from files, of which more or less is resident as the system likes: what it takes
# for itself alone, looked at every few milliseconds.
PEAK_OWN_MEMORY = """
import threading, time
def own_memory():
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("RssAnon"))
seen = [own_memory()]
def look():
    while True:
        seen[0] = max(own_memory(), seen[0])
        time.sleep(0.003)
threading.Thread(target=look, daemon=True).start()
def peak_memory():
    return max(own_memory(), seen[0])
"""

needs_peak_memory = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is read from /proc")

"""Programs under a guard that writes down whatever they would reach over the network, and lets them reach this machine alone.

A preloaded library (network_guard.c): it needs a C compiler, which the real Ollama needs too, and neither root nor ptrace nor namespaces.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tweetstyle.offline import OFFLINE

HERE = ("127.", "::1")
SETTINGS_OF_TESTS = (*OFFLINE, "HF_HUB_CACHE", "CI", "DISABLE_TELEMETRY")
"""A user's environment has none of these, which keep libraries quiet: TRL sends nothing where CI is set."""


class NetworkGuard:
    """environment: that of a program to be watched; without what keeps libraries quiet. Without a compiler the test skips and says why;
    where CI=true that is a failure."""

    def __init__(self, directory: Path) -> None:
        self.log = directory / "network.log"
        library = directory / "network_guard.so"
        compiler = shutil.which(os.environ.get("CC", "cc"))
        if compiler is None or not sys.platform.startswith("linux"):
            reason = "the network guard needs Linux and a C compiler (Debian, Ubuntu: apt install build-essential)"
            pytest.fail(reason, pytrace=False) if os.environ.get("CI") == "true" else pytest.skip(reason)
        source = Path(__file__).with_suffix(".c")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True, capture_output=True, text=True)
        # Behind a proxy the names of others would be the proxy's to find.
        kept = {name: value for name, value in os.environ.items() if name not in SETTINGS_OF_TESTS and not name.lower().endswith("_proxy")}
        self.environment = kept | {"LD_PRELOAD": str(library), "NETWORK_GUARD_LOG": str(self.log)}

    def seen(self) -> list[tuple[str, str]]:
        """(call, address or name) of everything that was tried, in order."""
        if not self.log.is_file():
            return []
        return [tuple(line.split(" ", 1)) for line in self.log.read_text().splitlines()]

    def left_the_machine(self) -> list[tuple[str, str]]:
        return [(call, where) for call, where in self.seen() if not where.startswith(HERE)]

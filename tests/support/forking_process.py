"""A process that imports Unsloth once and then carries out each request in a fork of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Environment of a process whose forks can compute: threads do not survive a fork."""


class ForkingProcess:
    """Runs `module`, whose main() reads a request a line and answers each in a line; `directory` is its argument, and takes its log."""

    module: str

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def environment(self) -> dict[str, str]:
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._log = (self.directory / "forks.log").open("w+")
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self._log}
        command = [sys.executable, "-m", self.module, str(self.directory)]
        self._process = subprocess.Popen(command, env=self.environment(), text=True, **pipes)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait(60)
        self._log.close()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer, once the fork has ended."""
        self._process.stdin.write(json.dumps(request, default=str) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            self._log.seek(0)
            raise RuntimeError(f"the process that forks has ended:\n{self._log.read()}")
        return json.loads(answer)

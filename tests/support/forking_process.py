"""A process that imports the training libraries once and then carries out each request in a fork of its own.

    with ForkingProcess(directory) as forks:
        forks.run("module:function", ...)     in a fork; what the function returns, as JSON

An import of Unsloth takes a quarter of a minute. The process forks before torch has computed anything, with one thread, so that a fork
can compute.
"""

import gc
import importlib
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

TESTS = Path(__file__).resolve().parents[1]
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Environment of a process whose forks can compute: threads do not survive a fork."""


@dataclass(frozen=True)
class Ended:
    """status: as of a process, -9 where it was killed; said: stdout and stderr; result: what the function returned."""

    status: int
    said: str
    result: Any


class ForkingProcess:
    """directory: where its log goes, and what `prepare` writes.

    prepare: "module:function" that the process calls with the directory before it imports Unsloth; "": none.
    """

    prepare = ""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def environment(self) -> dict[str, str]:
        return os.environ | ONE_THREAD | {"PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])}

    def __enter__(self) -> Self:
        self._log = (self.directory / "forks.log").open("w+")
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self._log}
        command = [sys.executable, "-m", "support.forking_process", str(self.directory), self.prepare]
        self._process = subprocess.Popen(command, env=self.environment(), text=True, **pipes)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait(60)
        self._log.close()

    def run(self, function: str, *arguments: Any, cwd: Path | None = None, **environment: str) -> Ended:
        """Carries out "module:name" in a fork; its arguments and its result are plain data."""
        request = {"function": function, "arguments": arguments, "cwd": str(cwd or self.directory), "environment": environment}
        self._process.stdin.write(json.dumps(request, default=str) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            self._log.seek(0)
            raise RuntimeError(f"the process that forks has ended:\n{self._log.read()}")
        return Ended(**json.loads(answer))


def main() -> None:
    directory, prepare = Path(sys.argv[1]), sys.argv[2]
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    if prepare:
        named(prepare)(directory)
    from tweetstyle.train.library_output import prepare_environment

    prepare_environment(directory)
    import tweetstyle.train.session  # noqa: F401

    # What is there is not looked through again at each collection of a fork: half of its time.
    gc.freeze()
    for line in sys.stdin:
        answers.write(json.dumps(carry_out(directory, json.loads(line))) + "\n")


def named(function: str) -> Callable:
    module, name = function.split(":")
    return getattr(importlib.import_module(module), name)


def carry_out(directory: Path, request: dict[str, Any]) -> dict[str, Any]:
    words, result = directory / "said.txt", directory / "result.json"
    result.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        os._exit(exit_status(lambda: in_the_fork(request, words, result)))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    returned = json.loads(result.read_text()) if result.exists() else None
    return {"status": status, "said": words.read_text(errors="replace"), "result": returned}


def in_the_fork(request: dict[str, Any], words: Path, result: Path) -> None:
    file = os.open(words, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.chdir(request["cwd"])
    os.environ.update(request["environment"])
    result.write_text(json.dumps(named(request["function"])(*request["arguments"])))


def exit_status(work: Callable[[], object]) -> int:
    """Carries it out as a process of its own would be: its status, 2 for an exception that it lets out."""
    try:
        work()
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
    except BaseException:  # noqa: BLE001  (the process ends with it)
        traceback.print_exc()
        status = 2
    sys.stdout.flush()
    sys.stderr.flush()
    return status


if __name__ == "__main__":
    main()

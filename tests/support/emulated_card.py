"""Processes on the emulated card (tests/gpu_emulation/card): a command of its own, and forks of one that has imported Unsloth once.

    environment(directory)                    of a program that is to have the card
    with CardForks(directory) as forks:
        forks.run("module:function", ...)     in a fork; what the function returns, as JSON

An import of Unsloth takes half a minute under the emulation. The process forks before torch has computed anything.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.forking_process import ONE_THREAD, ForkingProcess

TESTS = Path(__file__).resolve().parents[1]
CARD = TESTS / "gpu_emulation" / "card"
NO_OLLAMA = "127.0.0.1:9"


def environment(log: Path, of: dict[str, str] | None = None) -> dict[str, str]:
    """of: an environment, by default this process's. log: a file that gets a line for each thing of the card that is used."""
    of = dict(os.environ) if of is None else of
    own = {"EMULATED_CARD": "1", "EMULATED_CARD_LOG": str(log), "OLLAMA_HOST": NO_OLLAMA, "COLUMNS": "140"}
    own["PYTHONPATH"] = os.pathsep.join(map(str, (CARD, TESTS.parent, TESTS)))
    own["PATH"] = os.pathsep.join([str(CARD), of["PATH"]])
    return of | own | ONE_THREAD


@dataclass(frozen=True)
class Ended:
    """status: as of a process, -9 where it was killed; said: stdout and stderr; result: what the function returned."""

    status: int
    said: str
    result: Any


class CardForks(ForkingProcess):
    """The process that forks; `directory` takes its logs."""

    module = "support.emulated_card"

    def environment(self) -> dict[str, str]:
        return environment(self.directory / "card.log")

    def run(self, function: str, *arguments: Any, cwd: Path | None = None, fault: str = "") -> Ended:
        """function: "module:name", its arguments and its result plain data; fault: KIND:N of emulated_card.faults."""
        request = {"function": function, "arguments": arguments, "cwd": str(cwd or self.directory), "fault": fault}
        return Ended(**self.ask(request))


# -- the process that forks ---------------------------------------------------------------------------------


def main() -> None:
    import gc

    directory = Path(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    from tweetstyle.train.library_output import prepare_environment

    prepare_environment(directory)
    import tweetstyle.train.session  # noqa: F401

    gc.freeze()
    print("ready", file=sys.stderr, flush=True)
    for line in sys.stdin:
        answers.write(json.dumps(carry_out(directory, json.loads(line))) + "\n")


def carry_out(directory: Path, request: dict[str, Any]) -> dict[str, Any]:
    words, result = directory / "said.txt", directory / "result.json"
    result.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        in_the_fork(request, words, result)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    returned = json.loads(result.read_text()) if result.exists() else None
    return {"status": status, "said": words.read_text(errors="replace"), "result": returned}


def in_the_fork(request: dict[str, Any], words: Path, result: Path) -> None:
    """Never returns."""

    def work() -> None:
        file = os.open(words, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(file, 1)
        os.dup2(file, 2)
        os.chdir(request["cwd"])
        os.environ["EMULATED_CARD_FAULT"] = request["fault"]
        module, name = request["function"].split(":")
        returned = getattr(importlib.import_module(module), name)(*request["arguments"])
        result.write_text(json.dumps(returned))

    os._exit(exit_status(work))


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
    # As the module that the forks import, not as __main__.
    importlib.import_module("support.emulated_card").main()

"""Processes on the emulated card (tests/gpu_emulation/card): a command of its own, and forks of one that has imported Unsloth once."""

import os
from pathlib import Path
from typing import Any

from support.forking_process import ONE_THREAD, TESTS, Ended, ForkingProcess

CARD = TESTS / "gpu_emulation" / "card"
NO_OLLAMA = "127.0.0.1:9"


def environment(log: Path, of: dict[str, str] | None = None) -> dict[str, str]:
    """of: an environment, by default this process's. log: a file that gets a line for each thing of the card that is used."""
    of = dict(os.environ) if of is None else of
    own = {"EMULATED_CARD": "1", "EMULATED_CARD_LOG": str(log), "OLLAMA_HOST": NO_OLLAMA, "COLUMNS": "140"}
    own["PYTHONPATH"] = os.pathsep.join(map(str, (CARD, TESTS.parent, TESTS)))
    own["PATH"] = os.pathsep.join([str(CARD), of["PATH"]])
    return of | own | ONE_THREAD


class CardForks(ForkingProcess):
    """The process that forks, on the emulated card."""

    def environment(self) -> dict[str, str]:
        return environment(self.directory / "card.log")

    def run(self, function: str, *arguments: Any, cwd: Path | None = None, fault: str = "") -> Ended:
        """fault: KIND:N of emulated_card.attention."""
        return super().run(function, *arguments, cwd=cwd, EMULATED_CARD_FAULT=fault)

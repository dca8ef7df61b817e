"""A process on the emulated driver that imports Unsloth once, and counts in forks."""

from dataclasses import asdict
from typing import Any

from gpu_emulation.driver import card_environment
from support.forking_process import ForkingProcess

from bench.memory.cell import Cell


class DriverForks(ForkingProcess):
    """The process that forks, on the driver that `build_driver` has made in `directory`/driver."""

    prepare = "bench.memory.training:prepare"

    def environment(self) -> dict[str, str]:
        """The allocator is set up as Unsloth does it (unsloth_zoo/__init__.py), before which torch is imported here."""
        return super().environment() | card_environment(self.directory / "driver") | {"PYTORCH_ALLOC_CONF": "expandable_segments:True"}

    def count(self, cells: list[Cell]) -> list[dict[str, Any]]:
        """In a fork, a line for each cell (bench/memory/training.py, count). Raises RuntimeError with what was said where it fails."""
        ended = self.run("bench.memory.training:count", [asdict(cell) for cell in cells])
        if ended.status:
            raise RuntimeError(ended.said)
        return ended.result

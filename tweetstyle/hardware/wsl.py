"""WSL2, where CUDA spills into RAM instead of running out of memory."""

from functools import cache
from pathlib import Path

VERSION = Path("/proc/version")
FULL = 0.95
"""Share of the card from which on WSL may be moving memory to RAM. The rest is room for what drivers and desktop take meanwhile."""
KERNELS = 384 * 2**20
"""Bytes that CUDA takes for kernels which it loads after the cap was set. An allowance, not measured."""


@cache
def on_wsl() -> bool:
    """Whether this Linux runs under Windows."""
    return "microsoft" in VERSION.read_text().lower()


def withheld(total: int) -> int:
    """Bytes of a card of `total` bytes that no run uses on WSL, and that a plan counts as used by others; 0 elsewhere."""
    return round((1 - FULL) * total) if on_wsl() else 0


def cap_card_memory() -> None:
    """On WSL torch raises OutOfMemoryError before the card is full, as CUDA does elsewhere. Before a model is loaded."""
    import torch

    if not (on_wsl() and torch.cuda.is_available()):
        return
    free, total = torch.cuda.mem_get_info()
    outside = total - free - torch.cuda.memory_reserved()
    torch.cuda.set_per_process_memory_fraction(max(FULL - (outside + KERNELS) / total, 0.01))

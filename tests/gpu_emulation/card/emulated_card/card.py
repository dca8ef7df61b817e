"""What the card is, how much of its memory is taken, and a record of what was used of it."""

import os

NAME = "NVIDIA GeForce RTX 3060"
CAPABILITY = (8, 6)
TOTAL = int(os.environ.get("EMULATED_CARD_MIB", 12044)) * 2**20
"""What torch reports of a card sold as 12 GB."""
TAKEN = 550 * 2**20
"""CUDA's context, and a desktop."""
LIMIT = int(os.environ.get("EMULATED_CARD_LIMIT_MIB", TOTAL >> 20)) * 2**20
"""What a process may take at its start."""


class Memory:
    """Bytes of the tensors on the card. limit: what the process may take, by set_per_process_memory_fraction."""

    allocated = peak = 0
    limit = LIMIT

    @classmethod
    def free(cls):
        return TOTAL - TAKEN - cls.allocated


class Mark:
    """Lies on the storage of a tensor on the card; its bytes count as long as the storage lives."""

    __slots__ = ("bytes",)

    def __init__(self, count, out_of_memory):
        self.bytes = 0
        if count > min(Memory.free(), Memory.limit - Memory.allocated):
            raise out_of_memory(f"CUDA out of memory. Tried to allocate {count / 2**20:.2f} MiB. (emulated)")
        self.bytes = count
        Memory.allocated += count
        Memory.peak = max(Memory.peak, Memory.allocated)

    def __del__(self):
        Memory.allocated -= self.bytes


_recorded = set()


def record(*words):
    """One line, once a process, in the file EMULATED_CARD_LOG: what of the card was really used."""
    line = " ".join(map(str, words))
    if (path := os.environ.get("EMULATED_CARD_LOG")) and line not in _recorded:
        _recorded.add(line)
        with open(path, "a") as stream:
            stream.write(line + "\n")


def returns(value):
    return lambda *_, **__: value

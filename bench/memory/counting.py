"""What the driver without a card has counted.  python -m bench.memory.counting: fails where it is not what torch runs on."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

DRIVER = ctypes.CDLL("libcuda.so.1")
Peaks = dict[str, dict[str, int]]
"""Phase → bytes allocated, reserved by torch, and taken of the card, at most."""


def figures() -> dict[str, int]:
    """What the driver counted: bytes of the card in use and at most, and kernels launched."""
    values = (ctypes.c_size_t * 3)()
    DRIVER.fake_figures(values)
    return dict(zip(("used", "most", "launches"), values, strict=True))


def card_of(gib: float, held: int, enforced: bool) -> None:
    """Makes the card one of so many GiB, of which CUDA's contexts and other programs hold some bytes; enforced: it refuses the rest."""
    DRIVER.fake_card(ctypes.c_size_t(round(gib * 2**30)), ctypes.c_size_t(held), enforced)


@contextmanager
def counting(peaks: Peaks, phase: str, *, noted: bool = True) -> Iterator[None]:
    """Notes the peak inside the block under peaks[phase], an entry made as the block begins."""
    import torch

    torch.cuda.reset_peak_memory_stats()
    DRIVER.fake_reset_peak()
    peaks[phase] = {}
    yield
    if noted:
        note(peaks, phase)


def note(peaks: Peaks, phase: str) -> None:
    import torch

    peaks[phase] = {
        "allocated": torch.cuda.max_memory_allocated(),
        "reserved": torch.cuda.max_memory_reserved(),
        "driver": figures()["most"],
    }


def out_of_memory(peaks: Peaks, error: Exception) -> dict[str, str]:
    """The phase in which memory ran out, and the allocator's words."""
    return {"phase": next(reversed(peaks)), "said": str(error).split(" GPU ")[0]}


def check_emulation() -> None:
    """Raises AssertionError where this process does not run on the emulated card, or the driver does not count what torch takes."""
    import torch

    assert hasattr(DRIVER, "fake_figures"), f"{DRIVER._name} is not the emulated driver: LD_PRELOAD is {os.environ.get('LD_PRELOAD')}"
    assert torch.cuda.get_device_name() == "Emulated card", torch.cuda.get_device_name()
    torch.cuda.empty_cache()
    before, allocated = figures(), torch.cuda.memory_allocated()
    tensor = torch.empty(2**30, dtype=torch.uint8, device="cuda")
    taken = figures()
    assert torch.cuda.memory_allocated() - allocated == 2**30, "torch's allocator does not count"
    assert taken["used"] >= torch.cuda.memory_reserved() >= 2**30, f"the driver counted {taken['used']:,} bytes"
    tensor.fill_(1)
    assert figures()["launches"] > taken["launches"], "no kernel reached the emulated driver"
    del tensor
    torch.cuda.empty_cache()
    assert figures()["used"] <= before["used"], "the driver was not given back what torch let go"


if __name__ == "__main__":
    check_emulation()

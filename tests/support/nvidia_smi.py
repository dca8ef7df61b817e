"""A fake nvidia-smi."""

from pathlib import Path

RTX_3060 = "0, GPU-a1, NVIDIA GeForce RTX 3060, 580.95.05, 12288, 11776, 8.6\n"
"""index, uuid, name, driver, memory in all and free (MiB), compute capability."""


def write_nvidia_smi(directory: Path, cards: str = RTX_3060, programs: str = "", code: int | str = 0) -> Path:
    """directory/nvidia-smi, which prints these lines of cards, and of the programs that compute on them. Returns the directory."""
    directory.mkdir(exist_ok=True)
    (directory / "cards").write_text(cards)
    (directory / "programs").write_text(programs)
    program = directory / "nvidia-smi"
    program.write_text(f'#!/bin/sh\ncase "$1" in --query-gpu*) f=cards;; *) f=programs;; esac\n/bin/cat {directory}/$f\nexit {code}\n')
    program.chmod(0o755)
    return directory

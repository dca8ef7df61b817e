"""The memory plan against PyTorch's own CUDA allocator, over an emulated driver: one 8B at full size, all phases of its training."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from gpu_emulation.driver import build_driver

from bench.memory.cell import Cell
from bench.memory.forks import DriverForks
from bench.memory.hollow import write_hollow_base
from tweetstyle.hardware.gpu import GIB, Card
from tweetstyle.model.hub import KNOWN
from tweetstyle.plan.memory import LEFT_IN_TRAINING, SAMPLES, TRAINING, VALIDATION, plan_memory
from tweetstyle.recipe import Model, Training

BASE = "Llama 3 8B"
CARD_GIB = 11.76


@pytest.fixture(scope="module")
def counted(tmp_path_factory) -> dict:
    """The default recipe's settings on a card of 12 GB that refuses what it has no room for: 2,048 tokens, batch 1, r 32."""
    directory = tmp_path_factory.mktemp("emulated-card")
    build_driver(directory / "driver")
    base = write_hollow_base(directory / "base", BASE)
    with DriverForks(directory) as forks:
        return forks.count([Cell(str(base), CARD_GIB, enforced=True)])[0]


def test_without_the_driver_nothing_is_counted():
    """The process ends: it would count on whatever card, or none, it found."""
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    command = [sys.executable, "-m", "bench.memory.counting"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "libcuda.so.1" in done.stderr


@pytest.mark.slow
def test_the_plan_is_within_one_percent_of_the_allocators_own_count(counted):
    assert counted["out_of_memory"] is None and not counted["embeddings_in_ram"]
    plan = plan_memory(KNOWN[BASE], Model(base="x"), Training(), card=Card(round(CARD_GIB * GIB)))
    for phase, counted_as in ((TRAINING, "training"), (VALIDATION, "validation"), (SAMPLES, "samples")):
        planned = sum(plan.phases[phase].values())
        assert planned == pytest.approx(counted["peaks"][counted_as]["allocated"], rel=0.01), phase
    assert max(peak["reserved"] for peak in counted["peaks"].values()) <= 7.4 * GIB
    # The evaluation runs beside the process that trained: bitsandbytes would keep the embeddings there, 1 GiB, and Unsloth its buffers.
    assert counted["left"] <= LEFT_IN_TRAINING

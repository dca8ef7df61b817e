"""The memory plan against PyTorch's own CUDA allocator, over an emulated driver: one 8B at full size, all phases of its training."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from gpu_emulation.driver import build_driver, card_environment, write_hollow_base

from tweetstyle.hardware.gpu import GIB, Card
from tweetstyle.model.hub import KNOWN
from tweetstyle.plan.memory import LEFT_IN_TRAINING, SAMPLES, TRAINING, VALIDATION, plan_memory
from tweetstyle.recipe import Model, Training

ROOT = Path(__file__).parents[2]
BASE = "Llama 3 8B"
CARD_GIB = 11.76
COUNTED = [sys.executable, "-m", "gpu_emulation.driver.counted"]
FOUND_AT = {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}


def run(directory: Path, environment: dict[str, str]) -> subprocess.CompletedProcess:
    return subprocess.run(
        [*COUNTED, "cells.json", "out.jsonl"], cwd=directory, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def counted(tmp_path_factory) -> dict:
    """The default recipe's settings on a card of 12 GB that refuses what it has no room for: 2,048 tokens, batch 1, r 32."""
    directory = tmp_path_factory.mktemp("emulated-card")
    driver = build_driver(directory / "driver")
    base = write_hollow_base(directory / "base", BASE)
    (directory / "cells.json").write_text(json.dumps([{"base": str(base), "card_gib": CARD_GIB, "enforced": True}]))
    environment = os.environ | FOUND_AT | card_environment(driver)
    done = subprocess.run(
        [*COUNTED, "cells.json", "out.jsonl"], cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((directory / "out.jsonl").read_text())


def test_without_the_driver_nothing_is_counted(tmp_path):
    """The process ends: it would count on whatever card, or none, it found."""
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"} | FOUND_AT
    done = run(tmp_path, environment)
    assert done.returncode != 0 and "libcuda.so.1" in done.stderr and not (tmp_path / "out.jsonl").exists()


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

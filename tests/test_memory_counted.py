"""The plan against the committed counts of PyTorch's CUDA allocator over an emulated card (bench/gpu_memory.py), cell by cell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tweetstyle.hardware.card import GIB, Card
from tweetstyle.model.hub import known_config
from tweetstyle.plan.memory import plan_memory
from tweetstyle.plan.phases import LOAD, SAMPLES, TRAINING, VALIDATION
from tweetstyle.recipe import Lora, Model, Training

RESULTS = json.loads((Path(__file__).parents[1] / "bench" / "results" / "gpu_memory.json").read_text(encoding="utf-8"))
PHASES = {LOAD: "load", TRAINING: "training", VALIDATION: "validation", SAMPLES: "sampling"}


def name(cell: dict) -> str:
    card = f"{cell['card_gib']} GiB" + (" enforced" if cell["enforced"] else "")
    return f"{cell['model']} {cell['max_length']}x{cell['batch']} r{cell['r']} {card}"


@pytest.mark.parametrize("cell", RESULTS["counted"], ids=name)
def test_the_plan_is_within_one_percent_of_the_count_and_gives_the_same_answer(cell):
    card = Card(round(cell["card_gib"] * GIB), training_only=True)
    sizes = {"max_length": cell["max_length"], "per_device_train_batch_size": cell["batch"], "optim": cell["optim"]}
    plan = plan_memory(known_config(cell["model"]), Model(base="x", lora=Lora(r=cell["r"])), Training(**sizes), card=card)
    assert ("embeddings" in plan.host) == cell["embeddings_in_ram"]
    if cell["enforced"]:
        assert (plan.card <= card.total) == (cell["out_of_memory"] is None)
    for phase, counted_as in PHASES.items():
        if cell["out_of_memory"] is None:
            planned, counted = sum(plan.phases[phase].values()), cell["peaks"][counted_as]["allocated"]
            assert planned == pytest.approx(counted, rel=0.01), phase
    if cell["out_of_memory"] is None:
        training = cell["peaks"]["training"]["allocated"]
        assert max(cell["peaks"][phase]["allocated"] for phase in ("validation", "sampling")) < training

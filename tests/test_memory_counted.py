"""The plan against the committed counts of PyTorch's CUDA allocator over an emulated card (bench/gpu_memory.py), cell by cell."""

import json
from pathlib import Path

import pytest

from bench.gpu_memory import PHASES, bytes_beyond, grid, key_of, of_this_process, plan_of
from tweetstyle.hardware.gpu import GIB
from tweetstyle.plan.memory import EVALUATION, LEFT_IN_TRAINING

RESULTS = json.loads((Path(__file__).parents[1] / "bench" / "results" / "gpu_memory.json").read_text(encoding="utf-8"))
COUNTED = RESULTS["counted"]
REFUSED_THOUGH_IT_FITS = 0.035
"""Of the card, by which the plan may be too high. What the allocator loses between its blocks rises and falls with the length, so that no
formula has the very limit; the plan keeps to its safe side."""


def name(cell: dict) -> str:
    card = f"{cell['card_gib']} GiB" + (" enforced" if cell["enforced"] else "")
    return f"{cell['model']} {cell['max_length']}x{cell['batch']} r{cell['r']} {card}{' later' if cell['later'] else ''}"


def test_the_whole_grid_is_counted():
    assert [key_of(cell) for cell in COUNTED] == [key_of(cell) for cell in grid()]


@pytest.mark.parametrize("cell", [cell for cell in COUNTED if cell["out_of_memory"] is None], ids=name)
def test_every_phase_is_planned_to_half_a_percent(cell):
    plan, peaks = plan_of(cell), {phase: peak["allocated"] for phase, peak in cell["peaks"].items()}
    phases = [phase for phase in PHASES if (phase == EVALUATION) == cell["later"]]
    for phase in phases:
        most = max(peaks[counted] for counted in PHASES[phase])
        assert of_this_process(plan.phases[phase]) == pytest.approx(most, rel=0.005), phase
    if not cell["later"]:
        assert ("embeddings" in plan.host) == cell["embeddings_in_ram"]
        assert max(peaks["validation"], peaks["samples"]) < peaks["training"]
        assert cell.get("left", 0) <= LEFT_IN_TRAINING


@pytest.mark.parametrize("cell", [cell for cell in COUNTED if cell["enforced"]], ids=name)
def test_what_the_plan_lets_through_fits_and_what_it_refuses_hardly_does(cell):
    """On cards that refuse what they have no room for; evaluation and gate apart from the training."""
    fits, beyond = cell["out_of_memory"] is None, bytes_beyond(cell)
    assert fits or beyond > 0
    assert not fits or beyond <= REFUSED_THOUGH_IT_FITS * cell["card_gib"] * GIB

"""The memory plan against PyTorch's own CUDA allocator over an emulated card.  python bench/gpu_memory.py [--minutes 60]

No GPU is needed: a driver without a card (tests/gpu_emulation/driver) accounts every allocation of a full-size model while the product
loads it, trains, validates and writes samples, and in a process of its own evaluates it and checks its export (bench/memory). What is
already in bench/results/gpu_memory.json under the same versions is kept, so that the grid can be counted in parts: remove the file to
count all of it again.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from datetime import date
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from gpu_emulation.driver import build_driver, card_environment  # noqa: E402

from bench.memory.cell import Cell  # noqa: E402
from bench.memory.forks import DriverForks  # noqa: E402
from bench.memory.hollow import write_hollow_adapter, write_hollow_base  # noqa: E402
from tweetstyle.hardware.gpu import GIB, REPORTED, Card  # noqa: E402
from tweetstyle.model.hub import HUB, KNOWN  # noqa: E402
from tweetstyle.plan.memory import EVALUATION, HELD, LEFT_IN_TRAINING, LOAD, SAMPLES, TRAINING, VALIDATION, MemoryPlan, plan_memory  # noqa: E402
from tweetstyle.recipe import Lora, Model, Recipe, Training  # noqa: E402
from tweetstyle.recipe_yaml import read_recipe  # noqa: E402

OUT = Path(__file__).parent / "results" / "gpu_memory.json"
LIBRARIES = ("torch", "unsloth", "unsloth_zoo", "transformers", "trl", "peft", "bitsandbytes", "triton")
ROOMY = REPORTED[24]
PHASES = {
    LOAD: ("load",),
    TRAINING: ("training",),
    VALIDATION: ("validation",),
    SAMPLES: ("samples",),
    EVALUATION: ("measuring", "scoring", "tweets"),
}
"""Phase of the plan → those of the count, of which the largest is compared."""
PACKS = ((2048, 1), (2048, 2), (2048, 4), (8192, 1), (16384, 1), (28672, 1))
WITH_ROOM = (
    ("Llama 3.2 3B", 64, 8192, 1), ("Llama 3.2 1B", 64, 2048, 1), ("Llama 3.2 1B", 32, 16384, 1),
    *(("Llama 3.1 8B", 32, *pack) for pack in PACKS), ("Llama 3.1 8B", 16, 2048, 1), ("Llama 3.1 8B", 64, 2048, 2),
    ("Llama 3 8B", 32, 2048, 4),
)  # fmt: skip
"""Model, rank, tokens of a pack, and batch."""
REFUSING = (
    ("Llama 3.2 3B", 64, 12, 61024, 63849), ("Llama 3.1 8B", 32, 12, 27000, 28000, 31235, 32509), ("Llama 3 8B", 16, 12, 8028),
    ("Llama 3.2 1B", 32, 12, 103237, 107451), ("Llama 3.1 8B", 16, 8, 10412),
)  # fmt: skip
"""Model, rank, the GB that the card is sold with, and tokens of a pack."""
RECIPES = {"llama3-8b-12gb": 12, "llama3.1-8b-long-12gb": 12, "llama3-8b-8gb": 8, "llama3.2-3b-6gb": 6}
KEYS = ("model", "card_gib", "enforced", "max_length", "batch", "r", "optim", "later")
COUNTED = (*KEYS, "peaks", "out_of_memory", "embeddings_in_ram", "left")


def grid() -> Iterator[dict[str, Any]]:
    """What changes most of what is on the card, the most used settings first. Cells that share a model follow one another.

    The recipes on their cards, training and evaluation. On cards that refuse what they have no room for, each model near the longest pack
    that the plan lets fit, and an 8B on either side of where Unsloth drops a staging buffer. On a card with room, one model with every
    pack, the others and the other ranks with one. Left out for their time: cards of 16 and 24 GB, which take the same code as one with
    room, and the evaluation of a 1B, whose terms are those of a 3B.
    """
    for recipe, sold in RECIPES.items():
        cell = of_recipe(read_recipe(ROOT / "recipes" / f"{recipe}.yaml"), REPORTED[sold])
        yield cell
        yield cell | {"later": True}
    plain = {"enforced": False, "card_gib": ROOMY, "batch": 1, "optim": "adamw_8bit", "later": False}
    for name, r, sold, *lengths in REFUSING:
        yield from (
            plain | {"enforced": True, "card_gib": REPORTED[sold], "model": name, "r": r, "max_length": length} for length in lengths
        )
    for name, r, length, batch in WITH_ROOM:
        yield plain | {"model": name, "r": r, "max_length": length, "batch": batch}
    yield plain | {"model": "Llama 3.1 8B", "r": 32, "max_length": 2048, "later": True}


def of_recipe(recipe: Recipe, card_gib: float) -> dict[str, Any]:
    name = next(known.name for known in HUB if known.directory == recipe.model.base)
    training = recipe.training
    sizes = {"max_length": training.max_length, "batch": training.per_device_train_batch_size, "r": recipe.model.lora.r}
    return {"model": name, "card_gib": card_gib, "enforced": True, "optim": training.optim, "later": False} | sizes


def settings_of(cell: dict[str, Any]) -> tuple[Model, Training]:
    sizes = {"max_length": cell["max_length"], "per_device_train_batch_size": cell["batch"]}
    return Model(base="x", lora=Lora(r=cell["r"])), Training(**sizes, optim=cell["optim"])


def plan_of(cell: dict[str, Any]) -> MemoryPlan:
    return plan_memory(KNOWN[cell["model"]], *settings_of(cell), card=card_of(cell))


def card_of(cell: dict[str, Any]) -> Card:
    """later: the evaluation is counted, else the training, in another process."""
    return Card(round(cell["card_gib"] * GIB), training_only=not cell["later"])


def row(counted: dict[str, Any]) -> dict[str, Any]:
    """One line of the results: GiB planned and counted by phase, and on a card that refuses both answers."""
    plan, peaks = plan_of(counted), {phase: peak for phase, peak in counted["peaks"].items() if peak}
    line = {key: counted[key] for key in KEYS}
    if counted["enforced"]:
        line |= {
            "fits_by_plan": bytes_beyond(counted) <= 0,
            "fits": counted["out_of_memory"] is None,
            "out_of_memory": counted["out_of_memory"],
        }
    if not counted["later"]:
        line["embeddings_in_ram"] = [counted.get("embeddings_in_ram"), "embeddings" in plan.host]
    for phase, counted_as in PHASES.items():
        if found := [peaks[name] for name in counted_as if name in peaks]:
            planned, most = of_this_process(plan.phases[phase]), max(found, key=lambda peak: peak["allocated"])
            line[phase] = {"planned": gib(planned), "counted": gib(most["allocated"]), "reserved": gib(max(p["reserved"] for p in found))}
            line[phase]["error"] = round(planned / most["allocated"] - 1, 4)
    return line


def bytes_beyond(cell: dict[str, Any]) -> float:
    """By how much the plan of the evaluation, or of the training, is larger than the card."""
    plan, later = plan_of(cell), (EVALUATION,)
    needed = max(sum(parts.values()) for phase, parts in plan.phases.items() if (phase in later) == cell["later"])
    return needed + sum(plan.reserve.values()) - cell["card_gib"] * GIB


def of_this_process(parts: Mapping[str, int]) -> int:
    """Bytes of a phase's parts that one process holds: what torch.cuda.max_memory_allocated is compared with."""
    return sum(size for part, size in parts.items() if part != HELD)


def gib(count: int) -> float:
    return round(count / GIB, 3)


def count(cells: list[dict[str, Any]], minutes: float) -> Iterator[dict[str, Any]]:
    """Counts as many of the cells, in their order, as are begun in time: a fork, or a process, for each model that is loaded."""
    end = time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as later:
        directory, forks = Path(temporary), None
        build_driver(directory / "driver")
        for _, group in groupby(cells, key=lambda cell: (cell["later"], Cell(**settings_in(directory, cell)).loads())):
            if time.monotonic() > end:
                return print(f"{minutes:g} minutes are over", file=sys.stderr)
            together = list(group)
            settings = [Cell(**settings_in(directory, cell)) for cell in together]
            if together[0]["later"]:
                found = [evaluated(directory, cell) for cell in settings]
            else:
                forks = forks or later.enter_context(DriverForks(directory))
                found = forks.count(settings)
            yield from (cell | counted for cell, counted in zip(together, found, strict=True))


def evaluated(directory: Path, cell: Cell) -> dict[str, Any]:
    """The cell as counted by a process of its own."""
    of_driver = card_environment(directory / "driver") | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    command = [sys.executable, "-m", "bench.memory.evaluation", json.dumps(asdict(cell))]
    done = subprocess.run(command, cwd=directory, env=os.environ | of_driver, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def settings_in(directory: Path, cell: dict[str, Any]) -> dict[str, Any]:
    """The cell as its process reads it; its base model, and where one is evaluated its adapter, are written."""
    base = directory / cell["model"].replace(" ", "-")
    adapter = base.with_name(f"{base.name}-r{cell['r']}")
    if not base.is_dir():
        write_hollow_base(base, cell["model"])
    sizes = {key: value for key, value in cell.items() if key not in ("model", "optim", "later")}
    settings = sizes | {"base": str(base), "training": {"optim": cell["optim"]}}
    if not cell["later"]:
        return settings
    return settings | {"adapter": str(write_hollow_adapter(adapter, cell["model"], cell["r"])), "left": LEFT_IN_TRAINING}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--only", default="", help="count only cells in whose JSON this regular expression is found")
    asked = parser.parse_args()
    versions = {name: version(name) for name in LIBRARIES} | {"python": platform.python_version()}
    known = json.loads(OUT.read_text()) if OUT.is_file() else {}
    same = known["counted"] if known.get("versions") == versions else []
    counted = {key_of(cell): cell for cell in same if key_of(cell) in map(key_of, grid())}
    left = [cell for cell in grid() if key_of(cell) not in counted and re.search(asked.only, json.dumps(cell))]
    for cell in count(left, asked.minutes):
        counted[key_of(cell)] = {name: cell[name] for name in COUNTED if name in cell}
        write(counted, versions)
    write(counted, versions)


def key_of(cell: dict[str, Any]) -> tuple:
    return tuple(cell[name] for name in KEYS)


def write(counted: Mapping[tuple, dict[str, Any]], versions: dict[str, str]) -> None:
    """The results, after every cell: what has been counted stays, whatever happens to the next."""
    keys = [key_of(cell) for cell in grid()]
    rows = [row(counted[key]) for key in keys if key in counted]
    errors = {phase: max((abs(line[phase]["error"]) for line in rows if phase in line), default=None) for phase in PHASES}
    answers = [line["fits_by_plan"] == line["fits"] for line in rows if line["enforced"]]
    result = {
        "date": date.today().isoformat(),
        "versions": versions,
        "what": "bytes counted by PyTorch's CUDA allocator over an emulated card (no GPU was used); no kernel computed, times mean nothing",
        "cells": f"{len(rows)} of {len(keys)}",
        "not_counted": [" ".join(map(str, key)) for key in keys if key not in counted],
        "largest_errors": errors,
        "same_answer_on_cards_that_refuse": f"{sum(answers)} of {len(answers)}",
        "rows": rows,
        "counted": [counted[key] for key in keys if key in counted],
    }
    OUT.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{result['cells']}; largest errors {errors}, same answers {sum(answers)} of {len(answers)}: {OUT}")


if __name__ == "__main__":
    main()

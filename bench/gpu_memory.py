"""The memory plan against PyTorch's own CUDA allocator over an emulated card.  python bench/gpu_memory.py [--minutes 60]

No GPU is needed: a driver without a card (tests/gpu_emulation/driver) accounts every allocation of a full-size model while the product
loads it, trains, validates and writes samples, and in a process of its own evaluates it and checks its export. What is already in
bench/results/gpu_memory.json under the same versions is kept, so that the grid can be counted in parts.
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
from datetime import date
from importlib.metadata import version
from itertools import cycle, groupby, product
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from gpu_emulation.driver import (  # noqa: E402
    Cell,
    build_driver,
    card_environment,
    write_hollow_adapter,
    write_hollow_base,
)

from tweetstyle.hardware.gpu import GIB, REPORTED, Card  # noqa: E402
from tweetstyle.model.hub import HUB, KNOWN  # noqa: E402
from tweetstyle.plan.advice import largest_that_fit  # noqa: E402
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
"""Phase of the plan → those of the count, of which the largest is compared. Counts named sampling and writing are of a former generator."""
MODELS, RANKS, CARDS = ("Llama 3.1 8B", "Llama 3 8B", "Llama 3.2 3B", "Llama 3.2 1B"), (32, 16, 64), (12, 8, 16, 24)
PACKS = ((2048, 1), (2048, 2), (2048, 4), (8192, 1), (16384, 1), (28672, 1))
SERIES = ("Llama 3.1 8B", 32)
"""Model and rank that are counted with every pack."""
RECIPES = {"llama3-8b-12gb": 12, "llama3.1-8b-long-12gb": 12, "llama3-8b-8gb": 8, "llama3.2-3b-6gb": 6}
KEYS = ("model", "card_gib", "enforced", "max_length", "batch", "r", "optim", "later")
AROUND = 0.02
"""On a card that refuses, lengths are tried that are so much shorter and longer than the longest that the plan lets fit."""


def grid() -> Iterator[dict[str, Any]]:
    """Every pair of model and card, model and rank, rank and card, and length and batch at least once, the most used ones first.

    The recipes on their cards, training and evaluation; a card of 12 GB for each model, on either side of the longest pack that the plan
    lets fit; one model with every pack, and every other model and rank with one of them in turn; the evaluation of each size on a small
    card and on a large one; the other cards as that of 12 GB. Cells that share a loaded model follow one another.
    """
    for recipe, sold in RECIPES.items():
        cell = of_recipe(read_recipe(ROOT / "recipes" / f"{recipe}.yaml"), REPORTED[sold])
        yield cell
        yield cell | {"later": True}
    yield from on_cards(12)
    packs = cycle(PACKS)
    for name, r in product(MODELS, RANKS):
        cell = {"model": name, "card_gib": ROOMY, "enforced": False, "r": r, "optim": "adamw_8bit", "later": False}
        possible = [pack for pack in PACKS if pack[0] <= KNOWN[name]["max_position_embeddings"]]
        chosen = possible if (name, r) == SERIES else [next(pack for pack in packs if pack in possible)]
        yield from (cell | {"max_length": length, "batch": batch} for length, batch in chosen)
    for name, card in (("Llama 3.1 8B", ROOMY), *product(MODELS[2:], (REPORTED[12], ROOMY))):
        cell = {"model": name, "card_gib": card, "enforced": card != ROOMY, "r": 32, "optim": "adamw_8bit"}
        yield cell | {"max_length": 2048, "batch": 1, "later": True}
    for sold in (8, 16, 24):
        yield from on_cards(sold)


def on_cards(sold: int) -> Iterator[dict[str, Any]]:
    """Each model on a card that refuses, with another rank on each."""
    for place, name in enumerate(MODELS):
        r = RANKS[(place + CARDS.index(sold)) % len(RANKS)]
        cell = {"model": name, "card_gib": REPORTED[sold], "enforced": True, "batch": 1, "r": r, "optim": "adamw_8bit", "later": False}
        yield from around_the_limit(cell)


def of_recipe(recipe: Recipe, card_gib: float) -> dict[str, Any]:
    name = next(known.name for known in HUB if known.directory == recipe.model.base)
    training = recipe.training
    sizes = {"max_length": training.max_length, "batch": training.per_device_train_batch_size, "r": recipe.model.lora.r}
    return {"model": name, "card_gib": card_gib, "enforced": True, "optim": training.optim, "later": False} | sizes


def around_the_limit(cell: dict[str, Any]) -> Iterator[dict[str, Any]]:
    positions = KNOWN[cell["model"]]["max_position_embeddings"]
    longest = largest_that_fit(KNOWN[cell["model"]], *settings_of(cell | {"max_length": 2048}), card_of(cell)).max_length
    for length in (round(longest * (1 - AROUND)), round(longest * (1 + AROUND))) if longest else (2048,):
        if length <= positions:
            yield cell | {"max_length": length}


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
    """Counts as many of the cells, in their order, as the time allows: a process over the emulated driver for each model that is loaded."""
    end = time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        environment = (
            os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"} | card_environment(build_driver(directory / "driver"))
        )
        for (module, _), group in groupby(cells, key=lambda cell: process_of(cell, directory)):
            together = list(group)
            (directory / "cells.json").write_text(json.dumps([settings_in(directory, cell) for cell in together]))
            out = directory / "out.jsonl"
            out.unlink(missing_ok=True)
            command = [sys.executable, "-m", f"gpu_emulation.driver.{module}", "cells.json", "out.jsonl"]
            try:
                subprocess.run(command, cwd=directory, env=environment, timeout=max(end - time.monotonic(), 1), check=True)
            except subprocess.TimeoutExpired:
                print(f"{minutes:g} minutes are over", file=sys.stderr)
            found = [json.loads(line) for line in out.read_text().splitlines()] if out.is_file() else []
            yield from (cell | counted for cell, counted in zip(together, found, strict=False))
            if time.monotonic() > end:
                return


def process_of(cell: dict[str, Any], directory: Path) -> tuple[str, Any]:
    """The module that counts the cell, and what cells that share a process have in common."""
    return ("counted_later", json.dumps(cell)) if cell["later"] else ("counted", Cell(**settings_in(directory, cell)).loads())


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
    standing = json.loads(OUT.read_text()) if OUT.is_file() else {}
    counted = [{"later": False} | cell for cell in standing["counted"]] if standing.get("versions") == versions else []
    cells = [cell for cell in not_in(counted) if re.search(asked.only, json.dumps(cell))]
    for cell in count(cells, asked.minutes):
        counted.append({key: cell[key] for key in (*KEYS, "peaks", "out_of_memory", "embeddings_in_ram", "left") if key in cell})
        write(counted, versions)
    write(counted, versions)


def not_in(counted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The cells of the grid that are not counted yet."""
    known = {tuple(cell[key] for key in KEYS) for cell in counted}
    return [cell for cell in grid() if tuple(cell[key] for key in KEYS) not in known]


def write(counted: list[dict[str, Any]], versions: dict[str, str]) -> None:
    """The results, after every cell: what has been counted stays, whatever happens to the next."""
    rows, left = [row(cell) for cell in counted], not_in(counted)
    errors = {phase: max((abs(line[phase]["error"]) for line in rows if phase in line), default=None) for phase in PHASES}
    answers = [line["fits_by_plan"] == line["fits"] for line in rows if line["enforced"]]
    result = {
        "date": date.today().isoformat(),
        "versions": versions,
        "what": "bytes counted by PyTorch's CUDA allocator over an emulated card (no GPU was used); no kernel computed, times mean nothing",
        "cells": f"{len(rows)} counted; of the grid's {sum(1 for _ in grid())} (grid in bench/gpu_memory.py) {len(left)} are not",
        "not_counted": [" ".join(str(cell[key]) for key in KEYS) for cell in left],
        "largest_errors": errors,
        "same_answer_on_cards_that_refuse": f"{sum(answers)} of {len(answers)}",
        "rows": rows,
        "counted": counted,
    }
    OUT.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{result['cells']}; largest errors {errors}, same answers {sum(answers)} of {len(answers)}: {OUT}")


if __name__ == "__main__":
    main()

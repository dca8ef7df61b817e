"""Memory of an export: what the plan says of it, and what it takes."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
from support.peak_memory import PEAK_MEMORY, PEAK_OWN_MEMORY, needs_peak_memory
from support.tiny_llama import write_adapter, write_llama

from bench.make_8b import config, make
from tweetstyle.model.base import BaseModel, read_base_model
from tweetstyle.plan.disk import LIBRARIES, memory_needed
from tweetstyle.recipe import Export

EXPORT = """
import os, sys
from pathlib import Path
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
from tweetstyle.model.base import read_base_model
from tweetstyle.export import export
from tweetstyle.export.blocks import library
from tweetstyle.recipe import Export, Sampling
from tweetstyle.prompt.template import build_template
base, types = read_base_model(Path(sys.argv[1])), tuple(sys.argv[4].split(","))
template = build_template("inst", "x", base.tokens)
library()
before = peak_memory()
export(base, Path(sys.argv[2]), template, Export(types=types), Sampling(), "x", Path(sys.argv[3]))
print(before, peak_memory())
"""


def peaks(measure: str, base: Path, adapter: Path, out: Path, types: str) -> tuple[int, int]:
    """Peak memory in bytes of an export in a fresh process: before it begins, and at its end."""
    command = [sys.executable, "-c", measure + EXPORT, str(base), str(adapter), str(out), types]
    before, after = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-2:]
    return int(before), int(after)


@pytest.fixture(scope="module")
def llama_8b(tmp_path_factory) -> BaseModel:
    """Llama 3 8B by its config.json, over a small directory's tokenizer: nothing here reads weights."""
    small = write_llama(tmp_path_factory.mktemp("8b") / "base")
    return dataclasses.replace(small, config=config(32, 4096, 128256))


def test_an_8b_needs_what_a_hand_calculation_says(llama_8b):
    needed = memory_needed(llama_8b, Export(types=("q4_k_m",)))
    # 4.92 GB is the size of every Llama 3 8B in Q4_K_M.
    assert needed["gate"] == pytest.approx(LIBRARIES + 4.92e9, rel=0.01)
    # The largest linear is 14,336 by 4,096.
    assert 24 * 14_336 * 4096 < needed["writing"] - LIBRARIES < 24 * 14_336 * 4096 + 700 * 2**20
    assert memory_needed(llama_8b, Export(types=("q4_k_m", "f16")))["gate"] == pytest.approx(LIBRARIES + 16.07e9, rel=0.01)


@needs_peak_memory
def test_no_more_is_taken_than_the_plan_says(tmp_path):
    base = write_llama(tmp_path / "base", hidden_size=1024, intermediate_size=4096, num_hidden_layers=4, max_position_embeddings=512)
    adapter = write_adapter(tmp_path / "adapter", base)
    _, peak = peaks(PEAK_OWN_MEMORY, base.path, adapter, tmp_path / "out", "q8_0")
    assert peak <= max(memory_needed(base, Export(types=("q8_0",))).values())


@needs_peak_memory
def test_memory_is_bounded_by_the_largest_tensor(tmp_path):
    """317 MB of weights in two shards, the largest tensor 131 MB as it is stored and 262 MB in float32."""
    stored = make(tmp_path, layers=2, width=1024, vocabulary=64000, shard_bytes=200 * 10**6)
    assert len(read_base_model(tmp_path / "base").shards) == 2 and stored > 2.4 * (largest := 2 * 64000 * 1024)
    before, peak = peaks(PEAK_MEMORY, tmp_path / "base", tmp_path / "adapter", tmp_path / "me", "f16,q8_0")
    assert peak - before < largest

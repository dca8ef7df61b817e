"""The memory that an export takes is planned before the training."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.peak_memory import PEAK_OWN_MEMORY, needs_peak_memory
from support.tiny_llama import write_adapter, write_llama

from bench.make_8b import config
from tweetstyle.model.base import BaseModel
from tweetstyle.plan.disk import LIBRARIES, memory_needed
from tweetstyle.recipe import Export

MERGE = f"""{PEAK_OWN_MEMORY}
import sys
from pathlib import Path
from tweetstyle.model.base import read_base_model
from tweetstyle.export import export
from tweetstyle.recipe import Export, Sampling
from tweetstyle.prompt.template import build_template
base, adapter = read_base_model(Path(sys.argv[1])), Path(sys.argv[2])
template = build_template("inst", "x", base.tokens)
export(base, adapter, template, Export(types=("q8_0",)), Sampling(), "x", Path(sys.argv[3]))
print(peak_memory())
"""


@pytest.fixture(scope="module")
def llama_8b(tmp_path_factory) -> BaseModel:
    """Llama 3 8B by its config.json, over a small directory's tokenizer: nothing here reads weights."""
    small = write_llama(tmp_path_factory.mktemp("8b") / "base")
    return BaseModel(
        small.path, config(32, 4096, 128256), small.shards, small.tokens, small.bos_id, small.eos_id, small.pad_id, small.pad_token
    )


def test_an_8b_needs_what_a_hand_calculation_says(llama_8b):
    needed = memory_needed(llama_8b, Export(types=("q4_k_m",)))
    # 4.92 GB is the size of every Llama 3 8B in Q4_K_M.
    assert needed["gate"] == pytest.approx(LIBRARIES + 4.92e9, rel=0.01)
    # The largest linear is 14,336 by 4,096.
    assert 24 * 14_336 * 4096 < needed["writing"] - LIBRARIES < 24 * 14_336 * 4096 + 700 * 2**20
    assert memory_needed(llama_8b, Export(types=("q4_k_m", "f16")))["gate"] == pytest.approx(LIBRARIES + 16.07e9, rel=0.01)


@needs_peak_memory
def test_no_more_is_taken_than_was_told(tmp_path):
    base = write_llama(tmp_path / "base", hidden_size=1024, intermediate_size=4096, num_hidden_layers=4, max_position_embeddings=512)
    adapter = write_adapter(tmp_path / "adapter", base)
    command = [sys.executable, "-c", MERGE, str(base.path), str(adapter), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[-1]) <= max(memory_needed(base, Export(types=("q8_0",))).values())

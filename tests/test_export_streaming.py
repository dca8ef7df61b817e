"""Reading, merging, quantising and writing go on at once, within little memory, and the bytes tell nothing of it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading

import numpy as np
import pytest
from support.peak_memory import PEAK_MEMORY, needs_peak_memory
from support.tiny_llama import write_adapter, write_llama

from bench.make_8b import make
from tweetstyle.errors import TweetstyleError
from tweetstyle.export import blocks, export
from tweetstyle.model.adapter import Delta
from tweetstyle.model.base import read_base_model
from tweetstyle.model.weight_files import StoredTensor
from tweetstyle.prompt.template import build_template
from tweetstyle.recipe import Export, Sampling

WIDE = {"hidden_size": 256, "intermediate_size": 512, "num_attention_heads": 4, "num_hidden_layers": 3}
TYPES = ("f32", "q8_0", "q4_k_m")


def run(base, directory, adapter=None, types=TYPES):
    return export(base, adapter, build_template("inst", "Nimzo", base.tokens), Export(types=types), Sampling(), "me", directory)


def digests(directory) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in directory.iterdir()}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """(base, adapter of rank 24, digests of the export): the ranks at which BLAS would sum otherwise on one thread and on two."""
    path = tmp_path_factory.mktemp("model")
    base = write_llama(path / "base", **WIDE)
    adapter = write_adapter(path / "adapter", base, r=24)
    return base, adapter, digests(run(base, path / "me", adapter).modelfile.parent)


# -- the same bytes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 7])
def test_the_bytes_do_not_depend_on_the_number_of_threads(model, tmp_path, monkeypatch, threads):
    base, adapter, expected = model
    monkeypatch.setattr(blocks, "cores", lambda: threads)
    monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", 30_000)
    assert digests(run(base, tmp_path / "me", adapter).modelfile.parent) == expected


IN_A_PROCESS = f"""{PEAK_MEMORY}
import os, sys
from pathlib import Path
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[4])])
from tweetstyle.model.base import read_base_model
from tweetstyle.export import export
from tweetstyle.export.blocks import library
from tweetstyle.recipe import Export, Sampling
from tweetstyle.prompt.template import build_template
base, template = read_base_model(Path(sys.argv[1])), None
template = build_template("inst", "Nimzo", base.tokens)
library()
before = peak_memory()
export(base, Path(sys.argv[2]), template, Export(types=tuple(sys.argv[5].split(","))), Sampling(), "me", Path(sys.argv[3]))
print(peak_memory() - before)
"""


def in_a_process(base, adapter, out, cores, types=TYPES) -> int:
    """Exports in a fresh process on so many cores; the bytes that its resident memory grew by at its peak."""
    arguments = [str(base.path), str(adapter), str(out), str(cores), ",".join(types)]
    return int(subprocess.run([sys.executable, "-c", IN_A_PROCESS, *arguments], capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize("r", [8, 300])
def test_the_adapters_product_does_not_depend_on_where_it_is_cut(r):
    generator = np.random.default_rng(0)
    delta = Delta(0.7, generator.standard_normal((r, 192), np.float32), generator.standard_normal((100, r), np.float32))
    whole = delta.rows(0, 100)
    for step in (1, 3, 64):
        assert np.array_equal(np.concatenate([delta.rows(i, min(step, 100 - i)) for i in range(0, 100, step)]), whole)
    expected = 0.7 * (delta.b.astype(np.float64) @ delta.a.astype(np.float64))
    assert np.abs(whole - expected).max() < 1e-6 * np.sqrt(r) * np.abs(expected).max()


# -- at once, within bounds ---------------------------------------------------------------------------------


@needs_peak_memory
def test_memory_is_bounded_by_the_largest_tensor(tmp_path):
    """317 MB of weights in two shards, the largest tensor 131 MB as it is stored and 262 MB in float32."""
    stored = make(tmp_path, layers=2, width=1024, vocabulary=64000, shard_bytes=200 * 10**6)
    base = read_base_model(tmp_path / "base")
    assert stored == base.weight_bytes - sum(8 + header_bytes(shard) for shard in base.shards) and len(base.shards) == 2
    largest = 2 * 64000 * 1024
    assert stored > 2.4 * largest
    assert in_a_process(base, tmp_path / "adapter", tmp_path / "me", cores=2, types=("f16", "q8_0")) < largest


def header_bytes(shard) -> int:
    with shard.open("rb") as stream:
        return int.from_bytes(stream.read(8), "little")


def test_what_goes_wrong_in_a_thread_is_one_message_and_no_thread_stays(model, tmp_path, monkeypatch):
    base, adapter, _ = model
    before, original = threading.active_count(), StoredTensor.read_bytes

    def failing(tensor, *args):
        if tensor.name == "model.layers.1.mlp.up_proj.weight":
            raise TweetstyleError("the file ends inside it", where=str(tensor.path))
        return original(tensor, *args)

    monkeypatch.setattr(StoredTensor, "read_bytes", failing)
    with pytest.raises(TweetstyleError, match="ends inside it"):
        run(base, tmp_path / "me", adapter)
    assert list(tmp_path.iterdir()) == [] and threading.active_count() == before

"""Every type that can be written is what llama.cpp's own quantiser makes of the same weights: types, bytes and metadata."""

from pathlib import Path

import gguf
import numpy as np
import pytest
from support.llama_quantize import LlamaQuantize
from support.tiny_llama import write_adapter, write_llama

from tweetstyle.export import export
from tweetstyle.model.llama import FILE_TYPES
from tweetstyle.prompt.template import build_template
from tweetstyle.recipe import Export, Sampling

pytestmark = pytest.mark.integration

LLAMA_31 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
SHAPES = {
    "rows of 256": ({"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 5}, {"F32", "Q4_K", "Q6_K"}),
    "some rows of 288": ({"hidden_size": 256, "intermediate_size": 288, "num_hidden_layers": 17}, {"F32", "Q4_K", "Q6_K", "Q5_0", "Q8_0"}),
}
"""Model → (its shape, the types in its q4_k_m)."""


@pytest.fixture(scope="module")
def quantize(tmp_path_factory) -> LlamaQuantize:
    try:
        return LlamaQuantize(tmp_path_factory.mktemp("llama_quantize"))
    except FileNotFoundError as error:
        pytest.skip(f"needs the sources that `make ollama` fetches: {error}")


def tensors(path: Path) -> dict[str, gguf.ReaderTensor]:
    return {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}


def metadata(path: Path) -> dict[str, object]:
    return {key: field.contents() for key, field in gguf.GGUFReader(path).fields.items()}


@pytest.mark.parametrize(("shape", "tied"), [("rows of 256", False), ("some rows of 288", True)])
def test_every_file_is_llama_cpps_own_of_the_same_weights(quantize, tmp_path, shape, tied):
    changes, kinds = SHAPES[shape]
    base = write_llama(tmp_path / "base", **changes, num_attention_heads=4, tie_word_embeddings=tied, rope_scaling=LLAMA_31)
    adapter = write_adapter(tmp_path / "adapter", base)
    template = build_template("inst", "Nimzo", base.tokens)
    exported = export(base, adapter, template, Export(types=tuple(FILE_TYPES)), Sampling(), "me", tmp_path / "me")
    assert {t.tensor_type.name for t in tensors(exported.gguf["q4_k_m"]).values()} == kinds
    for file_type, path in exported.gguf.items():
        quantize(exported.gguf["f32"], tmp_path / "theirs.gguf", FILE_TYPES[file_type])
        ours, theirs = tensors(path), tensors(tmp_path / "theirs.gguf")
        assert {n: t.tensor_type.name for n, t in ours.items()} == {n: t.tensor_type.name for n, t in theirs.items()}, file_type
        different = [n for n in ours if not np.array_equal(ours[n].data.view(np.uint8), theirs[n].data.view(np.uint8))]
        assert different == [], file_type
        assert metadata(path) == metadata(tmp_path / "theirs.gguf"), file_type
        (tmp_path / "theirs.gguf").unlink()

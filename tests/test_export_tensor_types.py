"""Each tensor gets the type that llama.cpp's own quantiser gives it."""

import math

import numpy as np
import pytest
from gguf import GGMLQuantizationType as Q

from tweetstyle.export.blocks import quantize
from tweetstyle.model.config import Shape
from tweetstyle.model.llama import TAKE_IMPORTANCE, Llama, tensor_plan, tensor_type, type_bytes


def llama(layers: int, hidden: int, wide: int, heads: int, key_heads: int, *, tied: bool = False) -> Llama:
    shape = Shape(hidden, layers, heads, hidden, key_heads * hidden // heads, wide, 128256, 8192, tied)
    return Llama(**vars(shape), rms_norm_eps=1e-5, rope_theta=500000.0, rope_scaling=None)


LLAMA_3_8B = llama(32, 4096, 14336, 32, 8)
SMOLLM2 = llama(30, 576, 1536, 9, 3, tied=True)
QUANTISED = [Q.F16, Q.BF16, Q.Q8_0, Q.Q4_K, Q.Q5_K, Q.Q6_K, Q.Q5_0, Q.Q5_1]


def types(file_type: str, llama: Llama) -> dict[str, Q]:
    return {t.name: tensor_type(file_type, t, llama) for t in tensor_plan(llama)}


def test_llama_3_8b_in_q4_k_m_is_what_llama_cpp_prints():
    """llama-quantize's own output for this shape: 193 tensors q4_K, 33 q6_K, 65 f32; 4.58 GiB of weights."""
    found = types("q4_k_m", LLAMA_3_8B)
    assert [sum(t == kind for t in found.values()) for kind in (Q.Q4_K, Q.Q6_K, Q.F32)] == [193, 33, 65]
    assert found["output.weight"] == Q.Q6_K and found["token_embd.weight"] == Q.Q4_K
    sixes = [layer for layer in range(32) if found[f"blk.{layer}.attn_v.weight"] == Q.Q6_K]
    assert sixes == [0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31]
    assert sixes == [layer for layer in range(32) if found[f"blk.{layer}.ffn_down.weight"] == Q.Q6_K]
    size = sum(type_bytes(found[t.name], t.shape) for t in tensor_plan(LLAMA_3_8B))
    assert round(size / 2**30, 2) == 4.58


@pytest.mark.parametrize(
    ("file_type", "bits", "gibibytes"),
    [("q4_k_m", 4.8944, 4.58), ("q5_k_m", 5.7036, 5.33), ("q6_k", 6.5633, 6.14), ("q8_0", 8.5008, 7.95), ("f16", 16.0005, 14.96)],
)
def test_llama_3_1_8b_takes_the_bits_a_weight_that_llama_cpp_lists(file_type, bits, gibibytes):
    """The table in llama.cpp's tools/quantize/README.md."""
    plan, found = list(tensor_plan(LLAMA_3_8B)), types(file_type, LLAMA_3_8B)
    size, weights = sum(type_bytes(found[t.name], t.shape) for t in plan), sum(math.prod(t.shape) for t in plan)
    assert round(size / 2**30, 2) == gibibytes and abs(8 * size / weights - bits) < 0.001


def test_smollm2s_rows_fall_back_where_256_does_not_divide_them():
    found = types("q4_k_m", SMOLLM2)
    assert found["token_embd.weight"] == Q.Q8_0 and "output.weight" not in found
    assert found["blk.0.attn_v.weight"] == Q.Q8_0 and found["blk.3.attn_v.weight"] == Q.Q5_0
    assert found["blk.3.attn_q.weight"] == Q.Q5_0 and found["blk.3.ffn_up.weight"] == Q.Q5_0
    # 1536 is a multiple of 256: ffn_down alone stays with K-quants.
    assert found["blk.0.ffn_down.weight"] == Q.Q6_K and found["blk.3.ffn_down.weight"] == Q.Q4_K


@pytest.mark.parametrize("kind", QUANTISED)
def test_the_bytes_are_those_of_another_build_of_ggml_also_where_errors_are_weighed(kind):
    """libgguf is a second package that compiles ggml's kernels."""
    import libgguf

    rows, importance = rows_of_many_sizes(), (10 ** np.random.default_rng(2).uniform(-1, 2, 1024)).astype(np.float32)
    for weights in [()] + [(importance,)] * (kind in TAKE_IMPORTANCE):
        expected = libgguf.quantize_rows(rows, kind, *weights)
        assert np.array_equal(quantize(rows, kind, *weights), np.ascontiguousarray(expected).view(np.uint8).reshape(-1))


def rows_of_many_sizes() -> np.ndarray:
    """[20, 1024]: ordinary weights, tiny and large ones, zeros, a lone outlier."""
    random = np.random.default_rng(0)
    rows = random.normal(0, 0.05, (20, 1024)).astype(np.float32)
    rows[3] *= 1e-6
    rows[4] *= 1e3
    rows[5] = 0
    rows[6, 17] = 50
    return rows

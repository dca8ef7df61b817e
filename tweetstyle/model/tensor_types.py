"""Which ggml type each tensor of a GGUF gets (llama-quant.cpp)."""

from __future__ import annotations

import math

from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, LlamaFileType

from tweetstyle.model.llama import Llama, Tensor

Q = GGMLQuantizationType

FILE_TYPES = {
    "f32": LlamaFileType.ALL_F32,
    "f16": LlamaFileType.MOSTLY_F16,
    "bf16": LlamaFileType.MOSTLY_BF16,
    "q8_0": LlamaFileType.MOSTLY_Q8_0,
    "q6_k": LlamaFileType.MOSTLY_Q6_K,
    "q5_k_m": LlamaFileType.MOSTLY_Q5_K_M,
    "q4_k_m": LlamaFileType.MOSTLY_Q4_K_M,
}
"""The recipe's name of a GGUF's type → llama.cpp's (the key general.file_type)."""

BASE_TYPES = {
    "f32": Q.F32,
    "f16": Q.F16,
    "bf16": Q.BF16,
    "q8_0": Q.Q8_0,
    "q6_k": Q.Q6_K,
    "q5_k_m": Q.Q5_K,
    "q4_k_m": Q.Q4_K,
}
MORE_BITS = {"q5_k_m": Q.Q6_K, "q4_k_m": Q.Q6_K}
"""What the mixtures give to the tensors that suffer most: attn_v and ffn_down in some layers. A K-quant of one type is none."""

WEIGHTED_TYPES = ("q6_k", "q5_k_m", "q4_k_m")
"""The recipe's types that are written with the importance matrix too."""

TAKE_IMPORTANCE = frozenset({Q.Q4_K, Q.Q5_K, Q.Q6_K, Q.Q5_0, Q.Q5_1})
"""Types whose quantisation weighs errors by an importance matrix where there is one: K-quants and their fallbacks but Q8_0."""

FALLBACKS = {Q.Q4_K: Q.Q5_0, Q.Q5_K: Q.Q5_1, Q.Q6_K: Q.Q8_0}
"""A row that is no multiple of a K-quant's 256 elements gets the next larger type with blocks of 32."""


def tensor_type(file_type: str, tensor: Tensor, llama: Llama) -> GGMLQuantizationType:
    """The type in which `tensor` is written into a GGUF of `file_type`. Vectors (norms, rope factors) stay in F32."""
    if len(tensor.shape) == 1:
        return Q.F32
    chosen = BASE_TYPES[file_type]
    if file_type in MORE_BITS:
        chosen = _mixture(file_type, tensor, llama)
    if tensor.shape[-1] % GGML_QUANT_SIZES[chosen][0]:
        chosen = FALLBACKS[chosen]
    return chosen


def _mixture(file_type: str, tensor: Tensor, llama: Llama) -> GGMLQuantizationType:
    part = tensor.name.split(".")[-2]
    # Where the embeddings are the output too, they get the output's type.
    if part == "output" or (part == "token_embd" and llama.tied):
        return Q.Q6_K
    if part in ("attn_v", "ffn_down") and more_bits(tensor.layer, llama.layers):
        return MORE_BITS[file_type]
    # llama.cpp's "70B": 80 layers with shared key heads, whose attn_v is small and much used.
    if part == "attn_v" and llama.layers == 80 and llama.heads != llama.kv_heads:
        return Q.Q5_K
    return BASE_TYPES[file_type]


def more_bits(layer: int, layers: int) -> bool:
    """The first and the last eighth of the layers, and every third between."""
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


def type_bytes(kind: GGMLQuantizationType, shape: tuple[int, ...]) -> int:
    """Bytes of a tensor of that shape in that type; rows are whole blocks."""
    block, block_bytes = GGML_QUANT_SIZES[kind]
    return math.prod(shape) // block * block_bytes

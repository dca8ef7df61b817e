"""A Llama for llama.cpp: its sizes, its tensors' names in HF and GGUF, their types."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, LlamaFileType

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import _
from tweetstyle.model.config import Shape, read_shape
from tweetstyle.model.hub import how_to_replace
from tweetstyle.model.weight_files import StoredTensor

ALIGNED_COLUMNS = 32
"""Elements of a block of ggml's Q8_0, Q5_0 and Q4_0: a row must be a multiple of it to be quantised at all."""

LAYER_TENSORS = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
"""Hugging Face's module names in a layer → llama.cpp's."""


@dataclass(frozen=True)
class RopeScaling:
    """Llama 3.1's scaling of the rotary frequencies (rope_type "llama3")."""

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_context: int


@dataclass(frozen=True)
class Llama(Shape):
    """A shape with the numbers of the norms and of the rotary positions."""

    rms_norm_eps: float
    rope_theta: float
    rope_scaling: RopeScaling | None

    @property
    def kv_heads(self) -> int:
        return self.key // self.head


def read_llama(config: dict[str, Any], where: Path) -> Llama:
    """The hyperparameters, with Hugging Face's defaults for what config.json leaves out.

    Raises TweetstyleError naming what llama.cpp's Llama cannot express.
    """
    shape = read_shape(config)
    # transformers 5 writes rope_parameters, older ones rope_theta and rope_scaling; some files have both, and rope_scaling wins.
    old, new = config.get("rope_scaling") or {}, config.get("rope_parameters") or {}
    thetas = {float(theta) for part in (old, new, config) if (theta := part.get("rope_theta")) is not None} or {10000.0}
    scaling = old or new
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    for what, hint in _problems(config, shape, thetas, kind):
        raise TweetstyleError(what, where=str(where / "config.json"), hint=hint)
    rope = None
    if kind == "llama3":
        factors = (float(scaling[key]) for key in ("factor", "low_freq_factor", "high_freq_factor"))
        rope = RopeScaling(*factors, scaling.get("original_max_position_embeddings") or config["max_position_embeddings"])
    return Llama(**vars(shape), rms_norm_eps=config.get("rms_norm_eps", 1e-6), rope_theta=thetas.pop(), rope_scaling=rope)


def _problems(config: dict[str, Any], shape: Shape, thetas: set[float], rope: str) -> Iterator[tuple[str, str]]:
    """What cannot be exported, and what to do."""
    another = _("use another base model: Llama 3, 3.1, 3.2 or SmolLM2")
    if (activation := config.get("hidden_act", "silu")) != "silu":
        yield _("the activation {name} is not Llama's", name=activation), another
    saved = config.get("quantization_config")
    if saved and not (saved.get("load_in_4bit") and saved.get("bnb_4bit_quant_type") == "nf4" and saved.get("bnb_4bit_use_double_quant")):
        hint = _("use its 16-bit weights, or bitsandbytes' NF4 with double quantisation")
        yield _("the base model was saved quantised ({method})", method=saved.get("quant_method", "?")), hint
    if len(thetas) > 1:
        values = ", ".join(f"{theta:g}" for theta in sorted(thetas))
        yield _("rope_theta has several values: {values}", values=values), _("keep the right one")
    if rope not in ("default", "llama3"):
        yield _("the rope scaling {name} is not supported", name=rope), another
    key_heads = config.get("num_key_value_heads") or shape.heads
    if shape.heads % key_heads or shape.head % 2:
        values = {"heads": shape.heads, "width": shape.head, "key_heads": key_heads}
        yield _("{heads} heads of width {width} cannot be divided among {key_heads} key heads", **values), another
    for name, width in (("hidden_size", shape.hidden), ("intermediate_size", shape.intermediate), ("heads·head_dim", shape.query)):
        if width % ALIGNED_COLUMNS:
            values = {"key": name, "value": width, "unit": ALIGNED_COLUMNS}
            yield _("{key} {value} is not a multiple of {unit}: such rows cannot be quantised", **values), another


@dataclass(frozen=True)
class Tensor:
    """One tensor to write. `shape` as numpy has it, rows first; `heads`: its rows are permuted head by head (rotary layout)."""

    name: str
    source: str
    shape: tuple[int, ...]
    layer: int | None = None
    heads: int | None = None


def tensor_plan(llama: Llama) -> Iterator[Tensor]:
    """Every tensor of the model in the order in which it is written. Tied embeddings have no output tensor."""
    heads = {"attn_q": llama.heads, "attn_k": llama.kv_heads}
    yield Tensor("token_embd.weight", "model.embed_tokens.weight", (llama.vocabulary, llama.hidden))
    for layer in range(llama.layers):
        for module, name in LAYER_TENSORS.items():
            shape = llama.linears.get(module.rpartition(".")[2], (llama.hidden,))
            yield Tensor(f"blk.{layer}.{name}.weight", f"model.layers.{layer}.{module}.weight", shape, layer, heads.get(name))
    yield Tensor("output_norm.weight", "model.norm.weight", (llama.hidden,))
    if not llama.tied:
        yield Tensor("output.weight", "lm_head.weight", (llama.vocabulary, llama.hidden))


def rope_factors(llama: Llama) -> np.ndarray | None:
    """[head/2] float32: what llama.cpp divides each rotary frequency by (its tensor rope_freqs); None without scaling.

    Source: Hugging Face's `_compute_llama3_parameters`: long wavelengths are slowed by `factor`, short ones kept.
    """
    if (scaling := llama.rope_scaling) is None:
        return None
    frequency = llama.rope_theta ** -(np.arange(0, llama.head, 2, dtype=np.float64) / llama.head)
    periods = scaling.original_context * frequency / (2 * math.pi)
    smooth = np.clip((periods - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor), 0, 1)
    return (1 / (smooth + (1 - smooth) / scaling.factor)).astype(np.float32)


def check_tensors(plan: list[Tensor], stored: dict[str, StoredTensor], where: Path) -> None:
    """Refuses weights that are not just those of the plan: a missing one, another shape, one that would be left out."""

    def refuse(what: str) -> TweetstyleError:
        hint = _("the weights do not match config.json: {what_to_do}", what_to_do=how_to_replace(where))
        return TweetstyleError(what, where=str(where), hint=hint)

    for tensor in plan:
        if tensor.source not in stored:
            raise refuse(_("the weight {name} is missing", name=tensor.source))
        if stored[tensor.source].shape != tensor.shape:
            shapes = {"found": list(stored[tensor.source].shape), "needed": list(tensor.shape)}
            raise refuse(_("{name} is {found}, not {needed}", name=tensor.source, **shapes))
    # A tied head may be stored once more, and old files keep the rotary frequencies, which follow from rope_theta.
    ignored = lambda name: name == "lm_head.weight" or name.endswith("rotary_emb.inv_freq")  # noqa: E731
    if left_out := [n for n in stored.keys() - {t.source for t in plan} if not ignored(n)]:
        raise refuse(_("the weight {name} does not belong to a Llama", name=min(left_out)))


Q = GGMLQuantizationType

BASE_TYPES = {
    "f32": Q.F32,
    "f16": Q.F16,
    "bf16": Q.BF16,
    "q8_0": Q.Q8_0,
    "q6_k": Q.Q6_K,
    "q5_k_m": Q.Q5_K,
    "q4_k_m": Q.Q4_K,
}
"""The recipe's name of a GGUF's type → the type of most of its tensors."""

FILE_TYPES = {name: LlamaFileType["ALL_F32" if name == "f32" else f"MOSTLY_{name.upper()}"] for name in BASE_TYPES}
"""The recipe's name of a GGUF's type → llama.cpp's (the key general.file_type)."""

MIXTURES = ("q5_k_m", "q4_k_m")
"""Types that give Q6_K to the tensors that suffer most: attn_v and ffn_down in some layers."""

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
    chosen = Q.Q6_K if file_type in MIXTURES and _suffers(tensor, llama) else BASE_TYPES[file_type]
    return FALLBACKS[chosen] if tensor.shape[-1] % GGML_QUANT_SIZES[chosen][0] else chosen


def _suffers(tensor: Tensor, llama: Llama) -> bool:
    part = tensor.name.split(".")[-2]
    # Where the embeddings are the output too, they get the output's type.
    if part == "output" or (part == "token_embd" and llama.tied):
        return True
    layer, layers = tensor.layer, llama.layers
    # The first and the last eighth of the layers, and every third between.
    return part in ("attn_v", "ffn_down") and (layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2)


def type_bytes(kind: GGMLQuantizationType, shape: tuple[int, ...]) -> int:
    """Bytes of a tensor of that shape in that type; rows are whole blocks."""
    block, block_bytes = GGML_QUANT_SIZES[kind]
    return math.prod(shape) // block * block_bytes

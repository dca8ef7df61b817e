"""A Llama's tensors by Hugging Face's and llama.cpp's names."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tweetstyle.errors import TweetstyleError
from tweetstyle.model.hub import how_to_replace
from tweetstyle.model.stored_tensors import StoredTensor

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
class Llama:
    """Hyperparameters; `head` is the width of one attention head."""

    layers: int
    hidden: int
    wide: int
    heads: int
    kv_heads: int
    head: int
    vocabulary: int
    context: int
    rms_norm_eps: float
    rope_theta: float
    rope_scaling: RopeScaling | None
    tied: bool

    def rope_factors(self) -> np.ndarray | None:
        """[head/2] float32: what llama.cpp divides each rotary frequency by (its tensor rope_freqs); None without scaling.

        Source: Hugging Face's `_compute_llama3_parameters`, Meta's `apply_scaling`: long wavelengths are slowed by
        `factor`, short ones kept, those between interpolated.
        """
        if (scaling := self.rope_scaling) is None:
            return None
        frequency = self.rope_theta ** -(np.arange(0, self.head, 2, dtype=np.float64) / self.head)
        turns = scaling.original_context * frequency / (2 * math.pi)
        smooth = (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor)
        smooth = np.clip(smooth, 0, 1)
        return (1 / (smooth + (1 - smooth) / scaling.factor)).astype(np.float32)


@dataclass(frozen=True)
class Tensor:
    """One tensor to write. `shape` as numpy has it, rows first; `heads`: its rows are permuted head by head (rotary layout)."""

    name: str
    source: str
    shape: tuple[int, ...]
    layer: int | None = None
    heads: int | None = None


def read_llama(config: dict[str, Any], where: Path) -> Llama:
    """The hyperparameters, with Hugging Face's defaults for what config.json leaves out.

    Raises TweetstyleError naming what llama.cpp's Llama cannot express.
    """

    def refuse(what: str, hint: str) -> TweetstyleError:
        return TweetstyleError(what, where=str(where / "config.json"), hint=hint)

    if (activation := config.get("hidden_act", "silu")) != "silu":
        raise refuse(f"the activation {activation} is not Llama's", "use a model with hidden_act: silu")
    if config.get("is_causal", True) is not True:
        raise refuse("is_causal is not true: each token would see those after it", "use a model that writes from left to right")
    for key in ("per_layer_config", "text_config"):
        if config.get(key):
            raise refuse(f"{key} is not Llama's", "use another base model")
    if not isinstance(config.get("tie_word_embeddings", False), bool):
        raise refuse(f"tie_word_embeddings is {config['tie_word_embeddings']!r}", "write true or false")
    saved = config.get("quantization_config")
    if saved and not (saved.get("load_in_4bit") and saved.get("bnb_4bit_quant_type") == "nf4" and saved.get("bnb_4bit_use_double_quant")):
        hint = "use its 16-bit weights, or bitsandbytes' NF4 with double quantisation"
        raise refuse(f"the base model was saved quantised ({saved.get('quant_method', 'unknown')})", hint)
    again = how_to_replace(where, "config.json")
    theta, scaling = _rope(config, refuse, again)
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    kv_heads = config.get("num_key_value_heads") or heads
    head = config.get("head_dim") or hidden // heads
    if heads % kv_heads or head % 2:
        raise refuse(f"{heads} heads of {head} over {kv_heads} key heads do not divide", again)
    if not isinstance(config.get("intermediate_size"), int):
        raise refuse("intermediate_size is missing", again)
    for name, width in (("hidden_size", hidden), ("intermediate_size", config["intermediate_size"]), ("heads·head_dim", heads * head)):
        if width % ALIGNED_COLUMNS:
            raise refuse(f"{name} {width} is no multiple of {ALIGNED_COLUMNS}", "such rows cannot be quantised: use another base model")
    return Llama(
        layers=config["num_hidden_layers"],
        hidden=hidden,
        wide=config["intermediate_size"],
        heads=heads,
        kv_heads=kv_heads,
        head=head,
        vocabulary=config["vocab_size"],
        context=config["max_position_embeddings"],
        rms_norm_eps=config.get("rms_norm_eps", 1e-6),
        rope_theta=theta,
        rope_scaling=scaling,
        tied=bool(config.get("tie_word_embeddings", False)),
    )


def _rope(config: dict[str, Any], refuse, again: str) -> tuple[float, RopeScaling | None]:
    """transformers 5 writes rope_parameters, older ones rope_theta and rope_scaling; some files have both, and rope_scaling wins."""
    new, old = config.get("rope_parameters") or {}, config.get("rope_scaling") or {}
    if any(isinstance(value, dict) for value in (*new.values(), *old.values())):
        raise refuse("the rope parameters are given for each kind of layer, and a Llama has one", "use another base model")
    thetas = {float(t) for t in (new.get("rope_theta"), old.get("rope_theta"), config.get("rope_theta")) if t is not None}
    if len(thetas) > 1:
        raise refuse(f"rope_theta is given twice, as {' and '.join(f'{t:g}' for t in sorted(thetas))}", "keep the right one")
    theta = thetas.pop() if thetas else 10000.0
    scaling = old or new
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind not in ("default", "llama3"):
        raise refuse(f"the rope scaling {kind} is not supported", "use a model without it, or with Llama 3.1's")
    if any(r.get("partial_rotary_factor", 1.0) != 1.0 for r in (config, new, old)):
        raise refuse("partial_rotary_factor is not Llama's", "use another base model")
    if kind == "default":
        return theta, None
    try:
        original = scaling.get("original_max_position_embeddings") or config["max_position_embeddings"]
        numbers = [float(scaling[key]) for key in ("factor", "low_freq_factor", "high_freq_factor")]
    except (KeyError, TypeError, ValueError) as error:
        raise refuse(f"the llama3 rope scaling lacks {error}", again) from error
    if (outer := config.get("original_max_position_embeddings")) not in (None, original):
        what = f"original_max_position_embeddings is given twice, as {outer} and {original}"
        raise refuse(what, "keep the one in the rope scaling alone")
    return theta, RopeScaling(*numbers, original)


def tensor_plan(llama: Llama) -> Iterator[Tensor]:
    """Every tensor of the model in the order in which it is written. Tied embeddings have no output tensor."""
    hidden, query, key = llama.hidden, llama.heads * llama.head, llama.kv_heads * llama.head
    shapes = {
        "attn_norm": (hidden,), "attn_q": (query, hidden), "attn_k": (key, hidden), "attn_v": (key, hidden),
        "attn_output": (hidden, query), "ffn_norm": (hidden,), "ffn_gate": (llama.wide, hidden),
        "ffn_up": (llama.wide, hidden), "ffn_down": (hidden, llama.wide),
    }  # fmt: skip
    heads = {"attn_q": llama.heads, "attn_k": llama.kv_heads}
    yield Tensor("token_embd.weight", "model.embed_tokens.weight", (llama.vocabulary, hidden))
    for layer in range(llama.layers):
        for module, name in LAYER_TENSORS.items():
            source = f"model.layers.{layer}.{module}.weight"
            yield Tensor(f"blk.{layer}.{name}.weight", source, shapes[name], layer, heads.get(name))
    yield Tensor("output_norm.weight", "model.norm.weight", (hidden,))
    if not llama.tied:
        yield Tensor("output.weight", "lm_head.weight", (llama.vocabulary, hidden))


def check_tensors(plan: list[Tensor], stored: dict[str, StoredTensor], where: Path) -> None:
    """Refuses weights that are not just those of the plan: a missing one, another shape, one that would be left out."""

    def refuse(what: str) -> TweetstyleError:
        return TweetstyleError(what, where=str(where), hint=f"the weights are not those of config.json; {how_to_replace(where)}")

    for tensor in plan:
        if tensor.source not in stored:
            raise refuse(f"the weight {tensor.source} is missing")
        if stored[tensor.source].shape != tensor.shape:
            raise refuse(f"{tensor.source} is {list(stored[tensor.source].shape)}, not {list(tensor.shape)}")
    # A tied head may be stored once more, and old files keep the rotary frequencies, which follow from rope_theta.
    ignored = lambda name: name == "lm_head.weight" or name.endswith("rotary_emb.inv_freq")  # noqa: E731
    if left_out := [n for n in stored.keys() - {t.source for t in plan} if not ignored(n)]:
        raise refuse(f"the weight {min(left_out)} is none of a Llama's")

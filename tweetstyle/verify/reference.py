"""A Llama in float32, streamed layer by layer: what merged weights predict.

Written out here instead of taken from transformers: one layer is in memory at a time, so that an 8B needs 2 GB and not 32, and
Unsloth, which rewrites transformers in the process that trains, cannot have touched it. Tests hold it against Hugging Face.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tweetstyle.inference.likelihood import batches
from tweetstyle.inference.prefixes import first_scored
from tweetstyle.model.adapter import read_adapter
from tweetstyle.model.base import BaseModel
from tweetstyle.model.llama import LAYER_TENSORS, Llama, check_tensors, read_llama, tensor_plan
from tweetstyle.model.nf4 import nf4_as_trained, only_nf4, read_weights
from tweetstyle.model.stored_tensors import StoredTensor
from tweetstyle.model.tokenizer import Encoded
from tweetstyle.plan.phases import HEAD_BYTES

if TYPE_CHECKING:
    import torch

BATCH_TOKENS = 1024
"""Positions in one pass through a layer."""


class MergedWeights:
    """The weights with the adapter added, W + scale·B·A in float32, read when they are needed.

    nf4: nf4.record of a training in 4 bits; where given, W is what these left of the stored weights. A base that was saved in 4 bits
    is taken as it is: quantised a second time it would be another.
    Raises TweetstyleError for weights or an adapter that do not fit config.json.
    """

    def __init__(self, base: BaseModel, adapter: Path | None, nf4: dict[str, dict[str, Any]] | None = None) -> None:
        self.llama = read_llama(base.config, base.path)
        plan = list(tensor_plan(self.llama))
        self.stored = read_weights(base.shards)
        check_tensors(plan, self.stored, base.path)
        if nf4 is not None and not only_nf4(self.stored):
            self.stored = nf4_as_trained(self.stored, plan, nf4)
        self._adapter = read_adapter(adapter, plan) if adapter else None

    def __call__(self, name: str) -> np.ndarray:
        """float32, in the shape that the weight is stored in."""
        stored = self.stored[name]
        weight = stored.read().reshape(stored.shape)
        delta = self._adapter.delta(name) if self._adapter else None
        return weight if delta is None else weight + np.float32(delta.scale) * (delta.b @ delta.a)


class Reference:
    """The last hidden states of some documents, from which `logits` makes predictions on demand.

    documents: their scored positions alone are kept, [positions, hidden]. advance: called with the number of layers just done.
    """

    def __init__(self, weights: MergedWeights, documents: Sequence[Encoded], advance: Callable[[int], None] = lambda layers: None) -> None:
        import torch

        self.llama, self.documents = weights.llama, documents
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        with torch.inference_mode():
            self._hidden = self._run(weights, advance)
        self._head = weights.stored["model.embed_tokens.weight" if self.llama.tied else "lm_head.weight"]
        self._raw = self._head.read_bytes()  # as stored: half of what float32 would take

    def logits(self, indices: Sequence[int]) -> list[np.ndarray]:
        """float32 [scored tokens, vocabulary] for each of these documents: predictions of each token from those before it."""
        import torch

        hidden = torch.cat([self._hidden[index] for index in indices])
        step = max(1, HEAD_BYTES // (4 * self.llama.hidden))
        row_bytes = len(self._raw) // self._head.rows
        pieces = []
        for first in range(0, self._head.rows, step):
            rows = self._head.to_float32(self._raw[first * row_bytes : (first + step) * row_bytes])
            pieces.append((hidden @ torch.from_numpy(rows).to(self._device).T).cpu())
        lengths = [len(self._hidden[index]) for index in indices]
        return [part.numpy() for part in torch.cat(pieces, dim=-1).split(lengths)]

    def _run(self, weights: MergedWeights, advance: Callable[[int], None]) -> list[torch.Tensor]:
        groups = list(batches([len(d.ids) for d in self.documents], BATCH_TOKENS))
        states = self._embedded(weights.stored["model.embed_tokens.weight"], groups)
        for layer in range(self.llama.layers):
            names = {name: f"model.layers.{layer}.{name}.weight" for name in LAYER_TENSORS}
            run = DecoderLayer(self.llama, {name: self._tensor(weights, full) for name, full in names.items()})
            states = [run(state) for state in states]
            del run  # before the next one is read
            advance(1)
        norm = self._tensor(weights, "model.norm.weight")
        kept: dict[int, torch.Tensor] = {}
        for group, state in zip(groups, states, strict=True):
            for row, index in enumerate(group):
                document = self.documents[index]
                span = slice(first_scored(document) - 1, len(document.ids) - 1)
                kept[index] = rms_norm(state[row, span], norm, self.llama.rms_norm_eps)
        return [kept[index] for index in range(len(self.documents))]

    def _embedded(self, stored: StoredTensor, groups: list[list[int]]) -> list[torch.Tensor]:
        """[batch, positions, hidden] for each group; only rows that occur are kept of the whole matrix."""
        import torch

        used = np.unique([token for document in self.documents for token in document.ids])
        rows = np.concatenate([stored.read(int(token), 1) for token in used])
        states = []
        for group in groups:
            width = max(len(self.documents[i].ids) for i in group)
            ids = np.full((len(group), width), used[0])
            for row, index in enumerate(group):
                ids[row, : len(self.documents[index].ids)] = self.documents[index].ids
            states.append(torch.from_numpy(rows[np.searchsorted(used, ids)]).to(self._device))
        return states

    def _tensor(self, weights: MergedWeights, name: str) -> torch.Tensor:
        import torch

        return torch.from_numpy(weights(name)).to(self._device)


class DecoderLayer:
    """One decoder layer. Padding is on the right, where causal attention does not reach."""

    def __init__(self, llama: Llama, weights: dict[str, torch.Tensor]) -> None:
        self.llama = llama
        self.norms = [weights["input_layernorm"], weights["post_attention_layernorm"]]
        self.q, self.k, self.v, self.o = (weights[f"self_attn.{name}_proj"] for name in "qkvo")
        self.gate, self.up, self.down = (weights[f"mlp.{name}_proj"] for name in ("gate", "up", "down"))

    def __call__(self, state: torch.Tensor) -> torch.Tensor:
        """[batch, positions, hidden] → the same."""
        import torch

        eps = self.llama.rms_norm_eps
        state = state + self._attention(rms_norm(state, self.norms[0], eps))
        normed = rms_norm(state, self.norms[1], eps)
        return state + (torch.nn.functional.silu(normed @ self.gate.T) * (normed @ self.up.T)) @ self.down.T

    def _attention(self, state: torch.Tensor) -> torch.Tensor:
        import torch

        batch, positions, _ = state.shape
        heads = lambda matrix: (state @ matrix.T).view(batch, positions, -1, self.llama.head).transpose(1, 2)  # noqa: E731
        cos, sin = (table.to(state.device) for table in rotary(self.llama, positions))
        query, key, value = rotate(heads(self.q), cos, sin), rotate(heads(self.k), cos, sin), heads(self.v)
        shared = self.llama.heads // self.llama.kv_heads
        key, value = key.repeat_interleave(shared, 1), value.repeat_interleave(shared, 1)
        mixed = torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return mixed.transpose(1, 2).reshape(batch, positions, -1) @ self.o.T


def rms_norm(state: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    return weight * state * (state.square().mean(-1, keepdim=True) + eps).rsqrt()


def rotary(llama: Llama, positions: int) -> tuple[torch.Tensor, torch.Tensor]:
    """cos and sin [positions, head], each frequency twice: Hugging Face's layout, in which a head's halves turn together."""
    import torch

    frequency = llama.rope_theta ** -(torch.arange(0, llama.head, 2, dtype=torch.float64) / llama.head)
    if (scaling := llama.rope_scaling) is not None:
        # Meta's apply_scaling: long waves are slowed by `factor`, short ones kept, those between interpolated.
        turns = scaling.original_context * frequency / (2 * math.pi)
        kept = ((turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor)).clamp(0, 1)
        frequency = kept * frequency + (1 - kept) * frequency / scaling.factor
    angles = torch.outer(torch.arange(positions, dtype=torch.float64), frequency).repeat(1, 2)
    return angles.cos().float(), angles.sin().float()


def rotate(heads: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    import torch

    first, second = heads.chunk(2, -1)
    return heads * cos + torch.cat([-second, first], -1) * sin

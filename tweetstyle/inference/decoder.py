"""Batched generation with a KV cache; a shared prefix is stored once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tweetstyle.inference.forward import input_device
from tweetstyle.model.config import read_shape

if TYPE_CHECKING:
    import torch

PASS_TOKENS = 128
"""Tokens of a prompt in one pass, of all rows together: the scores of its attention stay small."""


@dataclass(frozen=True)
class SharedPrefix:
    """What prompts begin with, read once. ids: its tokens; keys, values: [layers, key heads, len(ids), head]."""

    ids: list[int]
    keys: torch.Tensor
    values: torch.Tensor


class BatchedCache:
    """Rows of tokens side by side, each with its own keys and values behind those of a shared prefix, which is stored once.

    The model's own layers are called, with whatever PEFT or bitsandbytes made of them. Attention and cache are here: those of
    transformers copy a prefix for each row and at each token, and Unsloth replaces them while it trains.
    """

    def __init__(self, model: Any, count: int, width: int, prefix: SharedPrefix | None = None) -> None:
        """width: tokens of the longest row, the prefix not counted."""
        import torch

        self.model = (model.get_base_model() if hasattr(model, "get_base_model") else model).model
        shape = read_shape(model.config.to_dict())
        self.head, self.key_heads, self.prefix = shape.head, shape.key // shape.head, prefix
        self.device = input_device(model)
        size = 2, shape.layers, count, self.key_heads, width, shape.head
        # Zeros: what is masked must be a number, for nothing times no number is none.
        self.keys, self.values = torch.zeros(size, dtype=self.model.embed_tokens.weight.dtype, device=self.device)

    def prompts(self, prompts: Sequence[Sequence[int]]) -> torch.Tensor:
        """Reads a prompt into each row; its last hidden state [rows, hidden], which predicts what follows."""
        import torch

        last: dict[int, torch.Tensor] = {}
        step = max(1, PASS_TOKENS // len(prompts))
        for start in range(0, max(map(len, prompts)), step):
            parts = [list(prompt[start : start + step]) for prompt in prompts]
            width = max(map(len, parts))
            # Padding is overwritten by the row's next tokens before any of them sees it.
            hidden = self.read([part + [0] * (width - len(part)) for part in parts], [start] * len(parts))
            ended = {row: len(prompt) - 1 - start for row, prompt in enumerate(prompts) if start < len(prompt) <= start + width}
            last |= {row: hidden[row, place] for row, place in ended.items()}
        return torch.stack([last[row] for row in range(len(prompts))])

    def read(self, ids: Sequence[Sequence[int]], starts: Sequence[int]) -> torch.Tensor:
        """Hidden states [rows, n, hidden] of the next n ids of the first rows. starts: tokens that each has so far."""
        import torch

        tokens, begun = (torch.tensor(given, device=self.device) for given in (ids, starts))
        rows, n = tokens.shape
        places = begun[:, None] + torch.arange(n, device=self.device)
        used = max(starts) + n
        hides = torch.arange(used, device=self.device) > places[:, :, None]
        rotary = self._angles(places)
        slots = torch.arange(rows, device=self.device)[:, None]
        x = self.model.embed_tokens(tokens)
        for number, layer in enumerate(self.model.layers):
            attention, keys, values = layer.self_attn, self.keys[number, :rows], self.values[number, :rows]
            h = layer.input_layernorm(x).to(x.dtype)
            q, k, v = (part(h).view(rows, n, -1, self.head) for part in (attention.q_proj, attention.k_proj, attention.v_proj))
            keys[slots, :, places], values[slots, :, places] = _apply_rotary(k, *rotary).to(keys.dtype), v.to(values.dtype)
            seen = self._attend(number, _apply_rotary(q, *rotary).to(x.dtype), hides, used)
            x = x + attention.o_proj(seen).to(x.dtype)
            x = x + layer.mlp(layer.post_attention_layernorm(x).to(x.dtype)).to(x.dtype)
        return self.model.norm(x).to(x.dtype)

    def move(self, source: int, to: int) -> None:
        """Row `source` takes the place of row `to`, which has ended: the rows that go on stay the first ones."""
        if source != to:
            self.keys[:, to], self.values[:, to] = self.keys[:, source], self.values[:, source]

    def as_shared_prefix(self, ids: Sequence[int]) -> SharedPrefix:
        """The first row, once it has read just these ids."""
        return SharedPrefix(list(ids), self.keys[:, 0], self.values[:, 0])

    def _angles(self, places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosine and sine [rows, n, 1, head] of rotary positions, in fp32; transformers and Unsloth keep both tensors by these names."""
        rotary, before = self.model.rotary_emb, len(self.prefix.ids) if self.prefix else 0
        angles = (places + before)[:, :, None, None].float() * rotary.inv_freq.float().to(self.device).repeat(2)
        return angles.cos() * rotary.attention_scaling, angles.sin() * rotary.attention_scaling

    def _attend(self, number: int, q: torch.Tensor, hides: torch.Tensor, used: int) -> torch.Tensor:
        """What the queries [rows, n, heads, head] read of a layer: [rows, n, heads * head]."""
        import torch

        rows, n, heads, head = q.shape
        keys, values = self.keys[number, :rows, :, :used], self.values[number, :rows, :, :used]
        # [rows, key heads, queries of all heads that share a key head, head]
        q = (q * head**-0.5).transpose(1, 2).reshape(rows, self.key_heads, -1, head)
        scores = (q @ keys.transpose(2, 3)).view(rows, self.key_heads, -1, n, used)
        scores = scores.masked_fill_(hides[:, None, None], -torch.inf).view(rows, self.key_heads, -1, used)
        if self.prefix is None:
            seen = scores.float().softmax(-1).to(q.dtype) @ values
        else:
            # All rows in one product with the prefix's keys, and then with its values.
            before = q.transpose(0, 1).flatten(1, 2) @ self.prefix.keys[number].transpose(1, 2)
            before = before.view(self.key_heads, rows, -1, before.shape[-1]).transpose(0, 1)
            shares = torch.cat([before, scores], -1).float().softmax(-1).to(q.dtype)
            of_before, of_own = shares.split([before.shape[-1], used], -1)
            common = of_before.transpose(0, 1).flatten(1, 2) @ self.prefix.values[number]
            seen = of_own @ values + common.view(self.key_heads, rows, -1, head).transpose(0, 1)
        return seen.reshape(rows, heads, n, head).transpose(1, 2).reshape(rows, n, heads * head)


def _apply_rotary(x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    """Rotary positions, in the layout of Hugging Face's Llama: the halves of a head are the two parts of its pairs."""
    import torch

    first, second = x.chunk(2, dim=-1)
    return x * cosine + torch.cat([-second, first], dim=-1) * sine

"""Attention of packed documents on a CPU: each document by itself, in fp32."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

EACH_BY_ITSELF = "each_document_by_itself"
"""Name of the attention in transformers' registry."""


def register() -> str:
    """Makes the attention known to transformers; its name, for `attn_implementation`."""
    from transformers import AttentionInterface

    AttentionInterface.register(EACH_BY_ITSELF, attend)
    return EACH_BY_ITSELF


def attend(
    _module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, _mask: None, **context: Any
) -> tuple[torch.Tensor, None]:
    """Causal attention within each document of the rows: [rows, n, heads, head], and no weights.

    A row of packed documents costs the squares of their lengths, not that of the row's. In fp32 also under autocast, in which the
    rotary positions leave queries and keys: PyTorch's backward pass in bfloat16 takes three times as long on a CPU. What is seen has
    the type of the values, as by PyTorch's own attention.

    Args:
        query: [rows, heads, n, head]; key and value: [rows, key heads, n, head].
        context: `scaling` of the scores, and `position_ids` [1, n], 0 where a document begins, the same in all rows.
    """
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    begins = (context["position_ids"][0] == 0).nonzero().flatten().tolist()
    lengths = [after - before for before, after in pairwise([*begins, query.shape[2]])]
    settings = {"is_causal": True, "scale": context["scaling"], "enable_gqa": True}
    documents = zip(*(whole.float().split(lengths, dim=2) for whole in (query, key, value)), strict=True)
    with torch.autocast("cpu", enabled=False):
        seen = [scaled_dot_product_attention(*each, **settings).transpose(1, 2) for each in documents]
    return torch.cat(seen, dim=1).to(value.dtype), None

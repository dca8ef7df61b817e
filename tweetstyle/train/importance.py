"""Collects the importance matrix of the trained model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from tweetstyle.inference.forward import input_device
from tweetstyle.inference.likelihood import batches
from tweetstyle.model.imatrix import Imatrix
from tweetstyle.model.tokenizer import Encoded

if TYPE_CHECKING:
    import torch

BATCH_TOKENS = 1024
CHUNK = 512
"""llama.cpp's own default for a chunk, in tokens. Tweets are far shorter: here it only says how much was seen."""

SHARED_INPUTS = {
    "self_attn.q_proj": ("attn_q", "attn_k", "attn_v"),
    "self_attn.o_proj": ("attn_output",),
    "mlp.gate_proj": ("ffn_gate", "ffn_up"),
    "mlp.down_proj": ("ffn_down",),
}
"""A layer's linear → the tensors of the GGUF that read the same input. llama.cpp orders the rows of attn_q and attn_k
otherwise, which are outputs: the columns, which are inputs, stay."""


def collect(model: Any, documents: Sequence[Encoded], advance: Callable[[int], None] = lambda tokens: None) -> Imatrix:
    """Sums of squared inputs over all tokens of the documents, prompt included, as llama.cpp's imatrix tool counts them.

    model: a LlamaForCausalLM of transformers, plain, in 4 bits or with an adapter (the base_layer's input is the adapted linear's).
    advance: called with the number of tokens just read.
    """
    import torch

    sums: dict[str, torch.Tensor] = {}
    real: list[torch.Tensor] = []
    device = input_device(model)
    with torch.inference_mode(), _hooks(model, sums, real):
        for batch in batches([len(d.ids) for d in documents], BATCH_TOKENS):
            chosen = [documents[index] for index in batch]
            ids = torch.zeros(len(chosen), max(len(d.ids) for d in chosen), dtype=torch.long)
            mask = torch.zeros_like(ids)
            for row, document in enumerate(chosen):
                ids[row, : len(document.ids)] = torch.tensor(document.ids)
                mask[row, : len(document.ids)] = 1
            # Counted in RAM: an index by a mask on the card would wait for the card in every layer.
            real[:] = [mask.flatten().nonzero().flatten().to(device)]
            ids, mask = ids.to(device), mask.to(device)
            # The output matrix reads the hidden states of every position; its own product is not needed.
            hidden = model.model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
            _add(sums, "output", hidden.flatten(0, 1)[real[0]])
            advance(int(mask.sum()))
    tied = model.lm_head.weight is model.model.embed_tokens.weight
    names = {name: ("token_embd.weight" if tied else "output.weight") if name == "output" else name for name in sums}
    count = sum(len(document.ids) for document in documents)
    return Imatrix({names[n]: s.cpu().numpy().astype(np.float32) for n, s in sums.items()}, count, CHUNK, ("training tweets",))


@contextmanager
def _hooks(model: Any, sums: dict[str, torch.Tensor], real: list[torch.Tensor]) -> Iterator[None]:
    """real: holds the flat indices of the current batch that are no padding."""
    handles = []
    for number, layer in enumerate(model.model.layers):
        for path, tensors in SHARED_INPUTS.items():
            names = [f"blk.{number}.{tensor}.weight" for tensor in tensors]

            def hook(_module: Any, inputs: tuple[torch.Tensor, ...], names: list[str] = names) -> None:
                for name in names:
                    _add(sums, name, inputs[0].flatten(0, 1)[real[0]])

            handles.append(layer.get_submodule(path).register_forward_pre_hook(hook))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _add(sums: dict[str, torch.Tensor], name: str, inputs: torch.Tensor) -> None:
    """inputs: [tokens, columns]. The squares in float32, as llama.cpp has them; their sums in float64, where it loses digits."""
    squares = inputs.float().square().double().sum(0)
    sums[name] = sums[name] + squares if name in sums else squares

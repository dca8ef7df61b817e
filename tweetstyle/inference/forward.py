"""Forward passes of a loaded Llama: devices, hidden states, token losses in slices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

BATCH_TOKENS = 1024
"""Padded tokens in one forward pass of the validation during training, and of the importance matrix."""
SLICE_BYTES = 128 * 2**20
"""Bytes of logits held at once. The head is applied to the positions that carry loss, in slices of at most this size."""
BYTES_PER_LOGIT = 2 + 4 + 4
"""The head's own 16 bits, their fp32 copy, and the log-softmax that cross_entropy makes of it (a head in fp32 needs 2 × 4)."""


def positions_per_slice(vocabulary: int, slice_bytes: int = SLICE_BYTES) -> int:
    """Positions whose logits, over a vocabulary of this size, fit in `slice_bytes`; at least 1."""
    return max(1, slice_bytes // (BYTES_PER_LOGIT * vocabulary))


def input_device(model: Any) -> torch.device:
    """The device for token ids: the accelerator, even where Unsloth keeps the embeddings in RAM and moves the ids itself; else the CPU."""
    import torch

    return next((p.device for p in model.parameters() if p.device.type != "cpu"), torch.device("cpu"))


def logits_device(model: Any) -> torch.device:
    """The device of the logits: the head's, wherever the hidden states are."""
    return model.get_output_embeddings().weight.device


def last_hidden_states(model: Any, ids: torch.Tensor) -> torch.Tensor:
    """What the head reads [rows, positions, hidden] for padded ids [rows, positions], without a cache.

    The whole model is called, not its decoder: accelerate's autocast and Unsloth's causal mask are made there. Its own head gets
    one position, since the logits of a batch can be larger than the model.
    """
    caught: list[torch.Tensor] = []

    def keep(_module: Any, _arguments: Any, output: Any) -> Any:
        caught.append(output.last_hidden_state)
        output.last_hidden_state = output.last_hidden_state[:1, :1]
        return output

    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    handle = causal.model.register_forward_hook(keep)
    try:
        model(input_ids=ids.to(input_device(model)), use_cache=False)
    finally:
        handle.remove()
    return caught[0]


def logits_of(model: Any, hidden: torch.Tensor) -> torch.Tensor:
    """The head's logits [n, vocabulary] of hidden states [n, hidden]."""
    head = model.get_output_embeddings()
    return head(hidden.to(logits_device(model), head.weight.dtype))


def token_losses(model: Any, hidden: torch.Tensor, targets: torch.Tensor, slice_bytes: int = SLICE_BYTES) -> torch.Tensor:
    """Cross entropy in nats of each target [n] under the hidden state before it [n, hidden]: float64 [n], on the CPU.

    The logits are made in slices of at most `slice_bytes`.
    """
    import torch

    step = positions_per_slice(model.config.vocab_size, slice_bytes)
    targets = targets.to(logits_device(model))
    losses = [
        torch.nn.functional.cross_entropy(logits_of(model, some).float(), goal, reduction="none").cpu()
        for some, goal in zip(hidden.split(step), targets.split(step), strict=True)
    ]
    return torch.cat(losses).double()

"""What Unsloth does differently where a card is tight, computed as it decides it. No torch."""

from __future__ import annotations

from tweetstyle.hardware.card import Card
from tweetstyle.model.shape import Shape
from tweetstyle.plan.activations import OFFLOAD_FROM
from tweetstyle.plan.weights import trained_parameters
from tweetstyle.recipe import Model, Training

CUDA_CONTEXT = 512 * 2**20
"""What CUDA, cuBLAS and the loaded kernels hold outside torch's allocator. PyTorch measured 0.27 GiB with kernels loaded as
they are needed and 0.62 GiB with all (github.com/pytorch/pytorch/pull/86509); training needs many, not all. Not measured here."""
BYTES_OF_A_FEATURE = 48
"""Bytes of activations for each token and hidden feature (unsloth_zoo/block_swap.py, _ACTIVATION_BYTES_PER_TOKEN_HIDDEN)."""
LOGIT_ROWS = 2048
"""Rows of fp32 logits (the same file, estimate_training_reserve_bytes)."""
OPTIMIZER_BYTES = 12
"""Bytes for each trained parameter beside its weight, whatever the optimizer (unsloth/models/_utils.py, _training_reserve_bytes)."""
SAFETY, SPLIT = 256 * 2**20, 17 / 16
"""The rest of the same estimate."""
SECOND_BUFFER_FROM = 512 * 2**20
"""Free bytes from which it takes a second staging buffer (unsloth_zoo/gradient_checkpointing.py, DOUBLE_BUFFER_HEADROOM)."""


def embeddings_moved(shape: Shape, model: Model, training: Training, resident: int, card: Card | None) -> int:
    """Bytes of the input embeddings that Unsloth keeps in RAM (offload_embedding="auto"), 0 where it leaves them on the card.

    It decides when the adapter has been added, by the length of one pack alone. Tied embeddings are the head, and stay.
    resident: bytes of base model and adapter. Source: unsloth/models/_utils.py, offload_embedding_if_tight.
    """
    if card is None or shape.tied:
        return 0
    activations = training.max_length * shape.hidden * BYTES_OF_A_FEATURE
    logits = 4 * min(training.max_length, LOGIT_ROWS) * shape.vocabulary
    reserve = SPLIT * (activations + logits + (4 + OPTIMIZER_BYTES) * trained_parameters(shape, model)) + SAFETY
    usable = card.total - card.others - CUDA_CONTEXT - resident
    return 2 * shape.embedding_parameters if usable < reserve else 0


def second_buffer_dropped(buffer: int, resident: int, most: int, card: Card | None) -> bool:
    """Whether there is too little room for a second staging buffer once the first micro-batch has been through.

    buffer: its bytes; resident: what is on the card by then; most: what a step adds at most, both buffers included.
    """
    if card is None or buffer <= OFFLOAD_FROM:
        return False
    free = card.total - card.others - CUDA_CONTEXT - resident - (most - buffer)
    return free < max(SECOND_BUFFER_FROM, buffer)

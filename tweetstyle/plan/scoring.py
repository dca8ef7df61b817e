"""How much is scored at a time: bounds of the memory that validation and evaluation take. No torch here."""

from __future__ import annotations

BATCH_TOKENS = 1024
"""Padded tokens in one forward pass of the validation during training."""
SLICE_BYTES = 128 * 2**20
"""Bytes of logits held at once. The head is applied to the positions that carry loss, in slices of at most so many bytes."""
BYTES_PER_LOGIT = 2 + 4 + 4
"""The head's own 16 bits, their fp32 copy, and the log-softmax that cross_entropy makes of it (a head in fp32 needs 2 × 4)."""


def positions_per_slice(vocabulary: int, slice_bytes: int = SLICE_BYTES) -> int:
    """Positions whose logits, over a vocabulary of so many tokens, fit in `slice_bytes`; at least 1."""
    return max(1, slice_bytes // (BYTES_PER_LOGIT * vocabulary))

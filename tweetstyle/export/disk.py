"""How much room an export takes, known before anything is written."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from tweetstyle.errors import TweetstyleError
from tweetstyle.export.llama import read_llama, tensor_plan
from tweetstyle.export.tensor_types import WEIGHTED_TYPES, tensor_type, type_bytes
from tweetstyle.files import existing_parent
from tweetstyle.model.base import BaseModel
from tweetstyle.model.outline import Outline
from tweetstyle.recipe import Export

TABLE_BYTES = 128
"""Upper bound of one tensor's entry in the table of tensors, padding of its data included."""


def disk_needed(weights: BaseModel | Outline, types: Iterable[str]) -> dict[str, int]:
    """type → bytes of its GGUF, a little too much: the weights exactly, the vocabulary by the size of tokenizer.json.

    Reads config.json's numbers only. Raises TweetstyleError for a model that cannot be exported.
    """
    llama = read_llama(weights.config, weights.path)
    plan = list(tensor_plan(llama))
    # A token or merge of a GGUF has at most 8 bytes more than in JSON: its length instead of the punctuation, and its type.
    head = weights.tokenizer_bytes + 16 * llama.vocabulary + TABLE_BYTES * (len(plan) + 64)
    return {t: head + sum(type_bytes(tensor_type(t, tensor, llama), tensor.shape) for tensor in plan) for t in types}


def require_disk(directory: Path, needed: dict[str, int]) -> None:
    """Refuses where the files do not fit beside what stands there: an older export stays until the new one is whole."""
    free = shutil.disk_usage(existing_parent(directory)).free
    if (total := sum(needed.values())) > free:
        parts = ", ".join(f"{name} {size / 2**20:,.0f} MiB" for name, size in needed.items())
        hint = f"free {(total - free) / 2**20:,.0f} MiB more, or write fewer types (export.types)"
        raise TweetstyleError(f"the disk is too small: {parts} needed, {free / 2**20:,.0f} MiB free", where=str(directory), hint=hint)


def room_needed(weights: BaseModel | Outline, section: Export, bases: int) -> dict[str, int]:
    """What is written → bytes, as `disk_needed`, with everything that `choices` writes to compare and then removes.

    bases: among how many the adapter's is still to be chosen (1 or 2).
    """
    sizes = disk_needed(weights, section.types)
    weighted = [t for t in section.types if t in WEIGHTED_TYPES] if section.imatrix == "auto" else []
    candidates = sum(sizes[t] for t in weighted)
    if bases > 1:
        # One of the two becomes the file itself; they stand before the others are written.
        candidates = max(candidates, 2 * min(sizes.values()) - sum(sizes.values()))
    return sizes | ({"candidates that are compared": candidates} if candidates else {})

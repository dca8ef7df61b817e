"""How much room an export takes, known before anything is written."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from tweetstyle.base_model import BaseModel
from tweetstyle.errors import TweetstyleError
from tweetstyle.export.llama import read_llama, tensor_plan
from tweetstyle.export.tensor_types import tensor_type, type_bytes
from tweetstyle.files import existing_parent

TABLE_BYTES = 128
"""Upper bound of one tensor's entry in the table of tensors, padding of its data included."""


def disk_needed(weights: BaseModel, types: Iterable[str]) -> dict[str, int]:
    """type → bytes of its GGUF, a little too much: the weights exactly, the vocabulary by the size of tokenizer.json.

    Reads config.json's numbers only. Raises TweetstyleError for a model that cannot be exported.
    """
    llama = read_llama(weights.config, weights.path)
    plan = list(tensor_plan(llama))
    # A token or merge of a GGUF has at most 8 bytes more than in JSON: its length instead of the punctuation, and its type.
    head = weights.tokenizer.path.stat().st_size + 16 * llama.vocabulary + TABLE_BYTES * (len(plan) + 64)
    return {t: head + sum(type_bytes(tensor_type(t, tensor, llama), tensor.shape) for tensor in plan) for t in types}


def require_disk(directory: Path, needed: dict[str, int]) -> None:
    """Refuses where the files do not fit beside what stands there: an older export stays until the new one is whole."""
    free = shutil.disk_usage(existing_parent(directory)).free
    if (total := sum(needed.values())) > free:
        parts = ", ".join(f"{name} {size / 2**20:,.0f} MiB" for name, size in needed.items())
        hint = f"free {(total - free) / 2**20:,.0f} MiB more, or write fewer types (export.types)"
        raise TweetstyleError(f"the disk is too small: {parts} needed, {free / 2**20:,.0f} MiB free", where=str(directory), hint=hint)

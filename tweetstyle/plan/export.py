"""Disk space and memory of an export."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable
from pathlib import Path

from tweetstyle.errors import TweetstyleError
from tweetstyle.files import existing_parent
from tweetstyle.hardware.gpu import cores, machine_memory
from tweetstyle.model.base import BaseConfig, BaseModel
from tweetstyle.model.llama import WEIGHTED_TYPES, read_llama, tensor_plan, tensor_type, type_bytes
from tweetstyle.recipe import Export

BLOCK_ELEMENTS = 2**21
"""Weights in a block: 8 MiB in float32. Memory is bounded by a few blocks, not by the largest tensor."""
MOST_THREADS = 16
"""Each has two blocks in memory, of some 20 MiB with all that is made of them: beyond, disks are the limit anyway."""


TABLE_BYTES = 128
"""Upper bound of one tensor's entry in the table of tensors, padding of its data included."""


def disk_needed(weights: BaseModel | BaseConfig, types: Iterable[str]) -> dict[str, int]:
    """type → bytes of its GGUF, a little too much: the weights exactly, the vocabulary by the size of tokenizer.json.

    Reads config.json's numbers only. Raises TweetstyleError for a model that cannot be exported.
    """
    llama = read_llama(weights.config, weights.path)
    plan = list(tensor_plan(llama))
    # A token or merge of a GGUF has at most 8 bytes more than in JSON: its length instead of the punctuation, and its type.
    head = weights.tokenizer_bytes + 16 * llama.vocabulary + TABLE_BYTES * (len(plan) + 64)
    return {t: head + sum(type_bytes(tensor_type(t, tensor, llama), tensor.shape) for tensor in plan) for t in types}


def require_disk(directory: Path, needed: dict[str, int]) -> None:
    """Refuses where the files do not fit beside what is there: an older export is kept until the new one is complete."""
    free = shutil.disk_usage(existing_parent(directory)).free
    if (total := sum(needed.values())) > free:
        parts = ", ".join(f"{name} {size / 2**20:,.0f} MiB" for name, size in needed.items())
        hint = f"free {(total - free) / 2**20:,.0f} MiB more, or write fewer types (export.types)"
        raise TweetstyleError(f"the disk is too small: {parts} needed, {free / 2**20:,.0f} MiB free", where=str(directory), hint=hint)


def room_needed(weights: BaseModel | BaseConfig, section: Export, bases: int) -> dict[str, int]:
    """What is written → bytes, as `disk_needed`, with everything that `choices` writes to compare and then removes.

    bases: among how many the adapter's is still to be chosen (1 or 2).
    """
    sizes = disk_needed(weights, section.types)
    weighted = [t for t in section.types if t in WEIGHTED_TYPES] if section.imatrix == "auto" else []
    candidates = sum(sizes[t] for t in weighted)
    if bases > 1:
        # One of the two becomes the file itself; they exist before the others are written.
        candidates = max(candidates, 2 * min(sizes.values()) - sum(sizes.values()))
    return sizes | ({"candidates that are compared": candidates} if candidates else {})


LIBRARIES = 600 * 2**20
"""Python with torch, numpy and llama.cpp, before they hold a model. Measured: 0.5 GiB."""
BLOCK_BYTES = 20 * 2**20
"""A block in float32 with all that is made of it; each thread has two."""


def memory_needed(weights: BaseModel | BaseConfig, section: Export) -> dict[str, int]:
    """part → bytes at its peak; the parts come one after the other.

    writing: blocks of rows, or with four bits the largest linear in float32 six times (measured: 4.1 while bitsandbytes makes it,
    and its copies).
    gate: the largest file as llama.cpp holds it.
    """
    llama = read_llama(weights.config, weights.path)
    plan = list(tensor_plan(llama))
    largest = max(math.prod(tensor.shape) for tensor in plan if tensor.layer is not None)
    blocks = 2 * min(cores(), MOST_THREADS) * BLOCK_BYTES + 4 * BLOCK_ELEMENTS
    return {
        "writing": LIBRARIES + blocks + 6 * 4 * largest,
        "gate": LIBRARIES + max(disk_needed(weights, section.types).values()),
    }


def require_memory(weights: BaseModel, section: Export, total: int | None = None) -> None:
    """Refuses where the machine's whole memory is less than a part takes. total: bytes; None: this machine's."""
    total = machine_memory()[0] if total is None else total
    part, most = max(memory_needed(weights, section).items(), key=lambda item: item[1])
    if most > total:
        what = f"the export ({part}) takes {most / 2**30:.1f} GiB of memory, and the machine has {total / 2**30:.1f}"
        hint = "leave out the largest of export.types, or export on a machine with more memory"
        raise TweetstyleError(what, where="export.types", hint=hint)

"""How much main memory the export and its gate take, known before anything is trained."""

from __future__ import annotations

import math

from tweetstyle.errors import TweetstyleError
from tweetstyle.export.blocks import BLOCK_ELEMENTS, MOST_THREADS, cores
from tweetstyle.export.disk import disk_needed
from tweetstyle.export.llama import read_llama, tensor_plan
from tweetstyle.hardware.ram import machine_memory
from tweetstyle.model.base import BaseModel
from tweetstyle.model.outline import Outline
from tweetstyle.recipe import Export

LIBRARIES = 600 * 2**20
"""Python with torch, numpy and llama.cpp, before they hold a model. Measured: 0.5 GiB."""
BLOCK_BYTES = 20 * 2**20
"""A block in float32 with all that is made of it; each thread has two."""


def memory_needed(weights: BaseModel | Outline, section: Export) -> dict[str, int]:
    """part → bytes at its peak; the parts come one after the other.

    writing: blocks of rows, or with four bits the largest linear in float32 six times (measured: 4.1 while bitsandbytes makes it,
    and its copies).
    gate: one layer in float32 beside the output matrix as it is stored, or the largest file as llama.cpp holds it.
    """
    llama = read_llama(weights.config, weights.path)
    plan = list(tensor_plan(llama))
    largest = max(math.prod(tensor.shape) for tensor in plan if tensor.layer is not None)
    layer = sum(math.prod(tensor.shape) for tensor in plan if tensor.layer == 0)
    output = 4 * llama.vocabulary * llama.hidden
    blocks = 2 * min(cores(), MOST_THREADS) * BLOCK_BYTES + 4 * BLOCK_ELEMENTS
    return {
        "writing": LIBRARIES + blocks + 6 * 4 * largest,
        "gate": LIBRARIES + max(4 * layer + output, max(disk_needed(weights, section.types).values())),
    }


def require_memory(weights: BaseModel, section: Export, total: int | None = None) -> None:
    """Refuses where the machine's whole memory is less than a part takes. total: bytes; None: this machine's."""
    total = machine_memory()[0] if total is None else total
    part, most = max(memory_needed(weights, section).items(), key=lambda item: item[1])
    if most > total:
        what = f"the export ({part}) takes {most / 2**30:.1f} GiB of memory, and the machine has {total / 2**30:.1f}"
        hint = "leave out the largest of export.types, or export on a machine with more memory"
        raise TweetstyleError(what, where="export.types", hint=hint)

"""The weights as a stream of small blocks of rows: read, merged, permuted, quantised by threads, given back in order."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from gguf import GGMLQuantizationType as Q

from tweetstyle.errors import TweetstyleError
from tweetstyle.export.adapter import Adapter, Delta
from tweetstyle.export.ggml import library, quantize
from tweetstyle.export.llama import Tensor
from tweetstyle.model.stored_tensors import StoredTensor, how_to_make_whole

BLOCK_ELEMENTS = 2**21
"""Weights in a block: 8 MiB in float32. Memory is bounded by a few blocks, not by the largest tensor."""

MOST_THREADS = 16
"""Each has two blocks in memory, of some 20 MiB with all that is made of them: beyond, disks are the limit anyway."""

FLOAT16_LIMIT = 65520.0
"""From here on a float32 rounds to infinity in float16."""

LIMITS = dict.fromkeys((Q.Q8_0, Q.Q6_K, Q.Q5_K, Q.Q5_0, Q.Q4_K), 16 * FLOAT16_LIMIT)
LIMITS |= {Q.F16: FLOAT16_LIMIT, Q.Q5_1: FLOAT16_LIMIT, Q.BF16: 3.3961775e38}
"""From here on a weight may become infinite in a type. Blocks are scaled by a float16: Q5_1 keeps a block's least weight itself
in one, the others at most a sixteenth of the largest."""


Form = Q | tuple[Q, str]
"""A type, or (type, WEIGHTED) where the errors are weighed by the importance matrix."""
WEIGHTED = "weighted"


@dataclass(frozen=True)
class Block:
    """Rows `first` to `first + count` of one tensor, and the forms in which they are wanted. importance: float32 [columns]."""

    tensor: Tensor
    stored: StoredTensor
    delta: Delta | None
    first: int
    count: int
    forms: frozenset[Form]
    importance: np.ndarray | None = None

    @property
    def source_bytes(self) -> int:
        return self.stored.nbytes * self.count // self.stored.rows

    def read(self) -> np.ndarray:
        """[bytes] uint8: the rows as they are stored."""
        return self.stored.read_bytes(self.first, self.count)

    def convert(self, raw: np.ndarray) -> dict[Form, np.ndarray]:
        """What `read` gave → form → bytes of the merged rows, in llama.cpp's order of rows.

        Raises TweetstyleError for weights that are no numbers, or too large for a type that is wanted.
        """
        rows = self.stored.to_float32(raw)
        if self.delta is not None:
            rows += self.delta.rows(self.first, self.count)
        self._check(rows)
        if self.tensor.heads:
            rows = permute(rows, self.tensor.shape[0] // self.tensor.heads)
        return {form: self._quantized(rows, form) for form in self.forms}

    def _quantized(self, rows: np.ndarray, form: Form) -> np.ndarray:
        return quantize(rows, form[0], self.importance) if isinstance(form, tuple) else quantize(rows, form)

    def _check(self, rows: np.ndarray) -> None:
        largest = max(rows.max(), -rows.min())
        where = str(self.stored.path)
        if not largest < math.inf:
            raise TweetstyleError(f"{self.stored.name} holds NaN or infinity", where=where, hint=how_to_make_whole(self.stored.path))
        for kind in {form[0] if isinstance(form, tuple) else form for form in self.forms}:
            if largest >= LIMITS.get(kind, math.inf):
                what = f"{self.stored.name} holds {largest:g}, too large for {kind.name}"
                hint = "such a weight is a sign of damage; or write f32 or bf16 alone (export.types)"
                raise TweetstyleError(what, where=where, hint=hint)


def permute(rows: np.ndarray, head: int) -> np.ndarray:
    """Rows of whole heads from Hugging Face's rotary layout (first halves, then second halves) to llama.cpp's (pairs)."""
    halves = rows.reshape(-1, 2, head // 2, rows.shape[-1])
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(rows.shape)


def cut_into_blocks(
    tensor: Tensor, stored: StoredTensor, adapter: Adapter | None, forms: frozenset[Form], importance: np.ndarray | None = None
) -> Iterator[Block]:
    """The tensor's blocks in order; those of a permuted tensor hold whole heads."""
    unit = tensor.shape[0] // tensor.heads if tensor.heads else 1
    step = max(1, BLOCK_ELEMENTS // (stored.columns * unit)) * unit
    delta = adapter.delta(tensor.source) if adapter else None
    for first in range(0, stored.rows, step):
        yield Block(tensor, stored, delta, first, min(step, stored.rows - first), forms, importance)


def convert_in_order(blocks: Iterator[Block], threads: int | None = None) -> Iterator[tuple[Block, dict[Form, np.ndarray]]]:
    """Each block with its converted bytes, in order. One thread reads ahead, as many as there are cores (or `threads`) convert,
    and the caller writes meanwhile: files, numpy and ggml release the GIL.

    The blocks' bounds do not depend on the number of threads, nor does any sum: the same bytes come out on any machine.
    """
    library()
    threads = threads or min(cores(), MOST_THREADS)
    reader, pool = ThreadPoolExecutor(1, "read"), ThreadPoolExecutor(threads, "convert")
    pending: deque[tuple[Block, Future]] = deque()
    try:
        for block in blocks:
            # The blocks are read in the order in which the pool takes them, so a thread that waits here has nothing else to do.
            read = reader.submit(block.read)
            pending.append((block, pool.submit(lambda block=block, read=read: block.convert(read.result()))))
            if len(pending) > 2 * threads:
                done, future = pending.popleft()
                yield done, future.result()
        while pending:
            done, future = pending.popleft()
            yield done, future.result()
    finally:
        for executor in (reader, pool):
            executor.shutdown(cancel_futures=True)


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

"""The weights as a stream of small blocks of rows: read, merged, permuted, quantised by threads, given back in order."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from gguf import GGMLQuantizationType

from tweetstyle.errors import TweetstyleError
from tweetstyle.export.adapter import Adapter, Delta
from tweetstyle.export.ggml import library, quantize
from tweetstyle.export.llama import Tensor
from tweetstyle.export.stored_tensors import StoredTensor

BLOCK_ELEMENTS = 2**21
"""Weights in a block: 8 MiB in float32. Memory is bounded by a few blocks, not by the largest tensor."""

FLOAT16_LIMIT = 65520.0
"""From here on a float32 rounds to infinity in float16."""


@dataclass(frozen=True)
class Block:
    """Rows `first` to `first + count` of one tensor, and the types in which they are wanted."""

    tensor: Tensor
    stored: StoredTensor
    delta: Delta | None
    first: int
    count: int
    kinds: frozenset[GGMLQuantizationType]

    @property
    def source_bytes(self) -> int:
        return self.stored.nbytes * self.count // self.stored.rows

    def convert(self) -> dict[GGMLQuantizationType, np.ndarray]:
        """type → bytes of the merged rows, in llama.cpp's order of rows.

        Raises TweetstyleError for weights that are no numbers, or too large for float16 where that is wanted.
        """
        rows = self.stored.read(self.first, self.count)
        if self.delta is not None:
            rows += self.delta.rows(self.first, self.count)
        self._check(rows)
        if self.tensor.heads:
            rows = permute(rows, self.tensor.shape[0] // self.tensor.heads)
        return {kind: quantize(rows, kind) for kind in self.kinds}

    def _check(self, rows: np.ndarray) -> None:
        largest = max(rows.max(), -rows.min())
        where = str(self.stored.path)
        if not largest < math.inf:
            raise TweetstyleError(f"{self.stored.name} holds NaN or infinity", where=where, hint="download or train it again")
        if GGMLQuantizationType.F16 in self.kinds and largest >= FLOAT16_LIMIT:
            what = f"{self.stored.name} holds {largest:g}, too large for float16"
            raise TweetstyleError(what, where=where, hint="leave f16 out of export.types")


def permute(rows: np.ndarray, head: int) -> np.ndarray:
    """Rows of whole heads from Hugging Face's rotary layout (first halves, then second halves) to llama.cpp's (pairs)."""
    halves = rows.reshape(-1, 2, head // 2, rows.shape[-1])
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(rows.shape)


def cut_into_blocks(
    tensor: Tensor, stored: StoredTensor, adapter: Adapter | None, kinds: frozenset[GGMLQuantizationType]
) -> Iterator[Block]:
    """The tensor's blocks in order; those of a permuted tensor hold whole heads."""
    unit = tensor.shape[0] // tensor.heads if tensor.heads else 1
    step = max(1, BLOCK_ELEMENTS // (stored.columns * unit)) * unit
    delta = adapter.delta(tensor.source) if adapter else None
    for first in range(0, stored.rows, step):
        yield Block(tensor, stored, delta, first, min(step, stored.rows - first), kinds)


def convert_in_order(blocks: Iterator[Block]) -> Iterator[tuple[Block, dict[GGMLQuantizationType, np.ndarray]]]:
    """Each block with its converted bytes, in order; threads work a few blocks ahead of the writer.

    numpy and ggml release the GIL, so threads are enough, and the blocks' bounds do not depend on their number:
    the same bytes come out on any machine.
    """
    library()
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    pool = ThreadPoolExecutor(threads)
    pending: deque = deque()
    try:
        for block in blocks:
            pending.append((block, pool.submit(block.convert)))
            if len(pending) > 2 * threads:
                done, future = pending.popleft()
                yield done, future.result()
        while pending:
            done, future = pending.popleft()
            yield done, future.result()
    finally:
        pool.shutdown(cancel_futures=True)

"""Weights as blocks of rows: read, merged, permuted, quantised by ggml, in order."""

from __future__ import annotations

import ctypes
import importlib.util
import math
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf import GGMLQuantizationType as Q

from tweetstyle.errors import TweetstyleError
from tweetstyle.hardware.machine import cores
from tweetstyle.model.adapter import Adapter, Delta
from tweetstyle.model.llama import Tensor
from tweetstyle.model.weight_files import StoredTensor, how_to_make_whole
from tweetstyle.plan.disk import BLOCK_ELEMENTS, MOST_THREADS

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


@cache
def library() -> ctypes.CDLL:
    """The shared library of the package xllamacpp, loaded without running its Python code."""
    (file,) = Path(importlib.util.find_spec("xllamacpp").origin).parent.glob("xllamacpp*.so")
    loaded = ctypes.CDLL(str(file))
    loaded.ggml_quantize_chunk.restype = ctypes.c_size_t
    loaded.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_int64] * 3, ctypes.c_void_p]
    return loaded


def quantize(rows: np.ndarray, kind: GGMLQuantizationType, importance: np.ndarray | None = None) -> np.ndarray:
    """float32 [n, columns] → bytes of the n rows in `kind`. Releases the GIL: threads over blocks of rows use every core.

    importance: float32 [columns], what an error in each column weighs (the mean square of its input); None: all the same.
    """
    rows = np.ascontiguousarray(rows, np.float32)
    if kind == GGMLQuantizationType.F32:
        return rows.reshape(-1).view(np.uint8)
    count, columns = rows.shape
    block, block_bytes = GGML_QUANT_SIZES[kind]
    if importance is not None and importance.shape != (columns,):
        raise ValueError(f"{importance.shape} importances for rows of {columns}")
    if columns % block:
        raise ValueError(f"rows of {columns} are no whole blocks of {kind.name}")
    out = np.empty(count * columns // block * block_bytes, np.uint8)
    weights = None if importance is None else np.ascontiguousarray(importance, np.float32)
    address = None if weights is None else weights.ctypes.data
    written = library().ggml_quantize_chunk(kind, rows.ctypes.data, out.ctypes.data, 0, count, columns, address)
    if written != out.nbytes:
        raise RuntimeError(f"ggml wrote {written} bytes of {kind.name} where {out.nbytes} were expected")
    return out

"""Weights as blocks of rows: read, merged, permuted, quantised by ggml, in order."""

import ctypes
import importlib.util
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES
from gguf import GGMLQuantizationType as Q

from tweetstyle.errors import TweetstyleError
from tweetstyle.hardware.machine import cores
from tweetstyle.locale import _
from tweetstyle.model.adapter import Adapter, Delta
from tweetstyle.model.llama import Tensor
from tweetstyle.model.weight_files import StoredTensor, how_to_make_whole
from tweetstyle.plan.disk import BLOCK_ELEMENTS, MOST_THREADS

Form = tuple[Q, bool]
"""A type, and whether the errors are weighed by the importance matrix."""


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

    def convert(self, rows: np.ndarray) -> dict[Form, np.ndarray]:
        """The stored rows, float32 [count, columns] → form → bytes of the merged rows, in llama.cpp's order of rows.

        Raises TweetstyleError for weights that are no numbers.
        """
        if self.delta is not None:
            rows += self.delta.rows(self.first, self.count)
        if not np.isfinite(rows).all():
            what, where = _("{name} contains NaN or infinity", name=self.stored.name), self.stored.path
            raise TweetstyleError(what, where=str(where), hint=how_to_make_whole(where))
        if self.tensor.heads:
            rows = permute(rows, self.tensor.shape[0] // self.tensor.heads)
        return {(kind, weighed): quantize(rows, kind, self.importance if weighed else None) for kind, weighed in self.forms}


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


def convert_in_order(blocks: Iterator[Block]) -> Iterator[tuple[Block, dict[Form, np.ndarray]]]:
    """Each block with its converted bytes, in order. One thread reads ahead, as many as there are cores convert, and the caller writes
    meanwhile: files, numpy and ggml release the GIL.

    The blocks' bounds do not depend on the number of threads, nor does any sum: the same bytes come out on any machine.
    """
    library()
    threads = min(cores(), MOST_THREADS)
    pending: deque[tuple[Block, Future]] = deque()
    reader, pool = ThreadPoolExecutor(1, "read"), ThreadPoolExecutor(threads, "convert")
    try:
        for block in blocks:
            # The blocks are read in the order in which the pool takes them, so a thread that waits here has nothing else to do.
            read = reader.submit(block.stored.read, block.first, block.count)
            pending.append((block, pool.submit(lambda block=block, read=read: block.convert(read.result()))))
            if len(pending) > 2 * threads:
                done, future = pending.popleft()
                yield done, future.result()
        for done, future in pending:
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


def quantize(rows: np.ndarray, kind: Q, importance: np.ndarray | None = None) -> np.ndarray:
    """float32 [n, columns] → bytes of the n rows in `kind`. Releases the GIL: threads over blocks of rows use every core.

    importance: float32 [columns], what an error in each column weighs (the mean square of its input); None: all the same.
    """
    rows = np.ascontiguousarray(rows, np.float32)
    if kind == Q.F32:
        return rows.reshape(-1).view(np.uint8)
    count, columns = rows.shape
    block, block_bytes = GGML_QUANT_SIZES[kind]
    # ggml reads on beyond the end of anything shorter.
    if columns % block or not (importance is None or importance.shape == (columns,)):
        raise ValueError(f"{kind.name} has blocks of {block}, in rows of {columns} with as many importances")
    out = np.empty(count * columns // block * block_bytes, np.uint8)
    weights = None if importance is None else np.ascontiguousarray(importance, np.float32)
    address = None if weights is None else weights.ctypes.data
    library().ggml_quantize_chunk(kind, rows.ctypes.data, out.ctypes.data, 0, count, columns, address)
    return out

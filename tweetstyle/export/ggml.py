"""ggml's own quantisation, from the shared library that the package xllamacpp brings: its kernels, not copies of them."""

from __future__ import annotations

import ctypes
import importlib.util
from functools import cache
from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

from tweetstyle.errors import TweetstyleError


@cache
def library() -> ctypes.CDLL:
    """The shared library, loaded without running xllamacpp's own Python code.

    Raises TweetstyleError where it is not installed or lacks the one function used here.
    """
    spec = importlib.util.find_spec("xllamacpp")
    files = sorted(Path(spec.origin).parent.glob("xllamacpp*.so")) if spec and spec.origin else []
    hint = "install the locked packages again: make setup"
    if not files:
        raise TweetstyleError("the package xllamacpp, which quantises the weights, is not installed", hint=hint)
    loaded = ctypes.CDLL(str(files[0]))
    try:
        quantize = loaded.ggml_quantize_chunk
    except AttributeError as error:
        raise TweetstyleError("this xllamacpp does not export ggml_quantize_chunk", where=str(files[0]), hint=hint) from error
    quantize.restype = ctypes.c_size_t
    quantize.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_int64] * 3, ctypes.c_void_p]
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

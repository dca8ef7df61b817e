"""Tensors in safetensors files: headers first, rows on demand."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tweetstyle.errors import TweetstyleError
from tweetstyle.model.hub import how_to_replace

ITEM_BYTES = {"F32": 4, "F16": 2, "BF16": 2}
"""The dtypes that weights may have. numpy knows no bfloat16, hence no numpy dtype here."""
PART_OF_NF4 = re.compile(r".+\.weight(\.absmax|\.quant_state\.bitsandbytes__nf4)?")
"""Names under which bitsandbytes stores bytes (U8): codes, their scales, and what they mean. Read by nf4.py."""


@dataclass(frozen=True)
class StoredTensor:
    """One tensor of a safetensors file. `offset` counts bytes from the file's beginning."""

    path: Path
    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int

    @property
    def columns(self) -> int:
        return self.shape[-1]

    @property
    def rows(self) -> int:
        return math.prod(self.shape[:-1])

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * _item_bytes(self.dtype)

    def read(self, first: int = 0, count: int | None = None) -> np.ndarray:
        """Rows [count, columns] from `first` on as float32; a vector is one row. All three dtypes convert exactly."""
        return self.to_float32(self.read_bytes(first, count))

    def to_float32(self, raw: np.ndarray) -> np.ndarray:
        """Whole rows as they are stored → [rows, columns] float32."""
        return _to_float32(raw, self.dtype).reshape(-1, self.columns)

    def read_bytes(self, first: int = 0, count: int | None = None) -> np.ndarray:
        """[bytes] uint8: rows `first` to `first + count` as they are stored.

        Safe to call from several threads. Raises TweetstyleError where the file ends too early.
        """
        count = self.rows if count is None else count
        row_bytes = self.columns * _item_bytes(self.dtype)
        raw = np.empty(count * row_bytes, np.uint8)
        with self.path.open("rb", buffering=0) as stream:
            stream.seek(self.offset + first * row_bytes)
            read, view = 0, memoryview(raw)
            while read < len(view) and (got := stream.readinto(view[read:])):
                read += got
        if read < len(view):
            what = f"the file ends inside {self.name}"
            raise TweetstyleError(what, where=str(self.path), hint=f"it was cut off; {how_to_make_whole(self.path)}")
        return raw


def read_headers(paths: Iterable[Path]) -> dict[str, StoredTensor]:
    """name → tensor for all the files (format: github.com/huggingface/safetensors#format).

    Raises TweetstyleError: a file that is missing, cut off or no safetensors file; a name that occurs twice.
    """
    tensors: dict[str, StoredTensor] = {}
    for path in paths:
        for tensor in _read_header(path):
            if other := tensors.get(tensor.name):
                what = f"{tensor.name} is in {other.path.name} too"
                raise TweetstyleError(what, where=str(path), hint="remove the file that is not the model's")
            tensors[tensor.name] = tensor
    return tensors


def how_to_make_whole(path: Path) -> str:
    """What to do where a file of weights is not whole: of a training it is made again, of a base model fetched."""
    if path.parent.name == "final_model":
        return "tweetstyle-fit RECIPE --from fit makes it again"
    return how_to_replace(path.parent, path.name)


def _read_header(path: Path) -> list[StoredTensor]:
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header = json.loads(stream.read(length) if length <= size else b"")
        header.pop("__metadata__", None)
        entries = [(name, entry["dtype"], tuple(entry["shape"]), *entry["data_offsets"]) for name, entry in header.items()]
    except FileNotFoundError as error:
        raise TweetstyleError("there is no such file", where=str(path), hint=how_to_make_whole(path)) from error
    except (ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise TweetstyleError("not a whole safetensors file", where=str(path), hint=how_to_make_whole(path)) from error
    end = 8 + length + max((entry[-1] for entry in entries), default=0)
    if end != size:
        what = f"the file has {size:,} bytes, its header says {end:,}"
        raise TweetstyleError(what, where=str(path), hint=f"it was cut off; {how_to_make_whole(path)}")
    tensors = [StoredTensor(path, name, dtype, shape, 8 + length + begin) for name, dtype, shape, begin, _ in entries]
    for tensor, entry in zip(tensors, entries, strict=True):
        _check(tensor, entry[-1] - entry[-2])
    return tensors


def _check(tensor: StoredTensor, stored_bytes: int) -> None:
    where = str(tensor.path)
    if tensor.dtype not in ITEM_BYTES and not (tensor.dtype == "U8" and PART_OF_NF4.fullmatch(tensor.name)):
        hint = "use weights in F32, F16 or BF16, or in bitsandbytes' NF4: others cannot be merged exactly"
        raise TweetstyleError(f"{tensor.name} has the dtype {tensor.dtype}", where=where, hint=hint)
    if not tensor.shape or tensor.nbytes != stored_bytes:
        what = f"{tensor.name}: {stored_bytes:,} bytes are stored for the shape {list(tensor.shape)} in {tensor.dtype}"
        raise TweetstyleError(what, where=where, hint=f"the file is damaged; {how_to_make_whole(tensor.path)}")


def _item_bytes(dtype: str) -> int:
    return 1 if dtype == "U8" else ITEM_BYTES[dtype]


def _to_float32(raw: np.ndarray, dtype: str) -> np.ndarray:
    if dtype == "BF16":
        # bfloat16 is the upper half of a float32.
        return (raw.view("<u2").astype(np.uint32) << 16).view(np.float32)
    return raw.view({"F32": "<f4", "F16": "<f2"}[dtype]).astype(np.float32, copy=False)

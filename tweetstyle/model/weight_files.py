"""A base model's safetensors files: which are loaded, and their rows on demand."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import _
from tweetstyle.locale.libraries import reason
from tweetstyle.model.hub import how_to_complete, how_to_replace

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
HEAD, EMBEDDINGS = "lm_head.weight", "model.embed_tokens.weight"
ITEM_BYTES = {"F32": 4, "F16": 2, "BF16": 2, "U8": 1}
"""The dtypes that weights may have; bitsandbytes stores 4-bit weights as U8. numpy knows no bfloat16, hence no numpy dtype here."""
CHUNK_ROWS = 4096
"""Rows compared at a time."""


def read_json(path: Path) -> dict[str, Any]:
    """An object. Raises TweetstyleError for a file that is missing or none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise TweetstyleError(_("there is no {file}", file=path.name), where=str(path.parent), hint=how_to_complete(path.parent)) from error
    except ValueError as error:
        what = _("not valid JSON ({reason})", reason=reason(error))
        raise TweetstyleError(what, where=str(path), hint=how_to_replace(path.parent, path.name)) from error
    if not isinstance(content, dict):
        raise TweetstyleError(_("not a JSON object"), where=str(path), hint=how_to_replace(path.parent, path.name))
    return content


def weight_names(path: Path) -> list[str]:
    """Names of the files that are loaded, there or not: like transformers, the single file where there are shards too."""
    if (path / SINGLE).is_file() or not (path / INDEX).is_file():
        return [SINGLE]
    return sorted(set(read_json(path / INDEX)["weight_map"].values()))


def check_weights(path: Path, config: dict[str, Any]) -> tuple[Path, ...]:
    """The files that are loaded, each checked to be whole. Reads headers, and weights only to compare two copies of the head.

    Raises TweetstyleError: a file that is missing or cut off; a tied head that differs from the embeddings.
    """
    names = weight_names(path)
    if missing := [name for name in names if not (path / name).is_file()]:
        raise TweetstyleError(_("missing: {files}", files=", ".join(missing)), where=str(path), hint=how_to_complete(path))
    _check_head(path, config, read_headers(path / name for name in names))
    return tuple(path / name for name in names)


def _check_head(path: Path, config: dict[str, Any], stored: dict[str, StoredTensor]) -> None:
    """transformers and Unsloth on a CPU load such a head; on a GPU Unsloth replaces it by the embeddings (patch_model_and_tokenizer)."""
    if not config.get("tie_word_embeddings") or HEAD not in stored or EMBEDDINGS not in stored:
        return
    head, embeddings = stored[HEAD], stored[EMBEDDINGS]
    chunks = ((first, min(CHUNK_ROWS, head.rows - first)) for first in range(0, head.rows, CHUNK_ROWS))
    same = (head.dtype, head.shape) == (embeddings.dtype, embeddings.shape)
    if not same or not all(np.array_equal(head.read_bytes(*rows), embeddings.read_bytes(*rows)) for rows in chunks):
        what = _("tie_word_embeddings is true, but the stored {name} differs from the embeddings", name=HEAD)
        hint = _("write tie_word_embeddings: false to use the stored head, as transformers does; with true, Unsloth drops it on a GPU")
        raise TweetstyleError(what, where=str(path / "config.json"), hint=hint)


@dataclass
class StoredTensor:
    """One tensor of a safetensors file, whose rows are read on demand. `offset` counts bytes from the file's beginning."""

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
        return math.prod(self.shape) * ITEM_BYTES[self.dtype]

    def read(self, first: int = 0, count: int | None = None) -> np.ndarray:
        """Rows [count, columns] from `first` on as float32, which holds every dtype exactly; a vector is one row."""
        raw = self.read_bytes(first, count)
        if self.dtype == "BF16":
            # bfloat16 is the upper half of a float32.
            values = (raw.view("<u2").astype(np.uint32) << 16).view(np.float32)
        else:
            values = raw.view({"F32": "<f4", "F16": "<f2"}[self.dtype]).astype(np.float32, copy=False)
        return values.reshape(-1, self.columns)

    def read_bytes(self, first: int = 0, count: int | None = None) -> np.ndarray:
        """[bytes] uint8: rows `first` to `first + count` as they are stored. Raises TweetstyleError where the file ends too early."""
        size = (self.rows if count is None else count) * self.columns * ITEM_BYTES[self.dtype]
        raw = np.fromfile(self.path, np.uint8, size, offset=self.offset + first * self.columns * ITEM_BYTES[self.dtype])
        if raw.size < size:
            hint = _("it was cut off: {what_to_do}", what_to_do=how_to_make_whole(self.path))
            raise TweetstyleError(_("the file ends inside {name}", name=self.name), where=str(self.path), hint=hint)
        return raw


def read_headers(paths: Iterable[Path]) -> dict[str, StoredTensor]:
    """name → tensor for all the files (format: github.com/huggingface/safetensors#format).

    Raises TweetstyleError: a file that is missing, cut off or no safetensors file; a dtype that weights cannot have.
    """
    return {tensor.name: tensor for path in paths for tensor in _read_header(path)}


def how_to_make_whole(path: Path) -> str:
    """What to do where a file of weights is not whole: of a training it is made again, of a base model fetched."""
    if path.parent.name == "final_model":
        return _("make it again: {command}", command="tweetstyle-fit RECIPE --from fit")
    return how_to_replace(path.parent, path.name)


def _read_header(path: Path) -> Iterator[StoredTensor]:
    """The file is 8 bytes of header length, the header, and just the bytes that the header names."""
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header = json.loads(stream.read(length) if length <= size else b"")
        header.pop("__metadata__", None)
        entries = [(name, entry["dtype"], tuple(entry["shape"]), *entry["data_offsets"]) for name, entry in header.items()]
        end = 8 + length + max((entry[-1] for entry in entries), default=0)
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise TweetstyleError(_("not a complete safetensors file"), where=str(path), hint=how_to_make_whole(path)) from error
    if end != size:
        what = _("the file has {size:,} bytes, but its header says {expected:,}", size=size, expected=end)
        raise TweetstyleError(what, where=str(path), hint=_("it was cut off: {what_to_do}", what_to_do=how_to_make_whole(path)))
    for name, dtype, shape, begin, _end in entries:
        if dtype not in ITEM_BYTES:
            hint = _("use weights in F32, F16 or BF16, or in bitsandbytes' NF4: others cannot be merged exactly")
            raise TweetstyleError(_("{name} has the dtype {dtype}", name=name, dtype=dtype), where=str(path), hint=hint)
        yield StoredTensor(path, name, dtype, shape, 8 + length + begin)

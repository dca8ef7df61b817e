"""A base model's safetensors files: which are loaded, and their rows on demand."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tweetstyle.errors import TweetstyleError
from tweetstyle.model.config import read_shape
from tweetstyle.model.hub import how_to_complete, how_to_replace

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
LARGEST_FILE = 5_000_000_000
"""Bytes beyond which transformers wrote weights as shards with an index (4.x, save_pretrained: max_shard_size "5GB")."""
HEAD, EMBEDDINGS = "lm_head.weight", "model.embed_tokens.weight"
ITEM_BYTES = {"F32": 4, "F16": 2, "BF16": 2}
"""The dtypes that weights may have. numpy knows no bfloat16, hence no numpy dtype here."""
CHUNK = 2**23
"""Values compared at a time."""
PART_OF_NF4 = re.compile(r".+\.weight(\.absmax|\.quant_state\.bitsandbytes__nf4)?")
"""Names under which bitsandbytes stores bytes (U8): codes, their scales, and what they mean. Read by nf4.py."""


def read_json(path: Path) -> dict[str, Any]:
    """An object. Raises TweetstyleError for a file that is missing or none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise TweetstyleError(f"there is no {path.name}", where=str(path.parent), hint=how_to_complete(path.parent)) from error
    except ValueError as error:
        raise TweetstyleError(f"not JSON ({error})", where=str(path), hint=how_to_replace(path.parent, path.name)) from error
    if not isinstance(content, dict):
        raise TweetstyleError("not a JSON object", where=str(path), hint=how_to_replace(path.parent, path.name))
    return content


def weight_names(path: Path, config: dict[str, Any]) -> list[str]:
    """Names of the files that are loaded, there or not. Of a model that is too large for one file, what is missing is the index."""
    if (path / SINGLE).is_file():
        return [SINGLE]
    if (path / INDEX).is_file():
        return sorted(set(_weight_map(path / INDEX).values()))
    return [SINGLE] if 2 * read_shape(config).parameters <= LARGEST_FILE else [INDEX]


def find_weights(path: Path, config: dict[str, Any]) -> tuple[Path, ...]:
    """The files that are loaded, each checked to be whole. Reads headers, and weights only to compare two copies of them.

    Raises TweetstyleError: a file that is missing, cut off or of another model; two sets of weights that differ; a tensor that two files
    hold; a tied head that is stored and differs from the embeddings.
    """
    if (named := config.get("transformers_weights")) is not None:
        what = f"transformers_weights is {named}: the weights would come from that file alone"
        raise TweetstyleError(what, where=str(path / "config.json"), hint=f"remove that key, and name the file {SINGLE}")
    names = weight_names(path, config)
    if missing := [name for name in names if not (path / name).is_file()]:
        raise TweetstyleError(f"missing: {', '.join(missing)}", where=str(path), hint=how_to_complete(path))
    stored = read_headers(path / name for name in names)
    if (path / INDEX).is_file():
        _check_index(path, names, stored)
    _check_head(path, config, stored)
    return tuple(path / name for name in names)


def _check_index(path: Path, names: list[str], stored: dict[str, StoredTensor]) -> None:
    weight_map = _weight_map(path / INDEX)
    others = sorted(set(weight_map.values()) - set(names))
    if not others:
        lost = next((t for t, name in weight_map.items() if t not in stored or stored[t].path != path / name), None)
        if lost:
            what = f"{weight_map[lost]} does not hold {lost}, which {INDEX} says it does"
            hint = f"files of two models are mixed here; {how_to_replace(path, INDEX, weight_map[lost])}"
            raise TweetstyleError(what, where=str(path), hint=hint)
        return
    # A single file, and shards besides, which transformers ignores.
    if missing := [name for name in others if not (path / name).is_file()]:
        why = f"missing: {', '.join(missing)}"
    else:
        shards = read_headers(path / name for name in sorted(set(weight_map.values())))
        unequal = sorted(n for n in stored.keys() | shards if n not in stored or n not in shards or not same_values(stored[n], shards[n]))
        why = f"{unequal[0]} is another" if unequal else ""
    if why:
        what = f"there are two sets of weights, {SINGLE} and the shards of {INDEX}, and they differ ({why})"
        raise TweetstyleError(what, where=str(path), hint=f"move one of them elsewhere: {SINGLE}, or {INDEX} and its shards")


def _check_head(path: Path, config: dict[str, Any], stored: dict[str, StoredTensor]) -> None:
    """transformers and Unsloth on a CPU load such a head; on a GPU Unsloth replaces it by the embeddings (patch_model_and_tokenizer)."""
    if not config.get("tie_word_embeddings") or HEAD not in stored or EMBEDDINGS not in stored:
        return
    if not same_values(stored[HEAD], stored[EMBEDDINGS]):
        what = f"tie_word_embeddings is true, and the stored {HEAD} differs from the embeddings"
        hint = "write tie_word_embeddings: false to use the stored head, as transformers does; with true, Unsloth drops it on a GPU"
        raise TweetstyleError(what, where=str(path / "config.json"), hint=hint)


def _weight_map(index: Path) -> dict[str, str]:
    """Tensor → file name, as the index says."""
    found = read_json(index).get("weight_map")
    if not isinstance(found, dict) or not found or not all(isinstance(name, str) for name in found.values()):
        raise TweetstyleError("its weight_map names no files", where=str(index), hint=how_to_replace(index.parent, index.name))
    return found


class WeightRows:
    """A weight whose rows are read on demand: `read_bytes` as they are stored, `to_float32` of those, `read` both at once."""

    shape: tuple[int, ...]

    @property
    def columns(self) -> int:
        return self.shape[-1]

    @property
    def rows(self) -> int:
        return math.prod(self.shape[:-1])

    def read(self, first: int = 0, count: int | None = None) -> np.ndarray:
        """Rows [count, columns] from `first` on as float32, which holds every dtype exactly; a vector is one row."""
        return self.to_float32(self.read_bytes(first, count))

    def read_bytes(self, first: int = 0, count: int | None = None) -> np.ndarray:
        raise NotImplementedError

    def to_float32(self, raw: np.ndarray) -> np.ndarray:
        raise NotImplementedError


@dataclass(frozen=True)
class StoredTensor(WeightRows):
    """One tensor of a safetensors file. `offset` counts bytes from the file's beginning."""

    path: Path
    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * _item_bytes(self.dtype)

    def to_float32(self, raw: np.ndarray) -> np.ndarray:
        """Whole rows as they are stored → [rows, columns] float32."""
        if self.dtype == "BF16":
            # bfloat16 is the upper half of a float32.
            values = (raw.view("<u2").astype(np.uint32) << 16).view(np.float32)
        else:
            values = raw.view({"F32": "<f4", "F16": "<f2"}[self.dtype]).astype(np.float32, copy=False)
        return values.reshape(-1, self.columns)

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
                what = f"{tensor.name} is stored in {other.path.name} too"
                raise TweetstyleError(what, where=str(path), hint="remove the file that does not belong to the model")
            tensors[tensor.name] = tensor
    return tensors


def same_values(one: StoredTensor, other: StoredTensor) -> bool:
    """Whether dtype, shape and every byte are the same."""
    if (one.dtype, one.shape) != (other.dtype, other.shape):
        return False
    step = max(1, CHUNK // one.columns)
    counts = [(first, min(step, one.rows - first)) for first in range(0, one.rows, step)]
    return all(np.array_equal(one.read_bytes(*rows), other.read_bytes(*rows)) for rows in counts)


def how_to_make_whole(path: Path) -> str:
    """What to do where a file of weights is not whole: of a training it is made again, of a base model fetched."""
    if path.parent.name == "final_model":
        return "tweetstyle-fit RECIPE --from fit makes it again"
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
    except FileNotFoundError as error:
        raise TweetstyleError("there is no such file", where=str(path), hint=how_to_make_whole(path)) from error
    except (ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise TweetstyleError("not a whole safetensors file", where=str(path), hint=how_to_make_whole(path)) from error
    if end != size:
        what = f"the file has {size:,} bytes, its header says {end:,}"
        raise TweetstyleError(what, where=str(path), hint=f"it was cut off; {how_to_make_whole(path)}")
    for name, dtype, shape, begin, end in entries:
        tensor = StoredTensor(path, name, dtype, shape, 8 + length + begin)
        _check(tensor, end - begin)
        yield tensor


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

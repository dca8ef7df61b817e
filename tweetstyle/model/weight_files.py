"""A base model's JSON files, and which safetensors files hold its weights."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tweetstyle.errors import TweetstyleError
from tweetstyle.model.config import read_shape
from tweetstyle.model.hub import how_to_complete, how_to_replace


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


SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
LARGEST_FILE = 5_000_000_000
"""Bytes beyond which transformers wrote weights as shards with an index (4.x, save_pretrained: max_shard_size "5GB")."""
HEAD, EMBEDDINGS = "lm_head.weight", "model.embed_tokens.weight"
CHUNK = 2**24


@dataclass(frozen=True)
class Stored:
    """Where a tensor's bytes are: from `begin` to `end` in `file`."""

    file: Path
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    def equals(self, other: Stored) -> bool:
        """Whether dtype, shape and every byte are the same."""
        if (self.dtype, self.shape) != (other.dtype, other.shape):
            return False
        with self.file.open("rb") as mine, other.file.open("rb") as theirs:
            mine.seek(self.begin)
            theirs.seek(other.begin)
            left = self.end - self.begin
            while left > 0:
                size = min(CHUNK, left)
                if mine.read(size) != theirs.read(size):
                    return False
                left -= size
        return True


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
    stored = _read(path, names)
    if (path / INDEX).is_file():
        _check_index(path, names, stored)
    _check_head(path, config, stored)
    return tuple(path / name for name in names)


def _check_index(path: Path, names: list[str], stored: dict[str, Stored]) -> None:
    weight_map = _weight_map(path / INDEX)
    others = sorted(set(weight_map.values()) - set(names))
    if not others:
        lost = next((t for t, name in weight_map.items() if t not in stored or stored[t].file != path / name), None)
        if lost:
            what = f"{weight_map[lost]} does not hold {lost}, which {INDEX} says it does"
            hint = f"files of two models are mixed here; {how_to_replace(path, INDEX, weight_map[lost])}"
            raise TweetstyleError(what, where=str(path), hint=hint)
        return
    # A single file, and shards besides, which transformers ignores.
    if missing := [name for name in others if not (path / name).is_file()]:
        why = f"missing: {', '.join(missing)}"
    else:
        shards = _read(path, sorted(set(weight_map.values())))
        unequal = sorted(n for n in stored.keys() | shards if n not in stored or n not in shards or not stored[n].equals(shards[n]))
        why = f"{unequal[0]} is another" if unequal else ""
    if why:
        what = f"there are two sets of weights, {SINGLE} and the shards of {INDEX}, and they differ ({why})"
        raise TweetstyleError(what, where=str(path), hint=f"move one of them elsewhere: {SINGLE}, or {INDEX} and its shards")


def _check_head(path: Path, config: dict[str, Any], stored: dict[str, Stored]) -> None:
    """transformers and Unsloth on a CPU load such a head; on a GPU Unsloth replaces it by the embeddings (patch_model_and_tokenizer)."""
    if not config.get("tie_word_embeddings") or HEAD not in stored or EMBEDDINGS not in stored:
        return
    if not stored[HEAD].equals(stored[EMBEDDINGS]):
        what = f"tie_word_embeddings is true, and the stored {HEAD} differs from the embeddings"
        hint = "write tie_word_embeddings: false to use the stored head, as transformers does; with true, Unsloth drops it on a GPU"
        raise TweetstyleError(what, where=str(path / "config.json"), hint=hint)


def _weight_map(index: Path) -> dict[str, str]:
    """Tensor → file name, as the index says."""
    found = read_json(index).get("weight_map")
    if not isinstance(found, dict) or not found or not all(isinstance(name, str) for name in found.values()):
        raise TweetstyleError("its weight_map names no files", where=str(index), hint=how_to_replace(index.parent, index.name))
    return found


def _read(path: Path, names: list[str]) -> dict[str, Stored]:
    """name → tensor, of these files. transformers would take the last of two with the same name."""
    stored: dict[str, Stored] = {}
    for name in names:
        for tensor, found in _read_file(path / name).items():
            if other := stored.get(tensor):
                what = f"{tensor} is stored in {other.file.name} too"
                raise TweetstyleError(what, where=str(found.file), hint="remove the file that does not belong to the model")
            stored[tensor] = found
    return stored


def _read_file(file: Path) -> dict[str, Stored]:
    """name → tensor. The file is 8 bytes of header length, the header, and just the bytes that the header names."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        head = stream.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else size
        header = stream.read(length) if length <= size else b""
    start = 8 + length
    try:
        entries = {name: entry for name, entry in json.loads(header).items() if name != "__metadata__"}
        spans = {name: (start + entry["data_offsets"][0], start + entry["data_offsets"][1]) for name, entry in entries.items()}
        found = {n: Stored(file, e["dtype"], tuple(e["shape"]), *spans[n]) for n, e in entries.items()}
        end = max(tensor.end for tensor in found.values())
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        hint = how_to_replace(file.parent, file.name)
        raise TweetstyleError("not a whole safetensors file", where=str(file), hint=hint) from error
    if end != size:
        what = f"the file has {size:,} bytes, its header says {end:,}"
        raise TweetstyleError(what, where=str(file), hint=f"it was cut off; {how_to_replace(file.parent, file.name)}")
    return found

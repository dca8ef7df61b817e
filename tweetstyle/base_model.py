"""A base model's directory as its files tell it: shapes, shards, special tokens. No weights are read, no torch is imported."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tweetstyle.errors import TweetstyleError
from tweetstyle.hub import find_base, how_to_complete, how_to_get, how_to_replace
from tweetstyle.manifest import fingerprint
from tweetstyle.memory.shape import read_shape
from tweetstyle.pickles import WHY_NO_PICKLE, pickled, require_safetensors
from tweetstyle.template import SpecialTokens
from tweetstyle.tokenizer import Tokenizer

LARGEST_FILE = 5_000_000_000
"""Bytes beyond which transformers wrote weights as shards with an index (4.x, save_pretrained: max_shard_size "5GB")."""
PAD_CANDIDATES = ("<|finetune_right_pad_id|>", "<|reserved_special_token_0|>", "<|endoftext|>", "<pad>", "[PAD]", "<unk>")


@dataclass(frozen=True)
class BaseModel:
    """config: config.json; shards: the safetensors files in order; the ids are those of the tokenizer."""

    path: Path
    config: dict[str, Any]
    shards: tuple[Path, ...]
    tokens: SpecialTokens
    bos_id: int | None
    eos_id: int
    pad_id: int
    pad_token: str

    @cached_property
    def tokenizer(self) -> Tokenizer:
        return Tokenizer(self.path / "tokenizer.json", self.bos_id)

    @property
    def max_positions(self) -> int:
        """The longest sequence, in tokens, that the model was made for."""
        return self.config["max_position_embeddings"]

    @property
    def weight_bytes(self) -> int:
        return sum(shard.stat().st_size for shard in self.shards)

    @property
    def tokenizer_bytes(self) -> int:
        return self.tokenizer.path.stat().st_size

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """file name → fingerprint of everything that decides what is trained. Read once: a 16 GB base takes its time."""
        names = ("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
        files = [self.path / name for name in names if (self.path / name).is_file()]
        return {file.name: fingerprint(file) for file in [*files, *self.shards]}


def read_base_model(path: Path) -> BaseModel:
    """Reads and checks a Hugging Face directory, or the snapshot of a hub name in the hub's cache on this machine.

    Raises TweetstyleError, one clear message each: no directory, only pickled weights, an adapter or a GGUF instead of a base model,
    no config, another architecture than Llama's, biases, a shard that is missing, cut off or of another model, no tokenizer.json,
    more tokens than embeddings, no end token, no right to read.
    """
    try:
        return _read(path)
    except PermissionError as error:
        hint = "check its owner and mode: ls -l shows them"
        raise TweetstyleError("the base model may not be read", where=str(error.filename or path), hint=hint) from error


def _read(path: Path) -> BaseModel:
    path = find_base(path)
    check_kind(path)
    config = read_json(path / "config.json")
    check_architecture(path, config)
    shards = _shards(path, config)
    fast = Tokenizer(path / "tokenizer.json", None)
    if not fast.path.is_file():
        hint = "only fast byte-level BPE tokenizers are supported; " + how_to_complete(path)
        raise TweetstyleError("there is no tokenizer.json", where=str(path), hint=hint)
    if (most := fast.highest_id()) >= config["vocab_size"]:
        what = f"the tokenizer has {most + 1:,} tokens, the model {config['vocab_size']:,} embeddings"
        hint = "the file belongs to another model; " + how_to_replace(path, "tokenizer.json", "tokenizer_config.json")
        raise TweetstyleError(what, where=str(fast.path), hint=hint)
    settings = read_json(path / "tokenizer_config.json")
    template_file = path / "chat_template.jinja"
    chat = template_file.read_text(encoding="utf-8") if template_file.is_file() else settings.get("chat_template")
    bos, eos = _token_text(settings.get("bos_token")), _token_text(settings.get("eos_token"))
    if eos is None or fast.token_id(eos) is None:
        raise TweetstyleError("the tokenizer has no end token", where=str(path / "tokenizer_config.json"), hint="set eos_token")
    bos_id = fast.token_id(bos) if bos else None
    candidates = [_token_text(settings.get("pad_token")), *PAD_CANDIDATES]
    pad = next((t for t in candidates if t and t != eos and fast.token_id(t) is not None), None)
    if pad is None:
        hint = "set pad_token in tokenizer_config.json to a reserved token of the vocabulary (never the end token)"
        raise TweetstyleError("no token can serve as padding", where=str(path), hint=hint)
    tokens = SpecialTokens(bos if bos_id is not None else None, eos, chat if isinstance(chat, str) else None)
    return BaseModel(path, config, shards, tokens, bos_id, fast.token_id(eos), fast.token_id(pad), pad)


def check_kind(path: Path) -> None:
    """Refuses what is a model, but none that can be trained here: an adapter, pickles, a GGUF."""
    if (path / "adapter_config.json").is_file() and not (path / "config.json").is_file():
        over = read_json(path / "adapter_config.json").get("base_model_name_or_path")
        require_safetensors(path, "adapter_model.safetensors", how_to_get(path))
        what = "this is an adapter, not a base model"
        raise TweetstyleError(what, where=str(path), hint=f"name the base model that it was trained over ({over})")
    if any(path.glob("*.safetensors")):
        return
    if named := pickled(path):
        raise TweetstyleError(f"there are only pickled weights ({named[0]})", where=str(path), hint=WHY_NO_PICKLE)
    if gguf := next(path.glob("*.gguf"), None):
        hint = "a GGUF is made for running a model, not for training it; " + how_to_get(path)
        raise TweetstyleError(f"there is only {gguf.name}", where=str(path), hint=hint)


def check_architecture(path: Path, config: dict[str, Any]) -> None:
    """Refuses what is no Llama of the kind that is trained and exported here."""
    where = str(path / "config.json")
    architecture = (config.get("architectures") or ["none"])[0]
    if architecture != "LlamaForCausalLM":
        hint = "use a Llama-shaped model: Llama 3, 3.1, 3.2 or SmolLM2"
        raise TweetstyleError(f"the architecture {architecture} is not supported", where=where, hint=hint)
    for key in ("attention_bias", "mlp_bias"):
        if config.get(key):
            raise TweetstyleError(f"{key} is true: biases are not supported", where=where, hint="use a model without biases")
    try:
        read_shape(config)
    except TweetstyleError as error:
        raise TweetstyleError(error.what, where=where, hint=how_to_replace(path, "config.json")) from error


def _shards(path: Path, config: dict[str, Any]) -> tuple[Path, ...]:
    index = path / "model.safetensors.index.json"
    shard_of = _weight_map(index) if index.is_file() else {}
    shards = tuple(path / name for name in shard_names(path, config))
    missing = [s.name for s in shards if not s.is_file()]
    if missing:
        raise TweetstyleError(f"missing: {', '.join(missing)}", where=str(path), hint=how_to_complete(path))
    stored = {shard.name: _check_whole(shard) for shard in shards}
    if lost := next((tensor for tensor, shard in shard_of.items() if tensor not in stored[shard]), None):
        what = f"{shard_of[lost]} does not hold {lost}, which {index.name} says it does"
        hint = f"files of two models are mixed here; {how_to_replace(path, index.name, shard_of[lost])}"
        raise TweetstyleError(what, where=str(path), hint=hint)
    return shards


def shard_names(path: Path, config: dict[str, Any]) -> list[str]:
    """The files of the weights, there or not, as the index names them; without one there is a single file, or, of a model that is
    too large for one, the index itself is what is missing."""
    index, single = path / "model.safetensors.index.json", "model.safetensors"
    if index.is_file():
        return sorted(set(_weight_map(index).values()))
    return [single] if (path / single).is_file() or 2 * read_shape(config).parameters <= LARGEST_FILE else [index.name]


def _weight_map(index: Path) -> dict[str, str]:
    """Tensor → file name, as the index says."""
    found = read_json(index).get("weight_map")
    if not isinstance(found, dict) or not found or not all(isinstance(name, str) for name in found.values()):
        raise TweetstyleError("its weight_map names no files", where=str(index), hint=how_to_replace(index.parent, index.name))
    return found


def _check_whole(shard: Path) -> set[str]:
    """The names of a file's tensors: it is 8 bytes of header length, the header, and just the bytes that the header names."""
    size = shard.stat().st_size
    with shard.open("rb") as stream:
        head = stream.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else size
        header = stream.read(length) if length <= size else b""
    try:
        tensors = json.loads(header)
        end = max(entry["data_offsets"][1] for name, entry in tensors.items() if name != "__metadata__")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        hint = how_to_replace(shard.parent, shard.name)
        raise TweetstyleError("not a whole safetensors file", where=str(shard), hint=hint) from error
    if 8 + length + end != size:
        what = f"the file has {size:,} bytes, its header says {8 + length + end:,}"
        raise TweetstyleError(what, where=str(shard), hint=f"it was cut off; {how_to_replace(shard.parent, shard.name)}")
    return set(tensors)


def _token_text(token: Any) -> str | None:
    return token.get("content") if isinstance(token, dict) else token


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

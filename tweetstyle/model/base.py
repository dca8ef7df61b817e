"""A base model's directory: shapes, shards, special tokens. Reads no weights."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tweetstyle.errors import TweetstyleError
from tweetstyle.files import fingerprint
from tweetstyle.locale import _
from tweetstyle.model.config import read_shape
from tweetstyle.model.hub import TOKENIZER_BYTES, find_base, how_to_complete, how_to_get, how_to_replace, known_model
from tweetstyle.model.tokenizer import Tokenizer
from tweetstyle.model.weight_files import check_weights, read_json, weight_names
from tweetstyle.prompt.template import SpecialTokens

PAD_CANDIDATES = ("<|finetune_right_pad_id|>", "<|reserved_special_token_0|>", "<|endoftext|>", "<pad>", "[PAD]", "<unk>")


@dataclass(frozen=True)
class BaseModel:
    """config: config.json; shards: the safetensors files that are loaded, in order; the ids are those of the tokenizer."""

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

    Raises TweetstyleError for a model that is not there, damaged or not readable, and one that cannot be trained here.
    """
    try:
        return _read(path)
    except PermissionError as error:
        hint = _("check its owner and mode: ls -l shows them")
        raise TweetstyleError(_("the base model may not be read"), where=str(error.filename or path), hint=hint) from error


def _read(path: Path) -> BaseModel:
    path = find_base(path)
    config = _read_config(path)
    shards = check_weights(path, config)
    fast = Tokenizer(path / "tokenizer.json", None)
    if not fast.path.is_file():
        hint = _("only fast byte-level BPE tokenizers are supported: {what_to_do}", what_to_do=how_to_complete(path))
        raise TweetstyleError(_("there is no {file}", file="tokenizer.json"), where=str(path), hint=hint)
    if (most := fast.highest_id()) >= config["vocab_size"]:
        counts = {"tokens": most + 1, "embeddings": config["vocab_size"]}
        what = _("the tokenizer has {tokens:,} tokens, but the model has {embeddings:,} embeddings", **counts)
        what_to_do = how_to_replace(path, "tokenizer.json", "tokenizer_config.json")
        hint = _("the file belongs to another model: {what_to_do}", what_to_do=what_to_do)
        raise TweetstyleError(what, where=str(fast.path), hint=hint)
    settings = read_json(path / "tokenizer_config.json")
    template_file = path / "chat_template.jinja"
    chat = template_file.read_text(encoding="utf-8") if template_file.is_file() else settings.get("chat_template")
    bos, eos = _token_text(settings.get("bos_token")), _token_text(settings.get("eos_token"))
    if eos is None or fast.token_id(eos) is None:
        raise TweetstyleError(_("the tokenizer has no end token"), where=str(path / "tokenizer_config.json"), hint=_("set eos_token"))
    bos_id = fast.token_id(bos) if bos else None
    candidates = [_token_text(settings.get("pad_token")), *PAD_CANDIDATES]
    pad = next((t for t in candidates if t and t != eos and fast.token_id(t) is not None), None)
    if pad is None:
        hint = _("set pad_token in tokenizer_config.json to a reserved token of the vocabulary (never the end token)")
        raise TweetstyleError(_("no token can serve as padding"), where=str(path), hint=hint)
    tokens = SpecialTokens(bos if bos_id is not None else None, eos, chat if isinstance(chat, str) else None)
    return BaseModel(path, config, shards, tokens, bos_id, fast.token_id(eos), fast.token_id(pad), pad)


def _read_config(path: Path) -> dict[str, Any]:
    """config.json. Refuses a model that cannot be trained here: an adapter, a GGUF, what is no Llama."""
    if (path / "adapter_config.json").is_file():
        what = _("this directory contains an adapter, which would be loaded on top of the base model")
        hint = _("move adapter_config.json and adapter_model.safetensors elsewhere, or name the base model that the adapter was trained on")
        raise TweetstyleError(what, where=str(path), hint=hint)
    if not any(path.glob("*.safetensors")) and (gguf := next(path.glob("*.gguf"), None)):
        hint = _("a GGUF is for running a model, not for training it: {what_to_do}", what_to_do=how_to_get(path))
        raise TweetstyleError(_("there is only {file}", file=gguf.name), where=str(path), hint=hint)
    config, where, hint = read_json(path / "config.json"), str(path / "config.json"), _("use Llama 3, 3.1, 3.2 or SmolLM2")
    architecture = (config.get("architectures") or ["none"])[0]
    if architecture != "LlamaForCausalLM" or config.get("model_type") != "llama":
        kind = config.get("model_type")
        what = _("the architecture {architecture} (model_type: {kind}) is not supported", architecture=architecture, kind=kind)
        raise TweetstyleError(what, where=where, hint=hint)
    if config.get("attention_bias") or config.get("mlp_bias"):
        raise TweetstyleError(_("biases are not supported"), where=where, hint=hint)
    read_shape(config, where)
    return config


def _token_text(token: Any) -> str | None:
    return token.get("content") if isinstance(token, dict) else token


@dataclass(frozen=True)
class BaseConfig:
    """missing: names of files that training needs and that are not there; known_as: whose shape replaces a missing config.json."""

    path: Path
    config: dict[str, Any]
    missing: tuple[str, ...]
    known_as: str | None = None

    @property
    def whole(self) -> bool:
        """Whether every file is there, by its name."""
        return not self.missing and self.known_as is None

    @property
    def tokenizer_bytes(self) -> int:
        """Of tokenizer.json; as large as Llama 3's for its vocabulary where it is not there."""
        file = self.path / "tokenizer.json"
        return file.stat().st_size if file.is_file() else TOKENIZER_BYTES * self.config["vocab_size"]

    @property
    def bytes_there(self) -> int:
        """Of the weights in the directory: of those that are loaded, or of all while some are missing."""
        files = [self.path / name for name in weight_names(self.path)] if self.whole else self.path.glob("*.safetensors")
        return sum(file.stat().st_size for file in files)


def read_base_config(path: Path) -> BaseConfig:
    """Reads config.json and checks which other files exist; a model known by its name need not be there at all.

    Raises TweetstyleError as `read_base_model` does, but for files that are not there yet.
    """
    known = None if path.exists() else known_model(path)
    try:
        directory = find_base(path)
    except TweetstyleError:
        if known is None or known.directory.is_dir():
            raise
        return BaseConfig(path, known.config, (), known.name)
    config = _read_config(directory)
    names = ["tokenizer.json", "tokenizer_config.json", *weight_names(directory)]
    missing = tuple(name for name in names if not (directory / name).is_file())
    if not missing:
        check_weights(directory, config)
    return BaseConfig(directory, config, missing)

"""Writes one GGUF: metadata, the tokenizer as GGUF stores it, tensors block by block."""

import json
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGUFWriter, TokenType

from tweetstyle.errors import TweetstyleError
from tweetstyle.export.blocks import Form
from tweetstyle.locale import _
from tweetstyle.model.base import BaseModel
from tweetstyle.model.imatrix import Imatrix
from tweetstyle.model.llama import FILE_TYPES, TAKE_IMPORTANCE, Llama, Tensor, rope_factors, tensor_type, type_bytes
from tweetstyle.model.weight_files import StoredTensor
from tweetstyle.prompt.template import Template

ROPE_FACTORS = "rope_freqs.weight"
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False}
LLAMA_3_SPLIT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
PRE_TOKENIZERS = {
    "llama-bpe": [
        {"type": "Split", "pattern": {"Regex": LLAMA_3_SPLIT}, "behavior": "Isolated", "invert": False},
        BYTE_LEVEL | {"use_regex": False},
    ],
    "smollm": [{"type": "Digits", "individual_digits": True}, BYTE_LEVEL | {"use_regex": True}],
}
"""llama.cpp's name (key tokenizer.ggml.pre) → the pre-tokenizer of tokenizer.json that splits as it does: Llama 3's and SmolLM2's."""

IGNORES_MERGES = {"llama-bpe": True, "smollm": False}
"""Whether llama.cpp takes a word that is a token as it is, before any merge."""


@dataclass(frozen=True)
class ExportSource:
    """All that is known of a model before its weights are read. stored: weight name → StoredTensor."""

    base: BaseModel
    template: Template
    llama: Llama
    plan: list[Tensor]
    stored: dict[str, StoredTensor]


class GgufFile:
    """A GGUF of one type. Opened by `begin`, fed in the plan's order by `write`, closed by `close`.

    imatrix: what the errors of its tensors are weighed by; None: by nothing.
    """

    def __init__(self, path: Path, file_type: str, source: ExportSource, imatrix: Imatrix | None = None) -> None:
        self.file_type, self._source, self.imatrix = file_type, source, imatrix
        self.forms: dict[str, Form] = {}
        for tensor in source.plan:
            kind = tensor_type(file_type, tensor, source.llama)
            self.forms[tensor.name] = kind, bool(imatrix) and tensor.name in imatrix.sums and kind in TAKE_IMPORTANCE
        self._bytes_left = {tensor.name: type_bytes(self.forms[tensor.name][0], tensor.shape) for tensor in source.plan}
        self._writer = GGUFWriter(path, "llama")

    def begin(self, name: str) -> None:
        """Writes everything before the weights, and the rotary factors, which are computed."""
        writer, source, factors = self._writer, self._source, rope_factors(self._source.llama)
        self._describe(name)
        write_vocabulary(writer, source)
        if (chat_template := source.template.jinja()) is not None:
            writer.add_chat_template(chat_template)
        if factors is not None:
            writer.add_tensor_info(ROPE_FACTORS, factors.shape, factors.dtype, factors.nbytes)
        for tensor in source.plan:
            (kind, _), size = self.forms[tensor.name], self._bytes_left[tensor.name]
            writer.add_tensor_info(tensor.name, tensor.shape, np.dtype(np.float32), size, raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        (self._stream,) = writer.fout
        self._pad()
        if factors is not None:
            self._stream.write(factors.tobytes())
            self._pad()

    def write(self, tensor: Tensor, converted: dict[Form, np.ndarray]) -> None:
        """The next rows of `tensor`, in the type that it has in this file."""
        data = converted[self.forms[tensor.name]]
        self._stream.write(data)
        self._bytes_left[tensor.name] -= data.nbytes
        if not self._bytes_left[tensor.name]:
            self._pad()

    def close(self) -> None:
        self._writer.close()

    def _pad(self) -> None:
        self._writer.write_padding(self._stream, self._stream.tell())

    def _describe(self, name: str) -> None:
        writer, llama = self._writer, self._source.llama
        writer.add_type("model")
        writer.add_name(name)
        writer.add_file_type(FILE_TYPES[self.file_type])
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
        writer.add_block_count(llama.layers)
        writer.add_context_length(llama.positions)
        writer.add_embedding_length(llama.hidden)
        writer.add_feed_forward_length(llama.intermediate)
        writer.add_head_count(llama.heads)
        writer.add_head_count_kv(llama.kv_heads)
        writer.add_key_length(llama.head)
        writer.add_value_length(llama.head)
        writer.add_layer_norm_rms_eps(llama.rms_norm_eps)
        writer.add_rope_freq_base(llama.rope_theta)
        writer.add_rope_dimension_count(llama.head)
        writer.add_vocab_size(llama.vocabulary)
        if self.imatrix:
            # llama-quantize's own keys.
            writer.add_string("quantize.imatrix.dataset", ", ".join(self.imatrix.datasets))
            writer.add_int32("quantize.imatrix.entries_count", len(self.imatrix.sums))
            writer.add_int32("quantize.imatrix.chunks_count", self.imatrix.chunks)


def write_vocabulary(writer: GGUFWriter, source: ExportSource) -> None:
    """The tokenizer.ggml.* keys: as many tokens as embeddings; ids without a token become unused ones.

    add_bos_token and add_eos_token are always written: llama.cpp's defaults vary by pre-tokenizer.
    """
    base, template = source.base, source.template
    content = json.loads(base.tokenizer.path.read_text(encoding="utf-8"))
    model, added = content["model"], {token["id"]: token for token in content["added_tokens"]}
    texts = {index: text for text, index in model["vocab"].items()} | {index: token["content"] for index, token in added.items()}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_pre_tokenizer(content))
    writer.add_token_list([texts.get(index, f"[PAD{index}]") for index in range(source.llama.vocabulary)])
    writer.add_token_types([_token_type(added.get(index), index in texts) for index in range(source.llama.vocabulary)])
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]])
    if base.bos_id is not None:
        writer.add_bos_token_id(base.bos_id)
    writer.add_eos_token_id(base.tokenizer.end_id(template))
    writer.add_pad_token_id(base.pad_id)
    writer.add_add_bos_token(template.add_bos)
    writer.add_add_eos_token(False)


def check_tokenizer(base: BaseModel, template: Template) -> None:
    """Raises TweetstyleError for a template whose tokens do not exist, and for what llama.cpp would tokenise otherwise."""
    path = base.tokenizer.path
    base.tokenizer.end_id(template)
    if odd := _oddity(json.loads(path.read_text(encoding="utf-8"))):
        hint = _("use Llama 3, 3.1, 3.2 or SmolLM2, with the tokenizer.json they came with")
        raise TweetstyleError(_("llama.cpp would tokenise differently: {odd}", odd=odd), where=str(path), hint=hint)
    if template.add_bos and base.bos_id is None:
        what = _("the format begins with BOS, but the tokenizer has none")
        raise TweetstyleError(what, where=str(path), hint=_("use format: text"))


def _token_type(added: dict[str, Any] | None, exists: bool) -> int:
    if added:
        return TokenType.CONTROL if added["special"] else TokenType.USER_DEFINED
    return TokenType.NORMAL if exists else TokenType.UNUSED


def _pre_tokenizer(source: dict[str, Any]) -> str | None:
    """llama.cpp's name of it; None for one that llama.cpp is not known to split like."""
    found = source.get("pre_tokenizer") or {}
    steps = found.get("pretokenizers", []) if found.get("type") == "Sequence" else [found]
    # trim_offsets changes where tokens are said to lie in the text, not which they are.
    steps = [{key: value for key, value in step.items() if key != "trim_offsets"} for step in steps]
    return next((name for name, known in PRE_TOKENIZERS.items() if steps == known), None)


def _oddity(source: dict[str, Any]) -> str | None:
    """What llama.cpp does not do, or not in this way."""
    model, pre = source["model"], _pre_tokenizer(source)
    options = (key for key in ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback") if model.get(key))
    spaces = ("single_word", "lstrip", "rstrip")
    flags = (
        _("the token {token} has {flag}", token=repr(token["content"]), flag=flag)
        for token in source["added_tokens"]
        for flag in spaces
        if token.get(flag)
    )
    if pre is None:
        return _("the pre-tokenizer is not Llama 3's or SmolLM2's")
    if source.get("normalizer"):
        return _("the normalizer {kind}", kind=source["normalizer"].get("type"))
    if bool(model.get("ignore_merges")) != IGNORES_MERGES[pre]:
        return f"ignore_merges: {str(not IGNORES_MERGES[pre]).lower()}"
    return next(chain(options, flags), None)

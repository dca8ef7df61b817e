"""Writes one GGUF: metadata, the tokenizer as GGUF stores it, tensors block by block."""

from __future__ import annotations

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
from tweetstyle.model.base import BaseModel
from tweetstyle.model.imatrix import Imatrix
from tweetstyle.model.llama import FILE_TYPES, TAKE_IMPORTANCE, Llama, Tensor, rope_factors, tensor_type, type_bytes
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


class GgufFile:
    """A GGUF of one type. Opened by `begin`, fed in the plan's order by `write`, closed by `close`.

    imatrix: what the errors of its tensors are weighed by; None: by nothing.
    """

    def __init__(self, path: Path, file_type: str, llama: Llama, plan: list[Tensor], imatrix: Imatrix | None = None) -> None:
        self._imatrix = imatrix
        self.forms: dict[str, Form] = {}
        for tensor in plan:
            kind = tensor_type(file_type, tensor, llama)
            self.forms[tensor.name] = kind, bool(imatrix) and tensor.name in imatrix.sums and kind in TAKE_IMPORTANCE
        self._bytes_left = {tensor.name: type_bytes(self.forms[tensor.name][0], tensor.shape) for tensor in plan}
        self._file_type, self._llama, self._plan = file_type, llama, plan
        self._writer = GGUFWriter(path, "llama")

    def begin(self, vocabulary: Vocabulary, name: str, chat_template: str | None) -> None:
        """Writes everything before the weights, and the rotary factors, which are computed."""
        writer, factors = self._writer, rope_factors(self._llama)
        self._describe(name)
        vocabulary.write(writer)
        if chat_template is not None:
            writer.add_chat_template(chat_template)
        if factors is not None:
            writer.add_tensor_info(ROPE_FACTORS, factors.shape, factors.dtype, factors.nbytes)
        for tensor in self._plan:
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
        writer, llama = self._writer, self._llama
        writer.add_type("model")
        writer.add_name(name)
        writer.add_file_type(FILE_TYPES[self._file_type])
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
        if self._imatrix:
            # llama-quantize's own keys.
            writer.add_string("quantize.imatrix.dataset", ", ".join(self._imatrix.datasets))
            writer.add_int32("quantize.imatrix.entries_count", len(self._imatrix.sums))
            writer.add_int32("quantize.imatrix.chunks_count", self._imatrix.chunks)


@dataclass(frozen=True)
class Vocabulary:
    """tokens [n], types [n] (gguf.TokenType), merges ("left right", in order of rank); eos is the template's end token."""

    pre: str
    tokens: list[str]
    types: list[int]
    merges: list[str]
    bos_id: int | None
    eos_id: int
    pad_id: int
    add_bos: bool

    def write(self, writer: GGUFWriter) -> None:
        """The tokenizer.ggml.* keys. add_bos_token and add_eos_token are always written: llama.cpp's defaults vary by `pre`."""
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(self.pre)
        writer.add_token_list(self.tokens)
        writer.add_token_types(self.types)
        writer.add_token_merges(self.merges)
        if self.bos_id is not None:
            writer.add_bos_token_id(self.bos_id)
        writer.add_eos_token_id(self.eos_id)
        writer.add_pad_token_id(self.pad_id)
        writer.add_add_bos_token(self.add_bos)
        writer.add_add_eos_token(False)


def read_vocabulary(base: BaseModel, template: Template, size: int) -> Vocabulary:
    """The vocabulary of `size` tokens (the embedding's rows; ids without a token become unused ones).

    Raises TweetstyleError naming what llama.cpp would tokenise otherwise.
    """
    tokenizer = base.tokenizer
    source = json.loads(tokenizer.path.read_text(encoding="utf-8"))
    pre, model = _pre_tokenizer(source), source["model"]
    added = {token["id"]: token for token in source.get("added_tokens") or []}
    if odd := _oddity(source, pre, list(added.values())):
        hint = "use Llama 3, 3.1, 3.2 or SmolLM2, with the tokenizer.json they came with"
        raise TweetstyleError(f"llama.cpp would tokenise otherwise: {odd}", where=str(tokenizer.path), hint=hint)
    if template.add_bos and base.bos_id is None:
        what = "the format begins with BOS, and the tokenizer has none"
        raise TweetstyleError(what, where=str(tokenizer.path), hint="use format: text")
    texts = {index: text for text, index in model["vocab"].items()} | {i: t["content"] for i, t in added.items()}
    return Vocabulary(
        pre=pre,
        tokens=[texts.get(i, f"[PAD{i}]") for i in range(size)],
        types=[_token_type(added.get(i), i in texts) for i in range(size)],
        merges=[merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]],
        bos_id=base.bos_id,
        eos_id=tokenizer.end_id(template),
        pad_id=base.pad_id,
        add_bos=template.add_bos,
    )


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


def _oddity(source: dict[str, Any], pre: str | None, added: list[dict[str, Any]]) -> str | None:
    """What llama.cpp does not do, or not in this way."""
    model = source["model"]
    options = (key for key in ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback") if model.get(key))
    flags = (f"the token {t['content']!r} has {f}" for t in added for f in ("single_word", "lstrip", "rstrip") if t.get(f))
    if pre is None:
        return "the pre-tokenizer is not Llama 3's or SmolLM2's"
    if source.get("normalizer"):
        return f"the normalizer {source['normalizer'].get('type')}"
    if bool(model.get("ignore_merges")) != IGNORES_MERGES[pre]:
        return f"ignore_merges: {str(not IGNORES_MERGES[pre]).lower()}"
    return next(chain(options, flags), None)

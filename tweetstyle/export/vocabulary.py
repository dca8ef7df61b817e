"""The tokenizer as GGUF stores it: tokens, types, merges, pre-tokenizer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gguf import GGUFWriter, TokenType

from tweetstyle.errors import TweetstyleError
from tweetstyle.model.base import BaseModel
from tweetstyle.model.hub import how_to_replace
from tweetstyle.prompt.template import Template

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

    Raises TweetstyleError naming what llama.cpp would tokenise otherwise: a pre-tokenizer, normalizer or model
    option that it does not have, tokens that swallow spaces, more tokens than embeddings.
    """
    tokenizer = base.tokenizer
    path = tokenizer.path
    source = json.loads(path.read_text(encoding="utf-8"))
    pre = _pre_tokenizer(source, path)
    _check_model(source, pre, path)
    added = {token["id"]: token for token in source.get("added_tokens") or []}
    texts = {index: text for text, index in source["model"]["vocab"].items()} | {i: t["content"] for i, t in added.items()}
    if max(texts) >= size:
        what = f"the tokenizer has {max(texts) + 1} tokens, the model {size} embeddings"
        raise TweetstyleError(what, where=str(path), hint=f"the file belongs to another model; {how_to_replace(path.parent, path.name)}")
    for token in added.values():
        if odd := next((flag for flag in ("single_word", "lstrip", "rstrip") if token.get(flag)), None):
            what = f"the token {token['content']!r} has {odd}, which llama.cpp does not know"
            raise TweetstyleError(what, where=str(path), hint="use Llama 3 or SmolLM2")
        if tokenizer.token_id(token["content"]) != token["id"]:
            what = f"the id {token['id']} of {token['content']!r} is not the one that the tokenizer gives it"
            raise TweetstyleError(what, where=str(path), hint=f"the file is damaged; {how_to_replace(path.parent, path.name)}")
    if template.add_bos and base.bos_id is None:
        raise TweetstyleError("the format begins with BOS, and the tokenizer has none", where=str(path), hint="use format: text")
    return Vocabulary(
        pre=pre,
        tokens=[texts.get(i, f"[PAD{i}]") for i in range(size)],
        types=[_token_type(added.get(i), i in texts) for i in range(size)],
        merges=[merge if isinstance(merge, str) else " ".join(merge) for merge in source["model"]["merges"]],
        bos_id=base.bos_id,
        eos_id=tokenizer.end_id(template),
        pad_id=base.pad_id,
        add_bos=template.add_bos,
    )


def _token_type(added: dict[str, Any] | None, exists: bool) -> int:
    if added:
        return TokenType.CONTROL if added["special"] else TokenType.USER_DEFINED
    return TokenType.NORMAL if exists else TokenType.UNUSED


def _pre_tokenizer(source: dict[str, Any], path: Path) -> str:
    found = source.get("pre_tokenizer") or {}
    steps = found.get("pretokenizers", []) if found.get("type") == "Sequence" else [found]
    # trim_offsets changes where tokens are said to lie in the text, not which they are.
    steps = [{key: value for key, value in step.items() if key != "trim_offsets"} for step in steps]
    for name, known in PRE_TOKENIZERS.items():
        if steps == known:
            return name
    kinds = " + ".join(str(step.get("type", "none")) for step in steps)
    what = f"the pre-tokenizer ({kinds}) is none that llama.cpp is known to split like"
    raise TweetstyleError(what, where=str(path), hint="use Llama 3, 3.1, 3.2 or SmolLM2, with the tokenizer.json they came with")


def _check_model(source: dict[str, Any], pre: str, path: Path) -> None:
    model = source["model"]
    odd = next((k for k in ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback") if model.get(k)), None)
    if source.get("normalizer"):
        odd = f"the normalizer {source['normalizer'].get('type')}"
    if bool(model.get("ignore_merges")) != IGNORES_MERGES[pre]:
        odd = f"ignore_merges: {str(bool(model.get('ignore_merges'))).lower()}"
    if odd:
        what = f"the tokenizer has {odd}, and llama.cpp's {pre} works otherwise"
        raise TweetstyleError(what, where=str(path), hint="use Llama 3, 3.1, 3.2 or SmolLM2, with the tokenizer.json they came with")

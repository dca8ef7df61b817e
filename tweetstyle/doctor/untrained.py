"""Special tokens that a model never learned, measured from its embeddings: a few rows are read, by the tokens' ids, whatever their names.

A base Llama 3 has 256 special tokens and saw three of them. The rows of the others, <|start_header_id|>, <|end_header_id|> and
<|eot_id|> among them, stayed as they began: all but equal to one another, or all but zero. LoRA leaves embeddings as they are, so a format
that writes such tokens gives the model marks that it cannot tell apart (github.com/unslothai/unsloth/issues/915,
github.com/meta-pytorch/torchtune/issues/2429; Unsloth ends such a training with an error after the model is loaded:
unsloth_zoo/tokenizer_utils.py, fix_untrained_tokens).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tweetstyle.model.base import BaseModel
from tweetstyle.model.stored_tensors import read_headers
from tweetstyle.prompt.template import Template

EMBEDDINGS = "model.embed_tokens.weight"
SAME = 0.02
"""Distance of two rows, relative to their length, below which they are one row with noise. SmolLM2-135M's unused tokens lie within
0.0001 of one another; <|im_start|>, learned in its second training alone, lies 0.12 from them, an ordinary token 0.9."""
SHORT = 0.02
"""Length of a row, relative to the median of ordinary ones, below which it is zero with noise."""
ORDINARY = 256
"""Ordinary rows read for that median, spread evenly over the vocabulary."""


@dataclass(frozen=True)
class Untrained:
    """A special token and why it counts as never learned. length: of its row, relative to ordinary ones; like: how many other special
    tokens have all but the same row."""

    token: str
    length: float
    like: int


def tokens_of_format(base: BaseModel, template: Template) -> dict[int, str]:
    """Id → text of the special tokens that a line of the format writes, its end included."""
    special = base.tokenizer.special_ids
    ids = [*base.tokenizer.prompt_ids(template.prompt(), add_bos=template.add_bos), base.tokenizer.end_id(template)]
    return {index: special[index] for index in ids if index in special}


def untrained_tokens(base: BaseModel, tokens: dict[int, str]) -> list[Untrained]:
    """Those of `tokens` (id → text) that the model never learned."""
    embeddings = read_headers(base.shards)[EMBEDDINGS]
    special = sorted(base.tokenizer.special_ids)
    rows = np.concatenate([embeddings.read(index, 1) for index in special])
    ordinary = np.linspace(0, embeddings.rows - 1, min(ORDINARY, embeddings.rows)).astype(int)
    median = float(np.median([np.linalg.norm(embeddings.read(int(index), 1)) for index in ordinary if index not in special]))
    return judge(rows, special, median, tokens)


def judge(rows: np.ndarray, ids: list[int], median: float, tokens: dict[int, str]) -> list[Untrained]:
    """rows [n, hidden]: of all special tokens, `ids` [n]; median: length of an ordinary row; tokens: those to judge, id → text."""
    lengths = np.linalg.norm(rows, axis=1)
    found = []
    for place, index in enumerate(ids):
        if index not in tokens:
            continue
        apart = np.linalg.norm(rows - rows[place], axis=1)
        like = int((apart <= SAME * max(lengths[place], 1e-30)).sum()) - 1
        if like or lengths[place] <= SHORT * median:
            found.append(Untrained(tokens[index], float(lengths[place]) / median, like))
    return found

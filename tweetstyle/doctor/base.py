"""Does the base model fit the recipe: number format, tokenizer, learning rate, tokens?"""

from collections.abc import Iterator

import numpy as np

from tweetstyle.console import size
from tweetstyle.hardware.check import Check, fail, ok, warn
from tweetstyle.locale import N_, _, _n
from tweetstyle.model.base import BaseModel
from tweetstyle.model.config import read_shape
from tweetstyle.model.hub import how_to_replace
from tweetstyle.model.weight_files import read_headers
from tweetstyle.plan.schedule import unusual_rate
from tweetstyle.prompt.template import Template

EMBEDDINGS = "model.embed_tokens.weight"
SAME = 0.02
"""Distance of two rows, relative to their length, below which they are one row with noise. SmolLM2-135M's unused tokens lie within
0.0001 of one another; <|im_start|>, learned in its second training alone, lies 0.12 from them, an ordinary token 0.9."""
SHORT = 0.02
"""Length of a row, relative to the median of ordinary ones, below which it is zero with noise."""
ORDINARY = 256
"""Ordinary rows read for that median, spread evenly over the vocabulary."""


def check_base(base: BaseModel, template: Template, method: str, learning_rate: float) -> Iterator[Check]:
    """base model, tokenizer, learning rate, prompt."""
    files = _n("{count} safetensors file", "{count} safetensors files", len(base.shards))
    values = {"path": base.path, "size": size(base.weight_bytes), "billions": read_shape(base.config).parameters / 1e9}
    yield ok(N_("base model"), _("{path}: {files}, {size}, {billions:.3g} billion parameters, complete", files=files, **values))
    yield check_tokenizer(base)
    if what := unusual_rate(learning_rate, method, base.config["hidden_size"]):
        yield warn(N_("learning rate"), what, _("write that rate"), "training.learning_rate")
    yield check_prompt(template, method, untrained_tokens(base, tokens_of_format(base, template)))


def check_tokenizer(base: BaseModel) -> Check:
    """Whether config.json and tokenizer_config.json name the same special tokens, which files of one model do."""
    name, where, other = N_("tokenizer"), str(base.path / "tokenizer_config.json"), []
    for key, there in (("bos_token_id", base.bos_id), ("eos_token_id", base.eos_id)):
        value = base.config.get(key)
        among = value if isinstance(value, list) else [value]
        if value is not None and there is not None and there not in among:
            other.append(_("{key} is {value} in config.json, and {there} in the tokenizer", key=key, value=str(value), there=str(there)))
    if other:
        how = how_to_replace(base.path, "tokenizer.json", "tokenizer_config.json", "config.json")
        do = _("take all three from one model; {how}", how=how)
        return warn(name, "; ".join(other), do, where)
    values = {"tokens": base.tokenizer.highest_id() + 1, "embeddings": base.config["vocab_size"]}
    return ok(name, _("up to {tokens:,} tokens for {embeddings:,} embeddings", **values))


def check_prompt(template: Template, method: str, untrained: list[str]) -> Check:
    """The format against what the model learned."""
    name, where = N_("prompt"), "prompt.format"
    if not untrained:
        return ok(name, _("the model learned every special token that format: {format} writes", format=template.format))
    if template.turns:
        # message: playback goes with format: chat alone: there is no other format to name.
        do = _("take the instruct model, as recipes/llama3-8b-instruct-chat-12gb.yaml does")
    elif template.format == "chat":
        do = _("write format: inst, as recipes/llama3-8b-12gb.yaml does for a base model; or keep the format and take the instruct model")
    else:
        do = _("leave those tokens out of prompt.custom, or take the instruct model")
    values = {"format": template.format, "tokens": ", ".join(untrained)}
    what = _("format: {format} writes {tokens}, which the base model never learned", **values)
    if method == "full":
        return warn(name, what, _("they would be learned from your tweets alone: {do}", do=do), where)
    return fail(name, what, do, where)


def tokens_of_format(base: BaseModel, template: Template) -> dict[int, str]:
    """Id → text of the special tokens that a line of the format writes, its end included."""
    special = base.tokenizer.special_ids
    ids = [*base.tokenizer.prompt_ids(template.prompt(), add_bos=template.add_bos), base.tokenizer.end_id(template)]
    return {index: special[index] for index in ids if index in special}


def untrained_tokens(base: BaseModel, tokens: dict[int, str]) -> list[str]:
    """Those of `tokens` (id → text) that the model never learned: their embedding is all but zero, or that of another special token."""
    embeddings = read_headers(base.shards)[EMBEDDINGS]
    special = sorted(base.tokenizer.special_ids)
    rows = np.concatenate([embeddings.read(index, 1) for index in special])
    spread = np.linspace(0, embeddings.rows - 1, min(ORDINARY, embeddings.rows)).astype(int)
    ordinary = np.median([np.linalg.norm(embeddings.read(int(index), 1)) for index in spread if index not in special])
    found = []
    for index, row in zip(special, rows, strict=True):
        length = np.linalg.norm(row)
        alike = (np.linalg.norm(rows - row, axis=1) <= SAME * length).sum() > 1
        if index in tokens and (alike or length <= SHORT * ordinary):
            found.append(tokens[index])
    return found

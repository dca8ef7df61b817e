"""How probable the held-out tweets are: summed token losses of the base and of the tuned model, by stock transformers and PEFT.

Never Unsloth: its fused kernels and patched forwards are what the trainer needs, and a second opinion must not share them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tweetstyle.base_model import BaseModel
from tweetstyle.errors import TweetstyleError
from tweetstyle.tokenizer import Encoded

if TYPE_CHECKING:
    import torch

BATCH_TOKENS = 1024
"""Positions in one forward pass. Measured on 2 cores from 256 to 2,048: flat, and 1.8 times the speed of one by one."""
LOGIT_BYTES = 128 * 2**20
"""Logits held at once: a vocabulary of 128,000 in fp32 costs half a megabyte a position."""

BASE, TUNED = "base", "tuned"


@dataclass(frozen=True)
class Scored:
    """Negative log-likelihoods in nats, float64 [n], in the order of the documents."""

    base: np.ndarray
    tuned: np.ndarray


def first_scored(document: Encoded) -> int:
    """Index of the first scored token: the answer's first, but never one with nothing before it to be predicted from."""
    return max(document.prompt_length, 1)


def score(
    base: BaseModel,
    final_model: Path,
    method: str,
    documents: Sequence[Encoded],
    advance: Callable[[int], None] = lambda tokens: None,
) -> Scored:
    """Sums, for each document, the losses of its answer and end token under both models.

    method: "qlora" and "lora" read one model, with its adapter on and off; "full" reads two, one after the other.
    advance: called with the number of token positions just done, of 2 · Σ len(ids) in all.
    Raises TweetstyleError for an adapter that does not fit the base, and where 4 bits cannot be had.
    """
    import torch

    with quiet_libraries(), torch.inference_mode():
        if method == "full":
            found = {}
            for name, path in ((BASE, base.path), (TUNED, final_model)):
                model = load_model(path, method)
                found[name] = summed_losses(model, documents, advance)
                del model  # two 8B models at once would not fit the card
            return Scored(found[BASE], found[TUNED])
        adapted = load_adapter(load_model(base.path, method), final_model)
        if method == "qlora":
            keep_weights_as_trained(adapted)
        tuned = summed_losses(adapted.get_base_model(), documents, advance)
        with adapted.disable_adapter():
            return Scored(summed_losses(adapted.get_base_model(), documents, advance), tuned)


def summed_losses(model: Any, documents: Sequence[Encoded], advance: Callable[[int], None]) -> np.ndarray:
    """Nats, float64 [n]: losses in fp32, their sum in fp64. `model` is a transformers LlamaForCausalLM.

    Right padding changes no causal position before it, so that a batch gives the same sums as one by one (tested);
    the vocabulary's logits are made where a token is scored, not on the prompt.
    """
    import torch

    sums = np.zeros(len(documents))
    for batch in batches([len(d.ids) for d in documents], BATCH_TOKENS):
        chosen = [documents[i] for i in batch]
        ids = torch.zeros(len(chosen), max(len(d.ids) for d in chosen), dtype=torch.long)
        real, scored = torch.zeros_like(ids), torch.zeros_like(ids, dtype=torch.bool)
        for row, document in enumerate(chosen):
            length = len(document.ids)
            ids[row, :length] = torch.tensor(document.ids)
            real[row, :length] = 1
            scored[row, first_scored(document) : length] = True
        ids, real, scored = (tensor.to(model.device) for tensor in (ids, real, scored))
        # use_cache=False: with a cache transformers drops the mask of packed rows, and keeps what no one reads.
        hidden = model.model(input_ids=ids, attention_mask=real, use_cache=False).last_hidden_state
        # A token is predicted by the position before it.
        losses = _losses(model.lm_head, hidden[:, :-1][scored[:, 1:]], ids[scored])
        rows = torch.nonzero(scored)[:, 0].cpu().numpy()
        sums[batch] = np.bincount(rows, weights=losses, minlength=len(chosen))
        advance(sum(len(d.ids) for d in chosen))
    return sums


def _losses(head: Any, hidden: torch.Tensor, targets: torch.Tensor) -> np.ndarray:
    """Cross entropy of each target, nats, in pieces that bound the memory of the logits. [m, width], [m] → float64 [m]."""
    import torch

    step = max(1, LOGIT_BYTES // (4 * head.out_features))
    pieces = [
        torch.nn.functional.cross_entropy(head(some).float(), goal, reduction="none").cpu()
        for some, goal in zip(hidden.split(step), targets.split(step), strict=True)
    ]
    return torch.cat(pieces).double().numpy()


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


# -- models -------------------------------------------------------------------------------------------------


def load_model(path: Path, method: str) -> Any:
    """The weights at `path` for scoring: fp32 on a CPU, 16 bits on a GPU, 4 bits (NF4, double quantisation) for qlora."""
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    on_gpu = torch.cuda.is_available()
    dtype = (torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16) if on_gpu else torch.float32
    options: dict[str, Any] = {"dtype": dtype, "local_files_only": True, "device_map": "cuda" if on_gpu else "cpu"}
    if method == "qlora":
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
        )
    try:
        return AutoModelForCausalLM.from_pretrained(path.absolute(), **options).eval()
    except (ImportError, NotImplementedError, RuntimeError) as error:
        if method != "qlora":
            raise
        hint = "write method: lora, or run on a machine where bitsandbytes works (python -m bitsandbytes tells why not)"
        raise TweetstyleError(f"4 bits cannot be had here ({error})", where="model.method: qlora", hint=hint) from error


def load_adapter(model: Any, final_model: Path) -> Any:
    """The PEFT model over `model`, its adapter on. Raises TweetstyleError where the two do not fit."""
    from peft import PeftModel

    again = "run the fit stage again: tweetstyle-fit RECIPE --from fit"
    if not (final_model / "adapter_config.json").is_file():
        raise TweetstyleError("there is no adapter here", where=str(final_model), hint=again)
    try:
        return PeftModel.from_pretrained(model, final_model.absolute(), is_trainable=False).eval()
    except (RuntimeError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        raise TweetstyleError(f"the adapter does not fit the base model ({first})", where=str(final_model), hint=again) from error


def keep_weights_as_trained(model: Any) -> None:
    """Leaves the 4-bit linears in training mode, in which they have nothing but their weights.

    In evaluation mode bitsandbytes (0.50) packs them anew for its CPU kernel and rounds their scales to bfloat16: not the
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

    for chatty in ("torch.utils._pytree", "bitsandbytes"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    from transformers.utils import logging as library

    level, bar = library.get_verbosity(), library.is_progress_bar_enabled()
    library.set_verbosity_error()
    library.disable_progress_bar()
    try:
        yield
    finally:
        library.set_verbosity(level)
        if bar:
            library.enable_progress_bar()

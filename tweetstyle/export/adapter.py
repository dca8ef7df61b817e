"""A PEFT LoRA adapter: what of it can be merged exactly, and the product that is added to a weight."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tweetstyle.errors import TweetstyleError
from tweetstyle.export.llama import Tensor
from tweetstyle.export.stored_tensors import StoredTensor, read_headers

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"

READ = {"peft_type", "r", "lora_alpha", "use_rslora", "init_lora_weights", "bias"}
WITHOUT_EFFECT = {
    "alora_invocation_tokens", "auto_mapping", "base_model_name_or_path", "corda_config", "eva_config", "exclude_modules",
    "inference_mode", "layers_pattern", "layers_to_transform", "loftq_config", "lora_dropout", "lora_ga_config",
    "megatron_config", "megatron_core", "peft_version", "qalora_group_size", "revision", "target_modules", "task_type",
}  # fmt: skip
"""Keys of adapter_config.json that do not change what the stored A and B mean: which modules were trained is told by the
tensors themselves, an initialisation by init_lora_weights. Every other key must be off, so that a variant of LoRA
that is not known here is refused by name instead of being merged wrongly."""

PLAIN_INITIALISATIONS = (True, False, "gaussian")
"""Those that leave the base weights alone: pissa, olora, corda, loftq and lora_ga rewrite them while they initialise."""


@dataclass(frozen=True)
class Adapter:
    """scale: what B·A is multiplied by; pairs: weight name → (A [r, in], B [out, r])."""

    scale: float
    pairs: dict[str, tuple[StoredTensor, StoredTensor]]

    def delta(self, source: str) -> Delta | None:
        """What is added to the weight `source`; None where the adapter leaves it alone."""
        if source not in self.pairs:
            return None
        a, b = self.pairs[source]
        return Delta(self.scale, a.read(), b.read())


@dataclass(frozen=True)
class Delta:
    """scale·B·A over one weight, in float32."""

    scale: float
    a: np.ndarray
    b: np.ndarray

    def rows(self, first: int, count: int) -> np.ndarray:
        """[count, in] rows of the product. einsum adds the r terms of an element one after another; BLAS, behind @, in an order
        that depends on its threads, so that the last bit would be another on another machine. At small r it is no slower."""
        product = np.einsum("nr,rc->nc", self.b[first : first + count], self.a)
        product *= np.float32(self.scale)
        return product


def read_adapter(directory: Path, plan: list[Tensor]) -> Adapter:
    """Reads and checks an adapter directory as PEFT and Unsloth save it, against the tensors of the base model.

    Raises TweetstyleError naming the first thing that cannot be merged exactly: a variant of LoRA beyond plain and
    rank-stabilised, trained modules that are no linear of a layer, other shapes than the base's, NaN or infinity.
    """
    scale, rank = _scale(directory / CONFIG)
    shapes = {t.source: t.shape for t in plan if t.layer is not None and len(t.shape) == 2}
    halves: dict[str, dict[str, StoredTensor]] = {}
    where = str(directory / WEIGHTS)
    for name, tensor in read_headers([directory / WEIGHTS]).items():
        match = re.fullmatch(r"base_model\.model\.(.+)\.lora_([AB])(?:\.default)?\.weight", name)
        source = f"{match[1]}.weight" if match else None
        if source not in shapes:
            hint = "train adapters on q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj and down_proj only"
            raise TweetstyleError(f"{name} is no adapter of this model's linears", where=where, hint=hint)
        halves.setdefault(source, {})[match[2]] = tensor
    if not halves:
        raise TweetstyleError("the adapter holds no weights", where=where, hint="train again: tweetstyle fit RECIPE")
    pairs = {}
    for source, half in sorted(halves.items()):
        rows, columns = shapes[source]
        expected = {"A": (rank, columns), "B": (rows, rank)}
        if {side: tensor.shape for side, tensor in half.items()} != expected:
            found = ", ".join(f"{side} {list(half[side].shape)}" for side in sorted(half))
            what = f"{source}: the adapter has {found}; over this base it must be A [{rank}, {columns}] and B [{rows}, {rank}]"
            raise TweetstyleError(what, where=where, hint="it was trained over another base model: set model.base to that one")
        for tensor in half.values():
            if not np.isfinite(tensor.read()).all():
                hint = "the training diverged: lower training.learning_rate and train again"
                raise TweetstyleError(f"{tensor.name} holds NaN or infinity", where=where, hint=hint)
        pairs[source] = (half["A"], half["B"])
    return Adapter(scale, pairs)


def _scale(path: Path) -> tuple[float, int]:
    """lora_alpha/r, or lora_alpha/√r for rank-stabilised LoRA (arXiv 2312.03732), and r."""

    def refuse(what: str) -> TweetstyleError:
        hint = "merge adapters of plain or rank-stabilised LoRA over the base they were trained on"
        return TweetstyleError(what, where=str(path), hint=hint)

    config = _read_config(path)
    if config.get("peft_type") != "LORA":
        raise refuse(f"the adapter's kind is {config.get('peft_type')}, not LORA")
    if (initialisation := config.get("init_lora_weights", True)) not in PLAIN_INITIALISATIONS:
        raise refuse(f"init_lora_weights is {initialisation}: such an initialisation rewrites the base model's weights")
    if (bias := config.get("bias", "none")) != "none":
        raise refuse(f"bias is {bias}: a Llama has none to add it to")
    for key in sorted(config.keys() - READ - WITHOUT_EFFECT):
        if config[key]:
            raise refuse(f"{key} is {json.dumps(config[key])}: it cannot be merged exactly")
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if not isinstance(rank, int) or rank < 1 or not isinstance(alpha, int | float) or not math.isfinite(alpha):
        raise refuse(f"r is {rank} and lora_alpha is {alpha}: not a rank and a number")
    return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank), rank


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise TweetstyleError("there is no adapter here", where=str(path.parent), hint="train first: tweetstyle fit RECIPE") from error
    except ValueError as error:
        raise TweetstyleError(f"not JSON ({error})", where=str(path), hint="train again: tweetstyle fit RECIPE") from error
    if not isinstance(config, dict):
        raise TweetstyleError("not a JSON object", where=str(path), hint="train again: tweetstyle fit RECIPE")
    return config

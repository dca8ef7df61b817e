"""A PEFT LoRA adapter: what can be merged exactly, and its product."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tweetstyle.errors import TweetstyleError
from tweetstyle.files import read_back
from tweetstyle.locale import _
from tweetstyle.model.llama import Tensor
from tweetstyle.model.weight_files import StoredTensor, read_headers

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"

SCALE = {"r", "lora_alpha", "use_rslora"}
"""Keys of adapter_config.json that the merge computes with."""
WITHOUT_EFFECT = {
    # Who wrote the file, where the base model was, which modules it is over, how it is trained further.
    "auto_mapping", "base_model_name_or_path", "inference_mode", "lora_dropout", "peft_version", "revision", "runtime_config",
    "target_modules", "task_type",
    # Of an initialisation that init_lora_weights would name, or of a variant that another key turns on.
    "corda_config", "eva_config", "loftq_config", "lora_ga_config", "megatron_core", "qalora_group_size",
}  # fmt: skip
"""Keys that do not change what the stored A and B add to the weights."""
PLAIN = {
    "peft_type": ["LORA"],
    # pissa, olora, corda, loftq and lora_ga rewrite the base weights while they initialise.
    "init_lora_weights": [True, False, "gaussian"],
    "bias": ["none"],
    "alpha_pattern": [{}],
    "rank_pattern": [{}],
}
"""Values that plain LoRA may have. Every other key, also one that a newer PEFT adds, must be off: null or false."""


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


def read_adapter(directory: Path, plan: list[Tensor], times: float = 1.0) -> Adapter:
    """Reads and checks an adapter directory as PEFT and Unsloth save it, against the tensors of the base model.

    times: what the scale of its configuration is multiplied by.

    Raises TweetstyleError for another variant of LoRA, modules beyond the linears of the layers, other shapes, NaN or infinity.
    """
    scale, rank = _scale(directory / CONFIG)
    file = directory / WEIGHTS
    linears = {tensor.source: tensor.shape for tensor in plan if tensor.layer is not None and len(tensor.shape) == 2}
    halves: dict[str, dict[str, StoredTensor]] = {}
    for name, tensor in read_headers([file]).items():
        match = re.fullmatch(r"base_model\.model\.(.+)\.lora_([AB])\.weight", name)
        source = f"{match[1]}.weight" if match else None
        if source not in linears:
            hint = _("train adapters on q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj and down_proj only")
            raise TweetstyleError(_("{name} is not an adapter of one of this model's linear layers", name=name), where=str(file), hint=hint)
        if not np.isfinite(tensor.read()).all():
            hint = _("the training diverged: lower training.learning_rate and train again")
            raise TweetstyleError(_("{name} contains NaN or infinity", name=name), where=str(file), hint=hint)
        halves.setdefault(source, {})[match[2]] = tensor
    if not halves:
        raise TweetstyleError(_("the adapter contains no weights"), where=str(file), hint=_("train again: tweetstyle fit RECIPE"))
    for source, half in halves.items():
        rows, columns = linears[source]
        if {side: tensor.shape for side, tensor in half.items()} != {"A": (rank, columns), "B": (rows, rank)}:
            found = ", ".join(f"{side} {list(half[side].shape)}" for side in sorted(half))
            needed = f"A [{rank}, {columns}], B [{rows}, {rank}]"
            what = _("{name}: the adapter has {found}; for this base model it must be {needed}", name=source, found=found, needed=needed)
            raise TweetstyleError(what, where=str(file), hint=_("it was trained on another base model: set model.base to that one"))
    return Adapter(times * scale, {source: (half["A"], half["B"]) for source, half in halves.items()})


def _scale(path: Path) -> tuple[float, int]:
    """lora_alpha/r, or lora_alpha/√r for rank-stabilised LoRA (arXiv 2312.03732), and r."""
    if (config := read_back(path, dict[str, Any])) is None:
        raise TweetstyleError(_("there is no adapter here"), where=str(path), hint=_("train first: tweetstyle fit RECIPE"))
    for key in sorted(config.keys() - SCALE - WITHOUT_EFFECT):
        # Compared as JSON: 0 is a layer and not off, and PEFT turns some variants on by an empty object.
        if json.dumps(config[key]) not in map(json.dumps, [None, False, *PLAIN.get(key, [])]):
            what = _("{key} is {value}: only plain and rank-stabilised LoRA can be merged exactly", key=key, value=json.dumps(config[key]))
            raise TweetstyleError(what, where=str(path), hint=_("train again: tweetstyle fit RECIPE"))
    rank, alpha = config["r"], config["lora_alpha"]
    return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank), rank

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
from tweetstyle.model.llama import Tensor
from tweetstyle.model.weight_files import StoredTensor, read_headers

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"

READ = {"peft_type", "r", "lora_alpha", "use_rslora", "init_lora_weights", "target_modules"}
"""Keys of adapter_config.json that the merge computes with. These and the next two tables hold every field of PEFT's LoraConfig."""
REFUSED = {
    "alora_invocation_tokens": "the adapter works after these tokens only, and merged weights work everywhere",
    "alpha_pattern": "some modules have a lora_alpha of their own",
    "arrow_config": "which adapter is used depends on the input",
    "bias": "biases were trained, and a Llama has none",
    "ensure_weight_tying": "embeddings or the head were trained",
    "exclude_modules": "it would leave out some of the stored weights",
    "fan_in_fan_out": "a Llama's linears are not stored transposed",
    "kasa_config": "KaSA computes with other base weights",
    "layer_replication": "it repeats layers of the base model",
    "layers_pattern": "it would leave out some of the stored weights",
    "layers_to_transform": "it would leave out some of the stored weights",
    "lora_bias": "LoRA's B has a bias, and a Llama's linears have none",
    "megatron_config": "its layers are Megatron's",
    "modules_to_save": "whole modules were trained besides",
    "monteclora_config": "MonteCLoRA adds samples to the weights",
    "rank_pattern": "some modules have a rank of their own",
    "target_parameters": "parameters were trained that are no linear's weight",
    "trainable_token_indices": "rows of the embeddings were trained",
    "use_bdlora": "BD-LoRA's matrices are block-diagonal",
    "use_dora": "DoRA rescales the merged weights",
    "use_qalora": "QA-LoRA pools the inputs",
    "velora_config": "VeLoRA is not known here to be plain LoRA",
}
"""Keys that must be off (null, false or NEUTRAL), and why."""
NEUTRAL = {"bias": "none", "alpha_pattern": {}, "rank_pattern": {}}
WITHOUT_EFFECT = {
    # Who wrote the file, where the base model was, how it is trained further.
    "auto_mapping", "base_model_name_or_path", "inference_mode", "lora_dropout", "peft_version", "revision", "runtime_config", "task_type",
    # Of an initialisation that init_lora_weights would name, or of a variant that another key turns on.
    "corda_config", "eva_config", "loftq_config", "lora_ga_config", "megatron_core", "qalora_group_size",
}  # fmt: skip
"""Keys that do not change what the stored A and B add to the weights."""

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
    rank-stabilised, trained modules that are no linear of a layer, weights that PEFT would not use or would have to make up, other
    shapes than the base's, NaN or infinity.
    """
    config = _read_config(directory / CONFIG)
    scale, rank = _scale(config, directory / CONFIG)
    where = str(directory / WEIGHTS)
    halves = _halves(directory / WEIGHTS, plan)
    _check_targets(config, halves, plan, directory / CONFIG)
    shapes = {tensor.source: tensor.shape for tensor in plan}
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


def _halves(file: Path, plan: list[Tensor]) -> dict[str, dict[str, StoredTensor]]:
    """Weight name → A and B, as far as they are stored. Refuses every other tensor."""
    linears = {t.source for t in plan if t.layer is not None and len(t.shape) == 2}
    halves: dict[str, dict[str, StoredTensor]] = {}
    for name, tensor in read_headers([file]).items():
        match = re.fullmatch(r"base_model\.model\.(.+)\.lora_([AB])(?:\.default)?\.weight", name)
        source = f"{match[1]}.weight" if match else None
        if source not in linears:
            hint = "train adapters on q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj and down_proj only"
            raise TweetstyleError(f"{name} is no adapter of this model's linears", where=str(file), hint=hint)
        half = halves.setdefault(source, {})
        if other := half.get(match[2]):
            what = f"{name} and {other.name} are the same matrix"
            raise TweetstyleError(what, where=str(file), hint="train again: tweetstyle fit RECIPE")
        half[match[2]] = tensor
    if not halves:
        raise TweetstyleError("the adapter holds no weights", where=str(file), hint="train again: tweetstyle fit RECIPE")
    return halves


def _check_targets(config: dict[str, Any], halves: dict[str, Any], plan: list[Tensor], where: Path) -> None:
    """PEFT ignores stored weights of modules that target_modules does not select, and initialises selected ones that are not stored."""
    linears = {t.source.removesuffix(".weight"): t for t in plan if len(t.shape) == 2}
    targets = config.get("target_modules")
    try:
        selected = {name for name, tensor in linears.items() if _is_selected(name, tensor, targets)}
    except (re.error, TypeError) as error:
        hint = "train again: tweetstyle fit RECIPE"
        raise TweetstyleError(f"target_modules is {json.dumps(targets)}: no names of modules", where=str(where), hint=hint) from error
    stored = {source.removesuffix(".weight") for source in halves}
    if different := sorted(selected ^ stored):
        name = different[0]
        why = "selects it, and no weights of it are stored" if name in selected else "does not select it, though weights of it are stored"
        hint = "the two files belong to different adapters: copy both from one, or train again: tweetstyle fit RECIPE"
        raise TweetstyleError(f"{name}: target_modules {why}", where=str(where), hint=hint)


def _is_selected(name: str, tensor: Tensor, targets: Any) -> bool:
    """By PEFT's rule (tuners_utils.py, check_target_module_exists); "all-linear" leaves out embeddings and head."""
    if targets == "all-linear":
        return tensor.layer is not None
    if isinstance(targets, str):
        return re.fullmatch(targets, name) is not None
    return any(name == target or name.endswith(f".{target}") for target in targets)


def _scale(config: dict[str, Any], path: Path) -> tuple[float, int]:
    """lora_alpha/r, or lora_alpha/√r for rank-stabilised LoRA (arXiv 2312.03732), and r."""

    def refuse(what: str) -> TweetstyleError:
        hint = "merge adapters of plain or rank-stabilised LoRA over the base they were trained on"
        return TweetstyleError(what, where=str(path), hint=hint)

    if config.get("peft_type") != "LORA":
        raise refuse(f"the adapter's kind is {config.get('peft_type')}, not LORA")
    if (initialisation := config.get("init_lora_weights", True)) not in PLAIN_INITIALISATIONS:
        raise refuse(f"init_lora_weights is {initialisation}: such an initialisation may rewrite the base model's weights")
    for key in sorted(config.keys() - READ - WITHOUT_EFFECT):
        # PEFT turns some variants on by an empty object, and 0 is a layer: only null, false and the default are off.
        value = config[key]
        if value is not None and value is not False and value != NEUTRAL.get(key):
            raise refuse(f"{key} is {json.dumps(value)}: {REFUSED.get(key, 'this version of tweetstyle does not know it')}")
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if type(rank) is not int or rank < 1 or not isinstance(alpha, int | float) or not math.isfinite(alpha):
        raise refuse(f"r is {rank} and lora_alpha is {alpha}: not a rank and a number")
    return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank), rank


def _read_config(path: Path) -> dict[str, Any]:
    if (config := read_back(path, dict[str, Any])) is None:
        raise TweetstyleError("there is no adapter here", where=str(path), hint="train first: tweetstyle fit RECIPE")
    return config

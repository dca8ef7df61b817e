"""Bytes held for the whole run: weights, gradients, optimizer states."""

from __future__ import annotations

from dataclasses import dataclass

from tweetstyle.model.config import Shape
from tweetstyle.recipe import Model, Training

NF4_BLOCK = 64
"""Weights that share one absmax (bitsandbytes/functional.py, quantize_4bit: blocksize; QLoRA, arXiv 2305.14314, section 3)."""
ABSMAX_BLOCK = 256
"""Absmaxes that share one fp32 of the second quantisation (the same function: quantize_blockwise(…, blocksize=256))."""
NF4_CODE = 16 * 4
"""The 16 levels of NF4 in fp32, one table a tensor (bitsandbytes/functional.py, get_4bit_type)."""
BLOCKWISE_CODE = 256 * 4
"""The 256 levels of an 8-bit code in fp32: one table a 4-bit tensor, two for all tensors of an optimizer (name2qmap)."""
OPTIMIZER_BLOCK = 256
"""States that share one fp32 absmax (bitsandbytes/optim/optimizer.py, Optimizer2State.init_state)."""
MIN_8BIT_SIZE = 4096
"""A tensor of fewer elements keeps its states in fp32 (bitsandbytes/optim/adamw.py, AdamW8bit: min_8bit_size)."""
MIN_PAGED_SIZE = 100_000
"""A tensor of fewer elements is not paged (bitsandbytes/optim/optimizer.py, get_state_buffer: 1e5)."""


def nf4_bytes(rows: int, columns: int) -> int:
    """A linear in double-quantised NF4: half a byte a weight, 8 bits for each 64, fp32 for each 256 of those, offset and levels.

    Source: bitsandbytes/functional.py, quantize_4bit(compress_statistics=True).
    """
    count = rows * columns
    blocks = -(-count // NF4_BLOCK)
    return -(-count // 2) + blocks + 4 * -(-blocks // ABSMAX_BLOCK) + 4 + NF4_CODE + BLOCKWISE_CODE


def weight_bytes_each(model: Model, training: Training) -> int:
    """Bytes of a weight that is not in 4 bits: 2 in bf16; 4 for full fine-tuning and without bf16 (train/trainer.py, load_model)."""
    return 4 if model.method == "full" or not training.bf16 else 2


def base_weights(shape: Shape, model: Model, training: Training) -> dict[str, int]:
    """Bytes of the base model by part.

    In 4 bits are the layers' linears alone: embeddings and head stay as they are loaded (transformers,
    quantizers/base.py, get_keys_to_not_convert names the head; an embedding is no linear), and so do the norms.
    """
    each = weight_bytes_each(model, training)
    if model.method == "qlora":
        linears = shape.layers * sum(nf4_bytes(*features) for features in shape.linears.values())
        name = "linears, NF4"
    else:
        linears, name = each * shape.linear_parameters, f"linears, {8 * each} bits"
    embeddings = each * (shape.embedding_parameters + shape.head_parameters)
    label = "embeddings, also the head" if shape.tied else "embeddings and head"
    return {name: linears, f"{label}, {8 * each} bits": embeddings, "norms": each * shape.norm_parameters}


@dataclass(frozen=True)
class TrainedTensors:
    """count tensors of one size (elements) that are trained."""

    elements: int
    count: int
    embedding: bool = False


def trained_tensors(shape: Shape, model: Model) -> list[TrainedTensors]:
    """Everything with a gradient: LoRA's A (r × in) and B (out × r) of each adapted linear (arXiv 2106.09685), or all weights."""
    if model.method != "full":
        r = model.lora.r
        sizes = [r * features for name in model.lora.target_modules for features in shape.linears[name]]
        return [TrainedTensors(size, shape.layers) for size in sizes]
    linears = [TrainedTensors(rows * columns, shape.layers) for rows, columns in shape.linears.values()]
    head = [] if shape.tied else [TrainedTensors(shape.head_parameters, 1)]
    return [
        *linears,
        TrainedTensors(shape.hidden, 2 * shape.layers + 1),
        TrainedTensors(shape.embedding_parameters, 1, embedding=True),
        *head,
    ]


def trained_parameters(shape: Shape, model: Model) -> int:
    """How many parameters have a gradient."""
    return sum(tensor.elements * tensor.count for tensor in trained_tensors(shape, model))


def adapter_bytes(shape: Shape, model: Model) -> int:
    """The adapter in fp32 (train/trainer.py, build_trainer casts what is trained); 0 for full, where the weights themselves are trained."""
    return 0 if model.method == "full" else 4 * trained_parameters(shape, model)


def gradient_bytes(shape: Shape, model: Model) -> int:
    """Gradients are of their parameters' type: fp32. They are held over all micro-batches of an accumulation."""
    return 4 * trained_parameters(shape, model)


@dataclass(frozen=True)
class States:
    """Bytes of optimizer states. paged: in CUDA's unified memory, which the driver moves to RAM when the card is full."""

    card: int
    paged: int


def optimizer_states(shape: Shape, model: Model, training: Training) -> States:
    """Adam's two moments for every trained tensor, as `training.optim` keeps them."""
    tensors = trained_tensors(shape, model)
    states = [(_states(tensor, training.optim), tensor.count) for tensor in tensors]
    code = 2 * BLOCKWISE_CODE if training.optim != "adamw_torch" and not all(map(_exact, tensors)) else 0
    card, paged = (sum(getattr(one, name) * count for one, count in states) for name in ("card", "paged"))
    return States(card + code, paged)


def _states(tensor: TrainedTensors, optim: str) -> States:
    """adamw_torch: two fp32 (torch/optim/adamw.py). 8 bits: two bytes and two fp32 absmaxes for each 256, from 4,096 elements on;
    input embeddings stay in fp32 (transformers/trainer.py overrides nn.Embedding to optim_bits 32)."""
    count = tensor.elements
    if optim == "adamw_torch":
        return States(2 * 4 * count, 0)
    exact = _exact(tensor)
    moments = 2 * (4 if exact else 1) * count
    absmaxes = 0 if exact else 2 * 4 * -(-count // OPTIMIZER_BLOCK)
    if optim == "paged_adamw_8bit" and count >= MIN_PAGED_SIZE:
        return States(absmaxes, moments)
    return States(moments + absmaxes, 0)


def _exact(tensor: TrainedTensors) -> bool:
    """Whether an 8-bit optimizer keeps this tensor's states in fp32."""
    return tensor.embedding or tensor.elements < MIN_8BIT_SIZE


def optimizer_scratch(shape: Shape, model: Model, training: Training) -> int:
    """Bytes that a step of the optimizer needs for itself: AdamW over lists of tensors makes one fp32 copy of a moment.

    Source: torch/optim/adam.py, _multi_tensor_adam (exp_avg_sq_sqrt = _foreach_sqrt); bitsandbytes works in place.
    """
    return 4 * trained_parameters(shape, model) if training.optim == "adamw_torch" else 0

"""Memory of a run on the card and in RAM, from config.json and the recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tweetstyle.hardware.gpu import DISPLAY, Card
from tweetstyle.model.config import Shape, read_shape
from tweetstyle.plan.phases import CUDA_CONTEXT, LOAD, TRAINING, embeddings_moved, later_phases, second_buffer_dropped, training_phases
from tweetstyle.plan.tensors import (
    CUBLAS_WORKSPACE,
    HOST_BUFFER,
    HOST_BUFFERS,
    Checkpoints,
    adapter_bytes,
    adapter_copies,
    base_weights,
    checkpoints,
    dequantised_bytes,
    gradient_bytes,
    loss_bytes,
    optimizer_scratch,
    optimizer_states,
    plain_loss,
    position_tables,
    transformers_layer,
    unsloth_layer,
    weight_bytes_each,
)
from tweetstyle.recipe import Model, Training

FRAGMENTATION = 1 / 18
"""Share of the activations lost between the allocator's blocks (expandable segments) on a full card. On emulated cards of 7.6 and
11.6 GiB an 8B fits where it is 1/17, and runs out of memory at 1/19 and less (bench/gpu_memory.py); Unsloth reckons with 1/16
(unsloth_zoo/block_swap.py)."""
PROCESS_ON_CPU = 5 * 2**29
"""Bytes that a process which trains on a CPU holds beside the formula's tensors: 1.6 and 2.4 GiB in two runs of recipes/demo-chat.yaml."""
PROCESS_RAM = 5 * 2**30
"""Python with torch and Unsloth (0.95 GiB resident, measured on a CPU), CUDA's libraries and a shard of weights on its way to the
card. The allowance for the last two is not measured."""


@dataclass(frozen=True)
class MemoryPlan:
    """Bytes. resident: all through the training; moments: what is added, by moment of a training step; reserve: outside torch's tensors.

    phases: torch's tensors and what other processes of the run hold, by phase of the run and part. host: RAM.
    """

    resident: Mapping[str, int]
    moments: Mapping[str, Mapping[str, int]]
    reserve: Mapping[str, int]
    host: Mapping[str, int]
    phases: Mapping[str, Mapping[str, int]]
    notes: tuple[str, ...] = field(default=())

    @property
    def peak_moment(self) -> str:
        """The moment of a training step in which most is needed."""
        return max(self.moments, key=lambda moment: sum(self.moments[moment].values()))

    @property
    def peak_phase(self) -> str:
        """The phase of the run in which most is needed."""
        return max(self.phases, key=lambda phase: sum(self.phases[phase].values()))

    @property
    def parts(self) -> dict[str, int]:
        """Everything on the card at the peak of the run."""
        return {**self.phases[self.peak_phase], **self.reserve}

    @property
    def tensors(self) -> int:
        """Bytes that torch itself holds at the peak of training: what torch.cuda.max_memory_allocated is compared with."""
        return sum(self.phases[TRAINING].values())

    @property
    def card(self) -> int:
        """Bytes of the card that the run takes at its peak, reserves included."""
        return sum(self.parts.values())

    @property
    def ram(self) -> int:
        return sum(self.host.values())

    def as_json(self) -> dict[str, Any]:
        return {
            "peak_bytes": self.card,
            "tensor_bytes": self.tensors,
            "peak_phase": self.peak_phase,
            "peak_moment": self.peak_moment,
            "phases": {phase: sum(parts.values()) for phase, parts in self.phases.items()},
            "parts": self.parts,
            "notes": list(self.notes),
        }


def plan_memory(config: Mapping[str, Any], model: Model, training: Training, *, card: Card | None = None) -> MemoryPlan:
    """The plan for one NVIDIA card under Unsloth; on a CPU training runs in RAM and this does not apply.

    Nothing of it has been measured on a GPU: the bytes of torch's tensors are compared with those that the CUDA allocator counts
    over an emulated card (bench/gpu_memory.py).

    Args:
        config: config.json.
        card: where it is tight, Unsloth moves the embeddings to RAM and does without its second staging buffer; None: a small one with
            room for all.

    Raises:
        TweetstyleError: for a config.json without a Llama's numbers.
    """
    shape = read_shape(config)
    states = optimizer_states(shape, model, training)
    loaded, moved = _loaded(shape, model, training, card)
    tables = 0 if model.method == "full" else position_tables(shape)
    held = loaded | {"cuBLAS, position tables": 2 * CUBLAS_WORKSPACE + tables, "gradients": gradient_bytes(shape, model)}
    resident = held | {f"optimizer, {training.optim}": states.card}
    moments, stored = _moments(shape, model, training)
    if second_buffer_dropped(stored.card, sum(held.values()), _most(moments), card):
        moments, stored = _moments(shape, model, training, buffers=1)
    host = {"Python, torch, CUDA": PROCESS_RAM, "activations": stored.host, "embeddings": moved, "optimizer, paged": states.paged}
    reserve = {
        "CUDA context": CUDA_CONTEXT,
        "fragmentation": int(FRAGMENTATION * _most(moments)),
        "desktop and others": DISPLAY if card is None else card.others,
    }
    # Unsloth moves the embeddings when the base is loaded, before it adds the adapter; the last linear is there in 16 bits too.
    loading = base_weights(shape, model, training) | {"one linear, 16 bits": 2 * shape.largest_linear} if moved else loaded
    peak = max(moments.values(), key=lambda parts: sum(parts.values()))
    phases = {LOAD: loading, TRAINING: {**resident, **peak}, **training_phases(shape, model, training, resident, stored)}
    if not (card and card.training_only):
        phases |= later_phases(shape, model, resident, moved, card)
    host = {part: size for part, size in host.items() if size or part == "activations"}
    return MemoryPlan(resident, moments, reserve, host, phases, _notes(shape, training, states.paged, moved))


def _loaded(shape: Shape, model: Model, training: Training, card: Card | None) -> tuple[dict[str, int], int]:
    """Base model and adapter by part, and the bytes of embeddings that are in RAM instead."""
    loaded = base_weights(shape, model, training)
    if model.method == "full":
        return loaded, 0
    loaded["adapter"] = adapter_bytes(shape, model)
    moved = embeddings_moved(shape, model, training, sum(loaded.values()), card)
    if moved:
        # Both are of one size and in one row; the head stays.
        loaded = {name.replace("embeddings and ", ""): size - moved * ("embeddings" in name) for name, size in loaded.items()}
    return loaded, moved


def _most(moments: Mapping[str, Mapping[str, int]]) -> int:
    return max(sum(moment.values()) for moment in moments.values())


def _moments(shape: Shape, model: Model, training: Training, buffers: int = 2) -> tuple[dict[str, dict[str, int]], Checkpoints]:
    """What comes and goes within a step, by moment, and what is kept of the layers' inputs. buffers: in which they come back from RAM.

    Unsloth's kernels are for adapters; full fine-tuning is transformers' own code in any case.
    """
    batch, length, mode = training.per_device_train_batch_size, training.max_length, training.gradient_checkpointing
    tokens, each, full = batch * length, 2 if training.bf16 else 4, model.method == "full"
    layer = transformers_layer(shape, batch, length, autocast=training.bf16) if full else unsloth_layer(shape, tokens, each)
    stored = checkpoints(shape, tokens, weight_bytes_each(model, training), mode, buffers)
    held = {"layer inputs": stored.card} if mode else {"activations, all layers": shape.layers * layer.kept}
    if not full and stored.host > HOST_BUFFERS * HOST_BUFFER:
        # An input of the graph (enable_input_require_grads): autograd keeps it to the end, though as a layer's input it is in RAM.
        held["embeddings' output"] = tokens * shape.hidden * each
    backward = dict(held)
    if mode:
        backward["activations, one layer"] = layer.kept
    backward["gradients of activations"] = layer.passing
    loss = dict(held)
    if full and training.bf16 and mode:
        # Autocast keeps what it casts till the forward ends; without checkpoints that is counted with the layers.
        loss["16-bit copies"] = 2 * shape.linear_parameters
    loss["logits"] = loss_bytes(shape, tokens, each, head_trained=full)
    if not full:
        backward["adapter, one layer"] = adapter_copies(shape, model.lora, each)
    if model.method == "qlora":
        backward["dequantised weights"] = loss["dequantised weights"] = dequantised_bytes(shape, each)
    step = {"the optimizer's own": optimizer_scratch(shape, model, training)}
    return {"backward": backward, "loss": loss, "optimizer step": step}, stored


def plan_on_cpu(config: Mapping[str, Any], model: Model, training: Training) -> int:
    """Bytes of RAM of a training without a card: weights and states in fp32, transformers' own code, and the process."""
    training = training.model_copy(update={"bf16": False, "optim": "adamw_torch"})
    shape, tokens = read_shape(config), training.per_device_train_batch_size * training.max_length
    lora, checkpointed = None if model.method == "full" else model.lora, bool(training.gradient_checkpointing)
    layer = transformers_layer(shape, training.per_device_train_batch_size, training.max_length, lora=lora)
    held = checkpoints(shape, tokens, 4, True).card if checkpointed else shape.layers * layer.kept
    backward = layer.passing + (layer.kept if checkpointed else 0)
    moment = max(held + max(backward, plain_loss(shape, tokens)), optimizer_scratch(shape, model, training))
    weights = sum(base_weights(shape, model, training).values()) + adapter_bytes(shape, model) + gradient_bytes(shape, model)
    return weights + optimizer_states(shape, model, training).card + moment + PROCESS_ON_CPU


def _notes(shape: Shape, training: Training, paged: int, moved: int) -> tuple[str, ...]:
    notes = ["computed from config.json; not measured on a GPU"]
    if moved:
        notes.append(f"the card is tight: Unsloth keeps the embeddings in RAM, which takes {moved / 2**30:.1f} GiB off the card")
    if training.max_length > shape.positions:
        notes.append(f"max_length {training.max_length:,} is beyond the model's {shape.positions:,} positions")
    if paged:
        notes.append("a paged optimizer's states move between card and RAM as there is room: slower where there is none")
    return tuple(notes)


def hours(tokens: int, tokens_per_second: float | None) -> float | None:
    """Hours that this many tokens take; None where the speed has not been measured: there is no figure to guess it from."""
    return None if tokens_per_second is None else tokens / tokens_per_second / 3600


def duration(hours: float) -> str:
    """For a person: minutes below two hours."""
    if hours >= 2:
        return f"{hours:,.1f} hours"
    minutes = max(round(60 * hours), 1)
    return f"{minutes} minute{'s' if minutes > 1 else ''}"

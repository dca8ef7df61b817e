"""Memory of a run on the card and in RAM, from config.json and the recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tweetstyle.hardware.card import DISPLAY, Card
from tweetstyle.model.config import Shape, read_shape
from tweetstyle.plan.activations import (
    CUBLAS_WORKSPACE,
    HOST_BUFFER,
    HOST_BUFFERS,
    Checkpoints,
    LayerActivations,
    adapter_copies,
    checkpoints,
    dequantised_bytes,
    loss_bytes,
    plain_loss,
    position_tables,
    transformers_layer,
    unsloth_layer,
)
from tweetstyle.plan.phases import CUDA_CONTEXT, LOAD, TRAINING, embeddings_moved, later_phases, second_buffer_dropped, training_phases
from tweetstyle.plan.weights import adapter_bytes, base_weights, gradient_bytes, optimizer_scratch, optimizer_states, weight_bytes_each
from tweetstyle.recipe import Model, Training

FRAGMENTATION = 1 / 20
"""Share of the activations lost between the allocator's blocks (expandable segments) on a full card. On emulated cards of 7.6 and
11.6 GiB an 8B fits where it is 1/17 to 1/21 and runs out of memory at 1/22 and less (bench/gpu_memory.py); Unsloth reckons with 1/16
(unsloth_zoo/block_swap.py)."""
PROCESS_ON_CPU = 5 * 2**29
"""Bytes that a process which trains on a CPU holds beside the formula's tensors: 1.6 and 2.4 GiB in two runs of recipes/demo-chat.yaml."""
PROCESS_RAM = 5 * 2**30
"""Python with torch and Unsloth (0.95 GiB resident, measured on a CPU), CUDA's libraries and a shard of weights on its way to the
card. The allowance for the last two is not measured."""
OPTIMIZER_STEP = "optimizer step"


@dataclass(frozen=True)
class MemoryPlan:
    """Bytes. resident: all through the training; moments: what is added, by moment of a training step; reserve: outside torch's tensors.

    phases: torch's tensors and what other processes of the run hold, by phase of the run and part. host: RAM. paged: optimizer states in
    unified memory, counted in RAM, on the card only while there is room.
    """

    resident: Mapping[str, int]
    moments: Mapping[str, Mapping[str, int]]
    reserve: Mapping[str, int]
    host: Mapping[str, int]
    phases: Mapping[str, Mapping[str, int]]
    paged: int = 0
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
    def within_a_step(self) -> int:
        """The same but for the optimizer's states and its step: what forward and backward hold."""
        held = sum(size for part, size in self.resident.items() if not part.startswith("optimizer"))
        return held + max(sum(self.moments[moment].values()) for moment in self.moments if moment != OPTIMIZER_STEP)

    @property
    def card(self) -> int:
        """Bytes of the card that the run takes at its peak, reserves included."""
        return sum(self.parts.values())

    @property
    def ram(self) -> int:
        return sum(self.host.values())


Kernels = Literal["unsloth", "transformers"]


def plan_memory(
    config: Mapping[str, Any], model: Model, training: Training, *, card: Card | None = None, kernels: Kernels = "unsloth"
) -> MemoryPlan:
    """The plan for one NVIDIA card under Unsloth; on a CPU training runs in RAM and this does not apply.

    Args:
        config: config.json.
        card: where it is tight, Unsloth moves the embeddings to RAM and does without its second staging buffer; None: a small one with
            room for all.
        kernels: transformers: the same recipe by transformers, PEFT and bitsandbytes alone, which can be traced without a card
            (bench/plan.py does) and shows what Unsloth saves.

    Raises:
        TweetstyleError: for a config.json without a Llama's numbers.

    Nothing of it has been measured on a GPU: the bytes of torch's tensors are compared with those that the CUDA allocator counts
    over an emulated card (bench/gpu_memory.py).
    """
    shape = read_shape(config)
    of_unsloth, states = kernels == "unsloth", optimizer_states(shape, model, training)
    loaded, moved = _loaded(shape, model, training, card if of_unsloth else None)
    tables = 0 if model.method == "full" else position_tables(shape)
    made = {"cuBLAS, position tables": 2 * CUBLAS_WORKSPACE + tables} if of_unsloth else {}
    resident = loaded | made | {"gradients": gradient_bytes(shape, model), f"optimizer, {training.optim}": states.card}
    moments, stored = _moments(shape, model, training, kernels)
    if of_unsloth and second_buffer_dropped(stored.card, sum(resident.values()) - states.card, _most(moments), card):
        moments, stored = _moments(shape, model, training, kernels, buffers=1)
    host = {"Python, torch, CUDA": PROCESS_RAM, "activations": stored.host} | ({"embeddings": moved} if moved else {})
    if states.paged:
        host["optimizer, paged"] = states.paged
    reserve = {
        "CUDA context": CUDA_CONTEXT,
        "fragmentation": int(FRAGMENTATION * _most(moments)),
        "desktop and others": DISPLAY if card is None else card.others,
    }
    peak = max(moments, key=lambda moment: sum(moments[moment].values()))
    # Unsloth moves the embeddings when the base is loaded, before it adds the adapter; the last linear is there in 16 bits too.
    loading = base_weights(shape, model, training) | {"one linear, 16 bits": 2 * shape.largest_linear} if moved else loaded
    phases = {LOAD: loading, TRAINING: {**resident, **moments[peak]}}
    if of_unsloth:
        phases |= training_phases(shape, model, training, resident, stored)
        phases |= {} if card and card.training_only else later_phases(shape, model, resident, moved, card)
    notes = _notes(shape, training, states.paged, moved)
    return MemoryPlan(resident, moments, reserve, host, phases, states.paged, notes)


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


def plan_on_cpu(config: Mapping[str, Any], model: Model, training: Training) -> int:
    """Bytes of RAM of a training without a card: weights and states in fp32, stock kernels, and the process."""
    there = training.model_copy(update={"bf16": False, "optim": "adamw_torch"})
    return plan_memory(config, model, there, kernels="transformers").tensors + PROCESS_ON_CPU


def _most(moments: Mapping[str, Mapping[str, int]]) -> int:
    return max(sum(moment.values()) for moment in moments.values())


def _moments(
    shape: Shape, model: Model, training: Training, kernels: Kernels, buffers: int = 2
) -> tuple[dict[str, dict[str, int]], Checkpoints]:
    """What comes and goes within a step, by moment, and what is kept of the layers' inputs. buffers: in which they come back from RAM."""
    tokens, of_unsloth = training.per_device_train_batch_size * training.max_length, kernels == "unsloth"
    each, full, layer = 2 if training.bf16 else 4, model.method == "full", _layer(shape, model, training, kernels)
    mode = training.gradient_checkpointing if of_unsloth else bool(training.gradient_checkpointing)
    stored = checkpoints(shape, tokens, weight_bytes_each(model, training), mode, buffers)
    held = {"layer inputs": stored.card} if mode else {"activations, all layers": shape.layers * layer.kept}
    if of_unsloth and not full and stored.host > HOST_BUFFERS * HOST_BUFFER:
        # An input of the graph (enable_input_require_grads): autograd keeps it to the end, though as a layer's input it is in RAM.
        held["embeddings' output"] = tokens * shape.hidden * each
    backward = dict(held)
    if mode:
        backward["activations, one layer"] = layer.kept
    backward["gradients of activations"] = layer.passing
    step = {"the optimizer's own": optimizer_scratch(shape, model, training)}
    if not of_unsloth:
        losses = plain_loss(shape, model, tokens, autocast=training.bf16, recomputed=mode is not False)
        return {"backward": backward} | {name: held | parts for name, parts in losses.items()} | {OPTIMIZER_STEP: step}, stored
    loss = dict(held)
    if full and training.bf16 and mode:
        # Autocast keeps what it casts till the forward ends; without checkpoints that is counted with the layers.
        loss["16-bit copies"] = 2 * shape.linear_parameters
    loss["logits"] = loss_bytes(shape, tokens, each, head_trained=full)
    if not full:
        backward["adapter, one layer"] = adapter_copies(shape, model.lora, each)
    if model.method == "qlora":
        for moment in (backward, loss):
            moment["dequantised weights"] = dequantised_bytes(shape, each)
    return {"backward": backward, "loss": loss, OPTIMIZER_STEP: step}, stored


def _layer(shape: Shape, model: Model, training: Training, kernels: Kernels) -> LayerActivations:
    """Unsloth's kernels are for adapters; full fine-tuning is transformers' own code in any case."""
    batch, length, full = training.per_device_train_batch_size, training.max_length, model.method == "full"
    if kernels == "unsloth" and not full:
        return unsloth_layer(shape, batch * length, 2 if training.bf16 else 4)
    exact = weight_bytes_each(model, training) == 4
    return transformers_layer(shape, batch, length, autocast=training.bf16, lora=None if full else model.lora, exact=exact)


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

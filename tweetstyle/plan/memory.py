"""Memory of a run on the card, by phase, and in RAM."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tweetstyle.console import size
from tweetstyle.hardware.gpu import DISPLAY, Card
from tweetstyle.inference.decoder import PASS_TOKENS
from tweetstyle.inference.forward import BATCH_TOKENS, positions_per_slice
from tweetstyle.inference.generate import ROWS_SORTED
from tweetstyle.locale import N_, _, _n
from tweetstyle.model.config import Shape, read_shape
from tweetstyle.plan import tensors
from tweetstyle.plan.tensors import CUBLAS_WORKSPACE, OFFLOAD_FROM, Checkpoints
from tweetstyle.recipe import Model, Training

Parts = Mapping[str, int]
"""What takes memory → bytes."""
LOAD, TRAINING, VALIDATION = N_("loading"), N_("training"), N_("validation")
SAMPLES, EVALUATION = N_("samples"), N_("evaluation")
SAMPLE_TOKENS = 128
"""Of a sample with its prompt, at most (train/validation.py writes 80)."""
CACHE_BYTES = 3 * 2**28
"""Keys and values of the tweets that the evaluation writes at a time, with the tweets that the base model is shown."""
SMALL_CARD, SMALL_CACHE_BYTES = 14 * 2**30, 2**28
"""A card of fewer bytes, and the keys and values there: an 8B is then evaluated in no more than its training takes."""
MOST_ROWS = 64
"""Tweets that the evaluation writes at a time, at most."""
SAMPLER_BYTES = 2 + 4 + 56
"""For each logit of the rows whose next token is drawn: a copy in 16 bits, one in fp32, and torch's topk of all, as counted."""
SCORE_BYTES = 2 + 2 + 4 + 4 + 2
"""For each key that a query sees: scores of a beginning and of the row, both together, in fp32, their softmax, that in 16 bits."""
SHOWN_TOKENS, PROMPT_TOKENS, WRITTEN_TOKENS = 20 * 64, 20, 160
"""Of the tweets that the base model is shown (recipe: evaluation.examples), of a prompt, and of an answer (sampling.num_predict)."""
HELD = N_("held by the training's process")
LEFT_IN_TRAINING = 66 * 2**20
"""Bytes that torch keeps in the process that trained: 44 to 66 MiB counted over an emulated card (bench/gpu_memory.py)."""
CUDA_CONTEXT = 512 * 2**20
"""Outside torch's allocator. PyTorch measured 0.27 GiB with kernels loaded as they are needed, 0.62 GiB with all (pytorch#86509)."""
BYTES_OF_A_FEATURE = 48
LOGIT_ROWS = 2048
RESERVED_OPTIMIZER_BYTES = 12
SAFETY, SPLIT = 256 * 2**20, 17 / 16
"""By which Unsloth decides whether a card is tight (unsloth_zoo/block_swap.py, estimate_training_reserve_bytes): activations for each token
and hidden feature, rows of fp32 logits, bytes for each trained parameter beside its weight, and the rest."""
SECOND_BUFFER_FROM = 512 * 2**20
"""Free bytes from which it takes a second staging buffer (unsloth_zoo/gradient_checkpointing.py, DOUBLE_BUFFER_HEADROOM)."""
HOLES = 3.4
"""Tensors of the layers' input that the allocator holds besides after the first micro-batch, between blocks that larger ones do not fit:
2.4 to 4.4, counted over an emulated card, on which an 8B of rank 32 takes the second buffer at 27,000 tokens and not at 28,000."""
FRAGMENTATION, FRAGMENTATION_TIED = 1 / 18, 1 / 13
"""Share of the activations lost between the allocator's blocks on a full card: on emulated ones an 8B fits with 1/17 and not with 1/19,
and of the models with tied embeddings a 3B does not fit with 1/14 (bench/gpu_memory.py); Unsloth reckons with 1/16
(unsloth_zoo/block_swap.py)."""
PROCESS_ON_CPU = 2 * 2**30
"""Bytes that a process which trains on a CPU holds beside weights and states: 1.6 and 2.4 GiB in two runs of recipes/demo-chat.yaml."""
PROCESS_RAM = 5 * 2**30
"""Python with torch and Unsloth (0.95 GiB, measured on a CPU), CUDA's libraries and a shard on its way to the card (not measured)."""


@dataclass(frozen=True)
class MemoryPlan:
    """Bytes. moments: what a training step adds to what is held all through, by moment; reserve: outside torch's tensors.

    phases: torch's tensors and what other processes of the run hold, by phase of the run and part. host: RAM.
    """

    moments: Mapping[str, Parts]
    reserve: Parts
    host: Parts
    phases: Mapping[str, Parts]

    @property
    def peak_moment(self) -> str:
        """The moment of a training step in which most is needed."""
        return _largest(self.moments)

    @property
    def peak_phase(self) -> str:
        """The phase of the run in which most is needed."""
        return _largest(self.phases)

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

    @property
    def notes(self) -> list[str]:
        found = [_("computed from config.json; not measured on a GPU")]
        if moved := self.host.get("embeddings"):
            found.append(_("the card is tight: Unsloth keeps the embeddings in RAM, {moved} less on the card", moved=size(moved)))
        if "optimizer, paged" in self.host:
            found.append(_("a paged optimizer's states move between card and RAM as there is room: slower where there is none"))
        return found

    def as_json(self) -> dict[str, Any]:
        return {
            "peak_bytes": self.card,
            "tensor_bytes": self.tensors,
            "peak_phase": self.peak_phase,
            "peak_moment": self.peak_moment,
            "phases": {phase: sum(parts.values()) for phase, parts in self.phases.items()},
            "parts": self.parts,
            "notes": self.notes,
        }


def _total(parts: Parts) -> int:
    return sum(parts.values())


def _largest(parts: Mapping[str, Parts]) -> str:
    return max(parts, key=lambda name: _total(parts[name]))


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
    states = tensors.optimizer_states(shape, model, training)
    loaded, moved = _loaded(shape, model, training, card)
    # Unsloth's tables of RoPE: cosine and sine in 16 bits for every position of config.json (unsloth/models/llama.py).
    tables = 0 if model.method == "full" else 2 * 2 * shape.positions * shape.head
    gradients = 4 * tensors.trained_parameters(shape, model)
    held = loaded | {"cuBLAS, position tables": 2 * CUBLAS_WORKSPACE + tables, "gradients": gradients}
    resident = held | {f"optimizer, {training.optim}": states.card}
    moments, stored = _moments(shape, model, training)
    most = sum(moments[_largest(moments)].values())
    if second_buffer_dropped(stored.card, sum(held.values()), most, card):
        moments, stored = _moments(shape, model, training, buffers=1)
    peak = moments[_largest(moments)]
    reserve = {
        "CUDA context": CUDA_CONTEXT,
        "fragmentation": int((FRAGMENTATION_TIED if shape.tied else FRAGMENTATION) * sum(peak.values())),
        "desktop and others": DISPLAY if card is None else card.others,
    }
    # Unsloth moves the embeddings when the base is loaded, before it adds the adapter; the last linear is there in 16 bits too.
    base = tensors.base_weights(shape, model, training)
    loading = base | {"one linear, 16 bits": 2 * shape.largest_linear} if moved else loaded | {"cuBLAS": CUBLAS_WORKSPACE}
    phases = {LOAD: loading, TRAINING: resident | peak, **training_phases(shape, model, training, resident, stored)}
    if not (card and card.training_only):
        phases[EVALUATION] = evaluation_phase(shape, model, resident, moved, card)
    host = {"Python, torch, CUDA": PROCESS_RAM, "activations": stored.host, "embeddings": moved, "optimizer, paged": states.paged}
    return MemoryPlan(moments, reserve, {part: count for part, count in host.items() if count or part == "activations"}, phases)


def _loaded(shape: Shape, model: Model, training: Training, card: Card | None) -> tuple[dict[str, int], int]:
    """Base model and adapter (in fp32: train/trainer.py, build_trainer) by part, and the bytes of embeddings that are in RAM instead."""
    loaded = tensors.base_weights(shape, model, training)
    if model.method == "full":
        return loaded, 0
    loaded["adapter"] = 4 * tensors.trained_parameters(shape, model)
    moved = embeddings_moved(shape, model, training, sum(loaded.values()), card)
    if moved:
        # Both are of one size and in one row; the head stays.
        loaded = {name.replace("embeddings and ", ""): size - moved * ("embeddings" in name) for name, size in loaded.items()}
    return loaded, moved


def _moments(shape: Shape, model: Model, training: Training, buffers: int = 2) -> tuple[dict[str, dict[str, int]], Checkpoints]:
    """What comes and goes within a step, by moment, and what is kept of the layers' inputs. buffers: in which they come back from RAM.

    Unsloth's kernels are for adapters; full fine-tuning is transformers' own code in any case.
    """
    batch, length, mode = training.per_device_train_batch_size, training.max_length, training.gradient_checkpointing
    tokens, each, full = batch * length, 2 if training.bf16 else 4, model.method == "full"
    unsloth = tensors.unsloth_layer(shape, tokens, each)
    layer = tensors.transformers_layer(shape, batch, length, autocast=training.bf16) if full else unsloth
    stored = tensors.checkpoints(shape, tokens, tensors.weight_bytes_each(model, training), mode, buffers)
    held = {"layer inputs": stored.card} if mode else {"activations, all layers": shape.layers * layer.kept}
    if not full and stored.host:
        # An input of the graph (enable_input_require_grads): autograd keeps it to the end, though as a layer's input it is in RAM.
        held["embeddings' output"] = tokens * shape.hidden * each
    backward = held | ({"activations, one layer": layer.kept} if mode else {}) | {"gradients of activations": layer.passing}
    # Autocast keeps what it casts till the forward ends; without checkpoints that is counted with the layers.
    copies = {"16-bit copies": 2 * shape.linear_parameters} if full and training.bf16 and mode else {}
    loss = held | copies | {"logits": tensors.loss_bytes(shape, tokens, each, head_trained=full)}
    if not full:
        # A layer's adapter and its gradients in 16 bits, before autograd takes them to fp32 (unsloth/kernels/fast_lora.py).
        features = sum(sum(shape.linears[name]) for name in model.lora.target_modules)
        backward["adapter, one layer"] = 2 * each * model.lora.r * features
    if model.method == "qlora":
        # Unsloth's scratch and the weight at hand (unsloth/kernels/utils.py).
        backward["dequantised weights"] = loss["dequantised weights"] = 2 * each * shape.largest_linear
    attention = backward | {"gradients of activations": layer.attention}
    if model.method == "qlora":
        # There the weight at hand is that of the queries.
        attention["dequantised weights"] = each * (shape.largest_linear + shape.hidden * shape.query)
    # AdamW over lists of tensors makes one fp32 copy of a moment (torch/optim/adam.py, _multi_tensor_adam); bitsandbytes works in place.
    scratch = 4 * tensors.trained_parameters(shape, model) if training.optim == "adamw_torch" else 0
    return {"backward": max(backward, attention, key=_total), "loss": loss, "optimizer step": {"the optimizer's own": scratch}}, stored


def cpu_activations(shape: Shape, training: Training) -> int:
    """Bytes of activations and loss of a training step on the CPU: transformers' own code in fp32; with LoRA it is a little less.

    The loss holds logits, their log-softmax and its gradient (loss/loss_utils.py, ForCausalLMLoss).
    """
    batch, length = training.per_device_train_batch_size, training.max_length
    tokens, layer = batch * length, tensors.transformers_layer(shape, batch, length)
    loss = 4 * tokens * (3 * shape.vocabulary + 4 * shape.hidden)
    if training.gradient_checkpointing:
        return tensors.checkpoints(shape, tokens, 4, True).card + max(layer.kept + layer.passing, loss)
    return shape.layers * layer.kept + max(layer.passing, loss)


def duration(hours: float) -> str:
    """For a person: minutes below two hours."""
    if hours >= 2:
        return _("{hours:,.1f} hours", hours=hours)
    return _n("{count} minute", "{count} minutes", max(round(60 * hours), 1))


def embeddings_moved(shape: Shape, model: Model, training: Training, resident: int, card: Card | None) -> int:
    """Bytes of the input embeddings that Unsloth keeps in RAM (offload_embedding="auto"), 0 where it leaves them on the card.

    It decides when the adapter has been added, by the length of one pack alone. Tied embeddings are the head, and stay.
    resident: bytes of base model and adapter. Source: unsloth/models/_utils.py, offload_embedding_if_tight.
    """
    if card is None or shape.tied:
        return 0
    activations = training.max_length * shape.hidden * BYTES_OF_A_FEATURE
    logits = 4 * min(training.max_length, LOGIT_ROWS) * shape.vocabulary
    reserve = SPLIT * (activations + logits + (4 + RESERVED_OPTIMIZER_BYTES) * tensors.trained_parameters(shape, model)) + SAFETY
    usable = card.total - card.others - CUDA_CONTEXT - resident
    return 2 * shape.embedding_parameters if usable < reserve else 0


def second_buffer_dropped(buffer: int, resident: int, most: int, card: Card | None) -> bool:
    """Whether there is too little room for a second staging buffer once the first micro-batch has been through.

    Unsloth asks the driver what is free, and the allocator has not given back what lies between its blocks. buffer: its bytes; resident:
    what is on the card by then; most: what a step adds at most, both buffers included.
    """
    if card is None or buffer <= OFFLOAD_FROM:
        return False
    free = card.total - card.others - CUDA_CONTEXT - resident - (most - buffer) - HOLES * buffer
    return free < max(SECOND_BUFFER_FROM, buffer)


def cache_bytes(card_total: int | None) -> int:
    """The most that keys and values of written tweets may take. card_total: bytes; None on a CPU."""
    return SMALL_CACHE_BYTES if card_total is not None and card_total < SMALL_CARD else CACHE_BYTES


def training_phases(shape: Shape, model: Model, training: Training, resident: Parts, stored: Checkpoints) -> dict[str, dict[str, int]]:
    """What the training does between its steps: phase → part → bytes. resident: of the training; stored: of the layers' inputs."""
    each = tensors.weight_bytes_each(model, training)
    held = {name: size for name, size in resident.items() if name != "gradients"}
    one = training.per_device_train_batch_size * training.max_length * shape.hidden * 2
    if training.gradient_checkpointing == "unsloth" and one > OFFLOAD_FROM:
        # Unsloth's staging buffers, which never become smaller again.
        held["layer inputs"] = one + stored.card
    if model.method == "qlora":
        held["dequantised weights"] = each * shape.largest_linear

    def forward(tokens: int, logits: int) -> dict[str, int]:
        """Without gradients, or what follows it: the logits of some positions."""
        layer = tokens * each * (5 * shape.hidden + 3 * shape.intermediate)
        return held | {"activations": max(layer, tokens * each * shape.hidden + logits)}

    writes = forward(PASS_TOKENS, _drawn(shape, training.samples))
    writes["keys and values"] = 2 * each * shape.key * shape.layers * training.samples * SAMPLE_TOKENS
    return {VALIDATION: forward(BATCH_TOKENS, _slice_bytes(shape)), SAMPLES: writes}


def evaluation_phase(shape: Shape, model: Model, resident: Parts, moved: int, card: Card | None) -> dict[str, int]:
    """The evaluation, in a process beside the one that trained; the export computes on the CPU.

    The trained model is as stock transformers load it: embeddings on the card, and of full in 16 bits.
    resident: of the training; moved: bytes of embeddings that it had in RAM.
    """
    kept = ("linears", "embeddings", "head", "norms", "adapter")
    weights = sum(size for name, size in resident.items() if name.startswith(kept)) + moved
    held = {HELD: CUDA_CONTEXT + LEFT_IN_TRAINING, "model": weights // 2 if model.method == "full" else weights, "cuBLAS": CUBLAS_WORKSPACE}
    moments = _evaluation(shape, model, resident, SMALL_CACHE_BYTES if card is None else cache_bytes(card.total))
    return held | max(moments, key=lambda parts: sum(parts.values()))


def _evaluation(shape: Shape, model: Model, resident: Parts, cached: int) -> list[dict[str, int]]:
    """What the evaluation adds to the loaded model in each of its moments, all in 16 bits: while the adapter is loaded, while a pack is
    scored by the tuned model (PEFT computes the adapter in fp32) and by the base model behind the tweets that it is shown, and while
    either writes. cached: the most that keys and values of written tweets may take.
    """
    per_token = 2 * 2 * shape.key * shape.layers
    weight = {"dequantised weights": 2 * shape.largest_linear} if model.method == "qlora" else {}
    tuned = (6 * shape.intermediate + 8 * shape.hidden) if model.method == "full" else (12 * shape.intermediate + 12 * shape.hidden)
    behind = BATCH_TOKENS * (4 * shape.intermediate + 8 * shape.hidden + 2 * (SHOWN_TOKENS + BATCH_TOKENS))
    scored = 2 * BATCH_TOKENS * shape.hidden + _slice_bytes(shape)
    return [
        {"adapter, as it is read": resident.get("adapter", 0)},
        {"keys and values": BATCH_TOKENS * per_token, "activations": BATCH_TOKENS * tuned},
        weight | {"keys and values": (SHOWN_TOKENS + BATCH_TOKENS) * per_token, "activations": behind},
        {"keys and values": (SHOWN_TOKENS + BATCH_TOKENS) * per_token, "logits": scored},
        *(_written(shape, per_token, cached, shown, tuned) for shown in (0, SHOWN_TOKENS)),
    ]


def rows_at_a_time(cached: int, per_token: int, shown: int, width: int) -> int:
    """Tweets that are written at a time, each with its prompt of `width` tokens, behind `shown` tokens that all see."""
    return max(1, min(MOST_ROWS, (cached - shown * per_token) // (per_token * width)))


def _written(shape: Shape, per_token: int, cached: int, shown: int, layer: int) -> dict[str, int]:
    """While tweets are written behind `shown` tokens: within a layer, in its attention, or when the next token is drawn.
    layer: bytes for each token.
    """
    width = PROMPT_TOKENS + WRITTEN_TOKENS
    rows = rows_at_a_time(cached, per_token, shown, width)
    scores = SCORE_BYTES * PASS_TOKENS * shape.heads * (shown + width)
    return {
        "keys and values": (shown + rows * width) * per_token,
        "activations": max(PASS_TOKENS * layer, scores, _drawn(shape, rows)),
    }


def _drawn(shape: Shape, rows: int) -> int:
    """The logits of all rows, and what some of them take while they are sorted."""
    return (2 * rows + SAMPLER_BYTES * min(rows, ROWS_SORTED)) * shape.vocabulary


def _slice_bytes(shape: Shape) -> int:
    """Logits in fp32 and their log-softmax; those in 16 bits, of which they were made, are gone by then."""
    return (4 + 4) * positions_per_slice(shape.vocabulary) * shape.vocabulary

"""Memory of each phase of a run, and what Unsloth moves off a full card."""

from __future__ import annotations

from collections.abc import Mapping

from tweetstyle.hardware.gpu import Card
from tweetstyle.inference.forward import BATCH_TOKENS, positions_per_slice
from tweetstyle.model.config import Shape
from tweetstyle.plan.tensors import CUBLAS_WORKSPACE, OFFLOAD_FROM, Checkpoints, dequantised_bytes, trained_parameters, weight_bytes_each
from tweetstyle.recipe import Model, Training

LOAD, TRAINING, VALIDATION, SAMPLES, EVALUATION = "loading", "training", "validation", "samples", "evaluation"
SAMPLE_TOKENS = 128
"""Of a sample with its prompt, at most (train/samples.py writes 80)."""
CACHE_BYTES = 3 * 2**28
"""Keys and values of the tweets that the evaluation writes at a time. They are copied at each token, so that ever larger batches are no
faster: after 1,300 tokens of examples ten rows of SmolLM2 take 31 ms a token and row on a CPU, three 53 and twenty 34."""
SMALL_CARD, SMALL_CACHE_BYTES = 14 * 2**30, 2**28
"""A card of fewer bytes, and the keys and values there: an 8B is then evaluated in no more than its training takes."""
MOST_ROWS = 32
"""Tweets that the evaluation writes at a time, at most."""
SAMPLER_BYTES = 56 + 4 + 4 + 4 + 2
"""Bytes for each logit of a row while the next token is drawn: torch's sort (counted over an emulated card, torch 2.14), the scores, of
the last token chances and scores, and the head's own 16 bits."""
SHOWN_TOKENS, PROMPT_TOKENS, WRITTEN_TOKENS = 20 * 64, 20, 160
"""Of the tweets that the base model is shown (recipe: evaluation.examples), of a prompt, and of an answer (sampling.num_predict)."""
HELD = "held by the training's process"
LEFT_IN_TRAINING = 48 * 2**20
"""Bytes that torch keeps in the process that trained when the model is gone: cuBLAS's workspaces, and what the allocator cannot give
back. 46 MiB are counted over an emulated card (tests/gpu_emulation/test_driver.py)."""


def cache_bytes(card_total: int | None) -> int:
    """The most that keys and values of written tweets may take. card_total: bytes; None on a CPU."""
    return SMALL_CACHE_BYTES if card_total is not None and card_total < SMALL_CARD else CACHE_BYTES


def training_phases(
    shape: Shape, model: Model, training: Training, resident: Mapping[str, int], stored: Checkpoints
) -> dict[str, dict[str, int]]:
    """What the training does between its steps: phase → part → bytes. resident: of the training; stored: of the layers' inputs."""
    each = weight_bytes_each(model, training)
    held = {name: size for name, size in resident.items() if name != "gradients"}
    one = training.per_device_train_batch_size * training.max_length * shape.hidden * 2
    if training.gradient_checkpointing == "unsloth" and one > OFFLOAD_FROM:
        # Unsloth's staging buffers, which never become smaller again.
        held["layer inputs"] = one + stored.card
    written = 2 * (2 + 4) * training.samples * shape.vocabulary
    return {
        VALIDATION: held | _forward(shape, model, BATCH_TOKENS, each, _slice_bytes(shape)),
        SAMPLES: held | _forward(shape, model, training.samples * SAMPLE_TOKENS, each, written),
    }


def later_phases(shape: Shape, model: Model, resident: Mapping[str, int], moved: int, card: Card | None) -> dict[str, dict[str, int]]:
    """What comes after the training, beside the process that trained: phase → part → bytes.

    resident: of the training; moved: bytes of embeddings that it had in RAM. The evaluation has a process of its own;
    the export computes on the CPU.
    """
    moments = _evaluation(shape, model, resident, SMALL_CACHE_BYTES if card is None else cache_bytes(card.total))
    loaded = _loaded_apart(model, resident, moved) | {"cuBLAS": CUBLAS_WORKSPACE}
    return {
        EVALUATION: {HELD: CUDA_CONTEXT + LEFT_IN_TRAINING} | loaded | max(moments, key=lambda parts: sum(parts.values())),
    }


def _evaluation(shape: Shape, model: Model, resident: Mapping[str, int], cached: int) -> list[dict[str, int]]:
    """What the evaluation adds to the loaded model in each of its moments, all in 16 bits: while the adapter is loaded, while a pack is
    scored by the tuned model (PEFT computes the adapter in fp32) and by the base model behind the tweets that it is shown, and while
    either writes. cached: the most that keys and values of written tweets may take.
    """
    per_token = 2 * 2 * shape.key * shape.layers
    weight = {"dequantised weights": dequantised_bytes(shape, 2) // 2} if model.method == "qlora" else {}
    tuned = (6 * shape.intermediate + 8 * shape.hidden) if model.method == "full" else (12 * shape.intermediate + 12 * shape.hidden)
    behind = BATCH_TOKENS * (4 * shape.intermediate + 8 * shape.hidden + 2 * (SHOWN_TOKENS + BATCH_TOKENS))
    scored = 2 * BATCH_TOKENS * shape.hidden + _slice_bytes(shape)
    return [
        {"adapter, as it is read": resident.get("adapter", 0)},
        {"keys and values": BATCH_TOKENS * per_token, "activations": BATCH_TOKENS * tuned},
        weight | {"keys and values": (SHOWN_TOKENS + BATCH_TOKENS) * per_token, "activations": behind},
        {"keys and values": (SHOWN_TOKENS + BATCH_TOKENS) * per_token, "logits": scored},
        _written(shape, per_token, cached, 0),
        _written(shape, per_token, cached, SHOWN_TOKENS),
    ]


def _written(shape: Shape, per_token: int, cached: int, shown: int) -> dict[str, int]:
    """While tweets are written behind `shown` tokens, which are read once. A layer's keys and values are repeated for all heads, beside
    the last token's logits, chances and what was left of them in fp32; or the next token is drawn.
    """
    width = shown + PROMPT_TOKENS + WRITTEN_TOKENS
    rows = max(1, min(MOST_ROWS, cached // (per_token * width)))
    layer = 2 * 2 * rows * width * shape.query + 3 * 4 * rows * shape.vocabulary
    return {
        "keys and values": (shown + rows * width) * per_token,
        "activations": max(layer, SAMPLER_BYTES * rows * shape.vocabulary),
    }


def _slice_bytes(shape: Shape) -> int:
    """Logits in fp32 and their log-softmax; those in 16 bits, of which they were made, are gone by then."""
    return (4 + 4) * positions_per_slice(shape.vocabulary) * shape.vocabulary


def _loaded_apart(model: Model, resident: Mapping[str, int], moved: int) -> dict[str, int]:
    """The trained model as stock transformers load it for the evaluation: embeddings on the card, and of full in 16 bits."""
    kept = ("linears", "embeddings", "head", "norms", "adapter")
    weights = sum(size for name, size in resident.items() if name.startswith(kept)) + moved
    return {"model": weights // 2 if model.method == "full" else weights}


def _forward(shape: Shape, model: Model, tokens: int, each: int, logits: int) -> dict[str, int]:
    """A forward pass without gradients of this many tokens, or what follows it: the logits of some positions."""
    weight = {"dequantised weights": dequantised_bytes(shape, each) // 2} if model.method == "qlora" else {}
    layer = tokens * each * (5 * shape.hidden + 3 * shape.intermediate)
    return weight | {"activations": max(layer, tokens * each * shape.hidden + logits)}


CUDA_CONTEXT = 512 * 2**20
"""What CUDA, cuBLAS and the loaded kernels hold outside torch's allocator. PyTorch measured 0.27 GiB with kernels loaded as
they are needed and 0.62 GiB with all (github.com/pytorch/pytorch/pull/86509); training needs many, not all. Not measured here."""
BYTES_OF_A_FEATURE = 48
"""Bytes of activations for each token and hidden feature (unsloth_zoo/block_swap.py, _ACTIVATION_BYTES_PER_TOKEN_HIDDEN)."""
LOGIT_ROWS = 2048
"""Rows of fp32 logits (the same file, estimate_training_reserve_bytes)."""
OPTIMIZER_BYTES = 12
"""Bytes for each trained parameter beside its weight, whatever the optimizer (unsloth/models/_utils.py, _training_reserve_bytes)."""
SAFETY, SPLIT = 256 * 2**20, 17 / 16
"""The rest of the same estimate."""
SECOND_BUFFER_FROM = 512 * 2**20
"""Free bytes from which it takes a second staging buffer (unsloth_zoo/gradient_checkpointing.py, DOUBLE_BUFFER_HEADROOM)."""


def embeddings_moved(shape: Shape, model: Model, training: Training, resident: int, card: Card | None) -> int:
    """Bytes of the input embeddings that Unsloth keeps in RAM (offload_embedding="auto"), 0 where it leaves them on the card.

    It decides when the adapter has been added, by the length of one pack alone. Tied embeddings are the head, and stay.
    resident: bytes of base model and adapter. Source: unsloth/models/_utils.py, offload_embedding_if_tight.
    """
    if card is None or shape.tied:
        return 0
    activations = training.max_length * shape.hidden * BYTES_OF_A_FEATURE
    logits = 4 * min(training.max_length, LOGIT_ROWS) * shape.vocabulary
    reserve = SPLIT * (activations + logits + (4 + OPTIMIZER_BYTES) * trained_parameters(shape, model)) + SAFETY
    usable = card.total - card.others - CUDA_CONTEXT - resident
    return 2 * shape.embedding_parameters if usable < reserve else 0


def second_buffer_dropped(buffer: int, resident: int, most: int, card: Card | None) -> bool:
    """Whether there is too little room for a second staging buffer once the first micro-batch has been through.

    Close to the limit the allocator's cache decides, which no formula has: of an 8B on 11.6 GiB the buffer was dropped at 29,980 and
    31,204 tokens, and not at 32,128 (bench/gpu_memory.py).

    Args:
        buffer: its bytes.
        resident: what is on the card by then.
        most: what a step adds at most, both buffers included.
    """
    if card is None or buffer <= OFFLOAD_FROM:
        return False
    free = card.total - card.others - CUDA_CONTEXT - resident - (most - buffer)
    return free < max(SECOND_BUFFER_FROM, buffer)

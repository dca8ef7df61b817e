"""Bytes of a batch: layer inputs, activations, loss, dequantised weights.

Two ways to compute a layer are known here: Unsloth's kernels (on a card, with an adapter) and transformers' own code (full
fine-tuning, and everything on a CPU). `tokens` is batch × length everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from tweetstyle.model.config import Shape
from tweetstyle.plan.weights import trained_parameters
from tweetstyle.recipe import Lora, Model

CUBLAS_WORKSPACE = 8320 * 1024
""":4096:2:16:8", the default of cards before Hopper (docs.pytorch.org/docs/stable/notes/cuda.html, cuBLAS workspaces). Each thread
that multiplies has one: the forward's, and autograd's for the backward."""
OFFLOAD_FROM = 2 * 2**20
"""Bytes of a layer's input from which Unsloth moves it to RAM (unsloth_zoo/gradient_checkpointing.py, MINIMUM_SIZE)."""
HOST_BUFFERS = 200
"""Host buffers that Unsloth makes at the start (the same file, INITIAL_CPU_BUFFER_COUNT), of HOST_BUFFER bytes each."""
HOST_BUFFER = 128 * 1024 * 2
"""INITIAL_CPU_BUFFER_SIZE elements of 16 bits."""
TILE_BYTES = 256 * 2**20
"""Logits in fp32 at one time, frozen head, card of at most 24.5 GiB (unsloth_zoo/fused_losses/fused_linear.py, _BWD_TILE_BYTES)."""
TILE_COLUMNS = 16384
"""Columns of such a tile (the same file, _SPLIT_COLS and _tiled_layout)."""
TILE_ROWS = 4096
"""Rows of such a tile, and of a chunk, at most (the same file, _BWD_ROWS, _MAX_ROWS)."""
CHUNK_BYTES = 2 * 2**30
"""Logits of a chunk at most (the same file, _CHUNK_GB; it is less where less than 4 GiB are free)."""
CHUNK_LOGITS = 512 * 151936
"""A chunk has at least about this many logits, and 512 rows (the same file, _MIN_LOGITS and fused_linear_rows)."""


@dataclass(frozen=True)
class LayerActivations:
    """One layer's bytes. kept: from its forward to its backward, its input included; passing: besides, at the worst moment."""

    kept: int
    passing: int


def unsloth_layer(shape: Shape, tokens: int, each: int) -> LayerActivations:
    """A layer by Unsloth's kernels; each: bytes of an activation.

    Kept: input, both norms' outputs, the sum after attention (4 hidden), queries and attention's output (2 query), keys and
    values (2 key), gate and up (2 intermediate), in fp32 attention's log-sums and the norms' roots. Passing, in the backward
    of the MLP: the gradient of its inner product, the layer's output, two gradients of the hidden states.
    Source: what save_for_backward names in unsloth/kernels/{fast_lora,rms_layernorm,rope_embedding}.py and the locals of
    LoRA_MLP.backward. For Llama 3 8B with both staging buffers 42 bytes a token and hidden feature: Unsloth measured 42
    (unsloth_zoo/block_swap.py, _ACTIVATION_BYTES_PER_TOKEN_HIDDEN).
    """
    kept = tokens * each * (4 * shape.hidden + 2 * shape.query + 2 * shape.key + 2 * shape.intermediate)
    return LayerActivations(kept + 4 * tokens * (shape.heads + 2), tokens * each * (shape.intermediate + 3 * shape.hidden))


def transformers_layer(
    shape: Shape, batch: int, length: int, *, autocast: bool, lora: Lora | None = None, exact: bool = True
) -> LayerActivations:
    """A layer by transformers' own code (modeling_llama.py, SDPA) and PEFT's (tuners/lora/layer.py).

    exact: the base weights are in fp32, else in 16 or 4 bits. autocast: linears and attention in bf16, whose casts of inputs and
    fp32 weights are kept as well. The attention mask
    is kept once a layer, [batch, length, length]; keys and values are repeated for all heads. Passing: two fp32 gradients of the
    MLP's width, for full one of them and that of the largest weight, before it is added to the others.
    tests/test_memory_activations.py holds both against a run over fake tensors.
    """
    tokens, each, full = batch * length, 2 if autocast else 4, lora is None
    adapted = set(shape.linears) if lora is None else set(lora.target_modules)
    # A norm keeps its input; its normalised values only where its weight is trained, else only a linear after it keeps its output.
    norms = 4 * tokens * (2 * shape.hidden * (2 if full else 1) + 2)
    attention = each * tokens * 4 * shape.query + 4 * tokens * shape.heads + each * batch * length * length
    mlp = each * tokens * 3 * shape.intermediate
    inputs = each * tokens * _linear_inputs(shape, adapted, shared=not autocast)
    if autocast and not full and "o_proj" in adapted:
        # Attention's output is kept by attention itself; PEFT takes it to fp32, and autocast makes another of 16 bits.
        inputs += each * tokens * shape.query
    adapters = 0 if lora is None else each * tokens * lora.r * len(adapted)
    passing = each * tokens * shape.intermediate + 4 * shape.largest_linear if full else 8 * tokens * shape.intermediate
    weights = 0
    if autocast:
        weights = 2 * sum(rows * columns for rows, columns in shape.linears.values()) if exact else 0
        weights += 0 if lora is None else 2 * lora.r * sum(sum(shape.linears[name]) for name in adapted)
    return LayerActivations(norms + attention + mlp + inputs + adapters + weights, passing)


def _linear_inputs(shape: Shape, adapted: set[str], *, shared: bool) -> int:
    """Features that trained linears keep as their inputs, o_proj's apart; shared: those that read one tensor keep it once."""
    groups = [
        (("q_proj", "k_proj", "v_proj"), shape.hidden),
        (("gate_proj", "up_proj"), shape.hidden),
        (("down_proj",), shape.intermediate),
    ]
    counts = [(sum(name in adapted for name in names), features) for names, features in groups]
    return sum((min(count, 1) if shared else count) * features for count, features in counts)


@dataclass(frozen=True)
class Checkpoints:
    """Inputs of the layers, kept for the backward: bytes on the card, and in (pinned) RAM."""

    card: int
    host: int


def checkpoints(shape: Shape, tokens: int, each: int, mode: str | bool, buffers: int = 2) -> Checkpoints:
    """What gradient checkpointing keeps between forward and backward, besides the current layer.

    True: every layer's input. unsloth: in RAM as 16 bits, each in a block rounded up to a power of two; on the card are as many
    buffers as they come back in, one of which holds the input of the current layer. Small inputs stay on the card.
    Source: unsloth_zoo/gradient_checkpointing.py.
    """
    one = tokens * shape.hidden * each
    stored = tokens * shape.hidden * 2
    if mode is False:
        return Checkpoints(0, 0)
    if mode is True or stored <= OFFLOAD_FROM:
        return Checkpoints((shape.layers - 1) * one, HOST_BUFFERS * HOST_BUFFER if mode == "unsloth" else 0)
    block = 1 << (stored - 1).bit_length()
    return Checkpoints((buffers - 1) * one, shape.layers * block + max(HOST_BUFFERS - shape.layers, 0) * HOST_BUFFER)


def loss_bytes(shape: Shape, tokens: int, each: int, *, head_trained: bool) -> int:
    """The loss over the vocabulary by Unsloth's fused linear cross entropy (unsloth_zoo/fused_losses/fused_linear.py, _ce_impl).

    Frozen 16-bit head on a card of at most 24.5 GiB: one fp32 tile of logits and an fp32 sum. Else a chunk of logits, and for
    a trained head its gradient twice (the loss's and its scaled copy) and the weights in 16 bits. Always the last hidden
    states before and after their norm, their gradient, and that gradient scaled.
    """
    states = 4 * tokens * shape.hidden * each
    if head_trained or each > 2:
        rows = _chunk_rows(shape, tokens)
        logits = 4 * rows * (shape.vocabulary + shape.hidden)
        weights = (4 + 4 + 2) * shape.embedding_parameters if head_trained else 0
        return states + logits + weights
    rows = min(TILE_ROWS, tokens)
    return states + 4 * rows * (min(TILE_COLUMNS, shape.vocabulary) + shape.hidden)


def _chunk_rows(shape: Shape, tokens: int) -> int:
    """Rows of a chunk: a power of two near tokens × hidden / vocabulary, within limits (fused_linear_rows)."""
    wanted = _power_of_two_below(tokens * shape.hidden / shape.vocabulary)
    least = min(max(_power_of_two_below(CHUNK_LOGITS / shape.vocabulary), 512), TILE_ROWS)
    rows = min(max(wanted, least), TILE_ROWS, max(CHUNK_BYTES // (4 * shape.vocabulary), 2))
    return max(min(rows, tokens), 1)


def _power_of_two_below(value: float) -> int:
    return 1 << max(int(value).bit_length() - 1, 0)


def plain_loss(shape: Shape, model: Model, tokens: int, *, autocast: bool, recomputed: bool) -> dict[str, dict[str, int]]:
    """The loss as transformers computes it in fp32 (loss/loss_utils.py, ForCausalLMLoss), by moment.

    The end of the forward pass holds the logits in 16 bits, in fp32 and their log-softmax, and every 16-bit copy that autocast has made of
    what is trained, which it lets go with the forward (`recomputed`: else the layers' copies are counted with the layers). Then the
    gradient of the log-softmax: two more of fp32 beside it. Always the last hidden states before and after their norm, their gradients.
    """
    logits, full = tokens * shape.vocabulary, model.method == "full"
    states = 4 * tokens * shape.hidden * (4 if full or not autocast else 2)
    head = 2 * shape.embedding_parameters if full and autocast else 0
    trained = shape.linear_parameters if full else trained_parameters(shape, model)
    copies = 2 * trained if autocast and recomputed else 0
    return {
        "loss": {"logits": 3 * 4 * logits + states, "16-bit copies": head},
        "end of the forward": {"logits": (2 + 4 + 4 if autocast else 4 + 4) * logits + states, "16-bit copies": head + copies},
    }


def position_tables(shape: Shape) -> int:
    """Unsloth's tables of RoPE, cosine and sine in 16 bits for every position of config.json (unsloth/models/llama.py)."""
    return 2 * 2 * shape.positions * shape.head


def dequantised_bytes(shape: Shape, each: int) -> int:
    """Two of the largest linear in 16 bits: Unsloth's resident scratch and the weight at hand (unsloth/kernels/utils.py, _scratch)."""
    return 2 * each * shape.largest_linear


def adapter_copies(shape: Shape, lora: Lora, each: int) -> int:
    """One layer's adapter and its gradients in 16 bits, before autograd takes them to fp32 (unsloth/kernels/fast_lora.py)."""
    return 2 * each * lora.r * sum(sum(shape.linears[name]) for name in lora.target_modules)

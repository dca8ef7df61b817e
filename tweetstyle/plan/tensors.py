"""Bytes of tensors: weights, adapter, optimizer states, activations, loss.

A layer is computed by Unsloth's kernels (an adapter on a card) or by transformers' own code (full fine-tuning, everything on a CPU).
`tokens` is batch × length everywhere.
"""

from typing import NamedTuple

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
ROWS_TO_SPARE, DOCUMENT_TOKENS = 128, 50
"""Of the fp32 sums in the backward of packed attention, for each document; and a document's tokens: a tweet with its prompt."""
CUBLAS_WORKSPACE = 8320 * 1024
""":4096:2:16:8", the default of cards before Hopper (docs.pytorch.org/docs/stable/notes/cuda.html, cuBLAS workspaces). Each thread
that multiplies has one: the forward's, and autograd's for the backward."""
OFFLOAD_FROM = 2 * 2**20
"""Bytes of a layer's input from which Unsloth moves it to RAM (unsloth_zoo/gradient_checkpointing.py, MINIMUM_SIZE)."""
TILE_COLUMNS = 16384
"""Columns of a tile of fp32 logits: frozen head, card of at most 24.5 GiB (unsloth_zoo/fused_losses/fused_linear.py, _SPLIT_COLS)."""
TILE_ROWS = 4096
"""Rows of such a tile, and of a chunk, at most (the same file, _BWD_ROWS, _MAX_ROWS)."""
CHUNK_BYTES = 2 * 2**30
"""Logits of a chunk at most (the same file, _CHUNK_GB; it is less where less than 4 GiB are free)."""
CHUNK_LOGITS = 512 * 151936
"""A chunk has at least about this many logits, and 512 rows (the same file, _MIN_LOGITS and fused_linear_rows)."""


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


class TrainedTensors(NamedTuple):
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


class States(NamedTuple):
    """Bytes of optimizer states. paged: in CUDA's unified memory, which the driver moves to RAM when the card is full."""

    card: int
    paged: int


def optimizer_states(shape: Shape, model: Model, training: Training) -> States:
    """Adam's two moments for every trained tensor, as `training.optim` keeps them.

    adamw_torch: two fp32 (torch/optim/adamw.py). 8 bits: two bytes and two fp32 absmaxes for each 256, from 4,096 elements on; input
    embeddings stay in fp32 (transformers/trainer.py overrides nn.Embedding to optim_bits 32).
    """
    card = paged = 0
    eight_bits = False
    for elements, count, embedding in trained_tensors(shape, model):
        exact = training.optim == "adamw_torch" or embedding or elements < MIN_8BIT_SIZE
        moments = 2 * (4 if exact else 1) * elements * count
        eight_bits = eight_bits or not exact
        card += 0 if exact else 2 * 4 * -(-elements // OPTIMIZER_BLOCK) * count
        if training.optim == "paged_adamw_8bit" and elements >= MIN_PAGED_SIZE:
            paged += moments
        else:
            card += moments
    return States(card + 2 * BLOCKWISE_CODE * eight_bits, paged)


class LayerActivations(NamedTuple):
    """One layer's bytes. kept: from its forward to its backward, its input included; passing: besides, in the backward of the MLP;
    attention: in that of attention, where it is counted apart."""

    kept: int
    passing: int
    attention: int = 0


def unsloth_layer(shape: Shape, tokens: int, each: int) -> LayerActivations:
    """A layer by Unsloth's kernels; each: bytes of an activation.

    Kept: input, both norms' outputs, the sum after attention (4 hidden), queries and attention's output (2 query), keys and
    values (2 key), gate and up (2 intermediate), in fp32 attention's log-sums and the norms' roots. Passing, in the backward
    of the MLP: the gradient of its inner product, the layer's output, two gradients of the hidden states. Source: what
    save_for_backward names in unsloth/kernels/{fast_lora,rms_layernorm,rope_embedding}.py and the locals of LoRA_MLP.backward.

    Where the MLP is narrow, as in a 3B, attention's backward takes more: its kernel sums the queries' gradient in fp32, with rows to spare
    for each document of a pack, and makes keys' and values' gradients for all heads (torch, flash_attn/flash_api.cpp, mha_varlen_bwd).
    Its 7 query are fitted to counts of a 3B at 4,096, 8,192 and 63,849 tokens, over an emulated card.
    """
    kept = tokens * each * (4 * shape.hidden + 2 * shape.query + 2 * shape.key + 2 * shape.intermediate) + 4 * tokens * (shape.heads + 2)
    passing = tokens * each * (shape.intermediate + 3 * shape.hidden)
    summed = 4 * shape.query * (tokens + ROWS_TO_SPARE * tokens // DOCUMENT_TOKENS)
    attention = tokens * each * (4 * shape.hidden + 7 * shape.query + 4 * shape.key) + summed
    return LayerActivations(kept, passing, max(attention - kept, 0) if each == 2 else 0)


def transformers_layer(shape: Shape, batch: int, length: int, *, autocast: bool = False) -> LayerActivations:
    """A layer by transformers' own code (modeling_llama.py, SDPA), all its weights trained in fp32; with LoRA it is a little less.

    autocast: linears and attention in bf16, whose casts of inputs and weights are kept as well. The attention mask is kept once a
    layer, [batch, length, length]; keys and values are repeated for all heads. Linears that read one tensor keep it once; under
    autocast each keeps a cast of its own. Passing: a gradient of the MLP's width, and that of the largest weight, before it is added
    to the others. tests/test_memory_tensors.py compares both with a run over fake tensors.
    """
    tokens, each = batch * length, 2 if autocast else 4
    norms = 4 * tokens * (4 * shape.hidden + 2)
    attention = each * tokens * 4 * shape.query + 4 * tokens * shape.heads + each * batch * length * length
    inputs = each * tokens * ((5 if autocast else 2) * shape.hidden + shape.intermediate)
    weights = 2 * shape.linear_parameters // shape.layers if autocast else 0
    kept = norms + attention + each * tokens * 3 * shape.intermediate + inputs + weights
    return LayerActivations(kept, each * tokens * shape.intermediate + 4 * shape.largest_linear)


class Checkpoints(NamedTuple):
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
        return Checkpoints((shape.layers - 1) * one, 0)
    block = 1 << (stored - 1).bit_length()
    return Checkpoints((buffers - 1) * one, shape.layers * block)


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

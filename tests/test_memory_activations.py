"""What a batch needs, held against real modules over fake tensors; what no CPU can run, against Unsloth's own code and figures."""

from __future__ import annotations

import pytest
import torch
from support.live_bytes import LiveBytes, fake_llama, nbytes, on_a_fake_cpu

from tweetstyle.model.config import read_shape
from tweetstyle.model.hub import known_config
from tweetstyle.plan.activations import checkpoints, loss_bytes, plain_loss, transformers_layer, unsloth_layer
from tweetstyle.recipe import Lora, Model

LLAMA_8B = known_config("Llama 3 8B")
SMALL = LLAMA_8B | {"hidden_size": 256, "intermediate_size": 640, "num_attention_heads": 8, "num_key_value_heads": 2, "vocab_size": 3000}
TARGETS = tuple(read_shape(SMALL).linears)


class Step:
    """Forward and backward of one batch: live bytes at the forward's end, and the peak. Gradients stand before, as in accumulation."""

    def __init__(self, config, *, r=None, targets=TARGETS, autocast=False, checkpointing=False, batch=1, length=128):
        model = fake_llama(config, r, targets)
        if r is not None:
            model.enable_input_require_grads()
        if checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        model.train()
        with on_a_fake_cpu(model):
            for parameter in model.parameters():
                if parameter.requires_grad:
                    parameter.grad = torch.zeros_like(parameter)
            ids = torch.zeros(batch, length, dtype=torch.long)
            with LiveBytes() as counted:
                with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                    loss = model(input_ids=ids, labels=ids).loss
                self.after_forward = counted.live
                loss.backward()
                self.peak = counted.peak


def layers(config, count, **settings):
    return Step(config | {"num_hidden_layers": count}, **settings)


def test_the_counter_counts_what_stands():
    """A control: a counter that always said the same would agree with anything."""
    with on_a_fake_cpu(torch.nn.Identity()), LiveBytes() as counted:
        kept = torch.zeros(1000)
        passing = kept + 1
        view = kept[10:]
        del passing
        assert (counted.live, counted.peak) == (4000, 8000)
        del kept
        assert counted.live == 4000 and nbytes([view]) == 4000


@pytest.mark.parametrize(("config", "batch", "length"), [(SMALL, 1, 256), (SMALL, 2, 128), (LLAMA_8B, 1, 256)], ids=["1", "2", "8B"])
@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("r", [None, 16])
def test_a_layer_keeps_what_autograd_saves(config, batch, length, autocast, r):
    """Without checkpointing each layer more keeps exactly so much more."""
    settings = {"r": r, "autocast": autocast, "batch": batch, "length": length}
    kept = layers(config, 3, **settings).after_forward - layers(config, 2, **settings).after_forward
    lora = None if r is None else Lora(r=r)
    assert transformers_layer(read_shape(config), batch, length, autocast=autocast, lora=lora).kept == pytest.approx(kept, rel=0.001)


@pytest.mark.parametrize("targets", [("q_proj", "v_proj"), ("o_proj",), ("gate_proj", "up_proj", "down_proj")])
def test_only_adapted_linears_keep_their_inputs(targets):
    kept = layers(SMALL, 3, r=8, targets=targets).after_forward - layers(SMALL, 2, r=8, targets=targets).after_forward
    lora = Lora(r=8, target_modules=targets)
    assert transformers_layer(read_shape(SMALL), 1, 128, autocast=False, lora=lora).kept == pytest.approx(kept, rel=0.001)


@pytest.mark.parametrize("autocast", [False, True])
def test_checkpointing_keeps_the_layers_inputs_alone(autocast):
    settings = {"r": 16, "autocast": autocast, "checkpointing": True, "length": 256}
    more = layers(SMALL, 6, **settings).after_forward - layers(SMALL, 2, **settings).after_forward
    shape = [read_shape(SMALL | {"num_hidden_layers": count}) for count in (6, 2)]
    planned = [checkpoints(one, 256, 4, True).card for one in shape]
    assert planned[0] - planned[1] == more


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("r", [None, 16])
def test_the_peak_of_a_checkpointed_backward_is_within_four_percent(autocast, r):
    """A vocabulary of 64, so that the peak is in a layer and not in the logits; Llama 3 8B's layers, 1,024 tokens."""
    config = LLAMA_8B | {"vocab_size": 64, "num_hidden_layers": 2}
    peak = Step(config, r=r, autocast=autocast, checkpointing=True, length=1024).peak
    shape, lora = read_shape(config), None if r is None else Lora(r=r)
    layer = transformers_layer(shape, 1, 1024, autocast=autocast, lora=lora)
    inputs = 1024 * 4096 * 4
    assert checkpoints(shape, 1024, 4, True).card + inputs + layer.kept + layer.passing == pytest.approx(peak, rel=0.04)


def test_the_plain_loss_takes_three_times_the_logits():
    """A vocabulary so large that the peak is there."""
    settings = {"r": 4, "checkpointing": True, "length": 256}
    config = SMALL | {"num_hidden_layers": 1}
    small, large = (Step(config | {"vocab_size": size}, **settings).peak for size in (50_000, 100_000))
    shape = [read_shape(config | {"vocab_size": size}) for size in (50_000, 100_000)]
    model = Model(base="x", method="lora", lora=Lora(r=4))
    planned = [plain_loss(one, model, 256, autocast=False, recomputed=True)["loss"]["logits"] for one in shape]
    assert planned[1] - planned[0] == pytest.approx(large - small, rel=0.01)


# -- Unsloth's own path, which needs a GPU: not measured here --------------------------------------------------------


def test_a_layer_by_unsloths_kernels_takes_what_unsloth_measured():
    """unsloth_zoo/block_swap.py: 42 bytes a token and hidden feature on Llama 3.1 8B in 4 bits with its checkpointing."""
    shape, tokens = read_shape(LLAMA_8B), 4096
    layer, stored = unsloth_layer(shape, tokens, 2), checkpoints(shape, tokens, 2, "unsloth")
    planned = (layer.kept + layer.passing + stored.card) / (tokens * shape.hidden)
    assert planned == pytest.approx(42, rel=0.01)


def test_the_fused_loss_takes_the_rows_and_tiles_of_unsloths_own_functions():
    import ast
    import importlib.util
    from pathlib import Path

    source = Path(importlib.util.find_spec("unsloth_zoo").submodule_search_locations[0], "fused_losses", "fused_linear.py")
    names = {"fused_linear_rows", "_pow2", "_tiled_layout"}
    functions = [node for node in ast.parse(source.read_text()).body if isinstance(node, ast.FunctionDef) and node.name in names]
    space = {
        "math": __import__("math"),
        "_MIN_ROWS": 0,
        "_MIN_LOGITS": 512 * 151936,
        "_MAX_ROWS": 4096,
        "_budget_bytes": lambda _: 2 * 2**30,
    }
    space |= {
        "_BWD_TILE_BYTES": 256 * 2**20,
        "_BWD_ROWS": 4096,
        "_SPLIT_COLS": 16384,
        "_FWD_TILE_COLS": None,
        "_flash_min_rows": lambda _: 0,
    }
    exec(compile(ast.Module(functions, []), str(source), "exec"), space)
    for name, tokens in ((name, tokens) for name in ("SmolLM2 135M", "Llama 3.2 3B", "Llama 3 8B") for tokens in (64, 2048, 8192, 32768)):
        shape = read_shape(known_config(name))
        states = 4 * tokens * shape.hidden
        rows, columns = space["_tiled_layout"](tokens, shape.vocabulary, 0, 4, None)
        assert loss_bytes(shape, tokens, 2, head_trained=False) == 2 * states + 4 * rows * (columns + shape.hidden)
        chunk = space["fused_linear_rows"](tokens, shape.hidden, shape.vocabulary)
        assert loss_bytes(shape, tokens, 4, head_trained=False) == 4 * states + 4 * chunk * (shape.vocabulary + shape.hidden)


def test_unsloths_constants_are_those_of_the_installed_version():
    """Names and values, read from the source: importing it would take what training takes."""
    import importlib.util
    import re
    from pathlib import Path

    from tweetstyle.plan import activations as mine

    folder = Path(importlib.util.find_spec("unsloth_zoo").submodule_search_locations[0])
    checkpointing = (folder / "gradient_checkpointing.py").read_text()
    fused = (folder / "fused_losses" / "fused_linear.py").read_text()

    def number(text: str, name: str) -> int:
        return eval(re.search(rf"^ *{name} *= *([\d* <]+)", text, re.MULTILINE)[1])

    assert number(checkpointing, "MINIMUM_SIZE") == mine.OFFLOAD_FROM
    assert number(checkpointing, "INITIAL_CPU_BUFFER_COUNT") == mine.HOST_BUFFERS
    assert 2 * number(checkpointing, "INITIAL_CPU_BUFFER_SIZE") == mine.HOST_BUFFER
    assert number(fused, "_MIN_LOGITS") == mine.CHUNK_LOGITS
    assert '"UNSLOTH_FUSED_LINEAR_BWD_TILE_MB", 8 if _HIP_TILES else 256)' in fused and mine.TILE_BYTES == 256 * 2**20
    assert '"UNSLOTH_FUSED_LINEAR_SPLIT_COLS", 16384)' in fused and mine.TILE_COLUMNS == 16384
    assert '"UNSLOTH_FUSED_LINEAR_MAX_ROWS", 4096)' in fused and mine.TILE_ROWS == 4096
    assert '"UNSLOTH_LOGPROB_CHUNK_GB", 2.0)' in fused and mine.CHUNK_BYTES == 2 * 2**30


def test_offloaded_inputs_are_in_ram_in_blocks_of_a_power_of_two():
    shape = read_shape(LLAMA_8B)
    assert checkpoints(shape, 2048, 2, "unsloth").host == 32 * 16 * 2**20 + 168 * 2**18
    assert checkpoints(shape, 2049, 2, "unsloth").host == 32 * 32 * 2**20 + 168 * 2**18
    few = checkpoints(shape, 128, 2, "unsloth")
    assert few.card == 31 * 128 * 4096 * 2, "inputs of at most 2 MiB stay on the card"
    assert checkpoints(shape, 2048, 2, False).card == 0

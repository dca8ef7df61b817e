"""Bytes of tensors against their makers: transformers, PEFT, bitsandbytes, torch's optimizers, and real modules over fake tensors."""

import pytest
import torch
from support.live_bytes import LiveBytes, fake_llama, nbytes, on_a_fake_cpu

from tweetstyle.errors import TweetstyleError
from tweetstyle.model.config import read_shape
from tweetstyle.model.hub import KNOWN
from tweetstyle.plan.tensors import (
    States,
    base_weights,
    checkpoints,
    loss_bytes,
    nf4_bytes,
    optimizer_states,
    trained_parameters,
    trained_tensors,
    transformers_layer,
)
from tweetstyle.recipe import Lora, Model, Training

LLAMA_8B = KNOWN["Llama 3 8B"]
TINY = {
    "hidden_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 200,
    "vocab_size": 500, "max_position_embeddings": 512,
}  # fmt: skip
SMALL = LLAMA_8B | {"hidden_size": 256, "intermediate_size": 640, "num_attention_heads": 8, "num_key_value_heads": 2, "vocab_size": 3000}
LINEARS = tuple(read_shape(SMALL).linears)


def model(method: str = "qlora", **lora) -> Model:
    return Model(base="anywhere", method=method, lora=Lora(**lora))


@pytest.mark.parametrize("config", [*KNOWN.values(), TINY | {"tie_word_embeddings": True}], ids=[*KNOWN, "tied"])
def test_parameters_are_those_of_transformers_model(config):
    shape = read_shape(config)
    assert shape.parameters == trained_parameters(shape, model("full")) == sum(p.numel() for p in fake_llama(config).parameters())


@pytest.mark.parametrize("targets", [("k_proj", "down_proj"), LINEARS])
def test_trained_parameters_are_those_of_peft(targets):
    trained = [p.numel() for p in fake_llama(LLAMA_8B, r=24, targets=targets).parameters() if p.requires_grad]
    mine = trained_tensors(read_shape(LLAMA_8B), model(r=24, target_modules=targets))
    assert sorted(size for tensor in mine for size in [tensor.elements] * tensor.count) == sorted(trained)


@pytest.mark.parametrize(("rows", "columns"), [(1, 64), (7, 96), (40, 1024), (33, 200)])
def test_a_linear_in_nf4_has_the_bytes_of_bitsandbytes_tensors(rows, columns):
    from bitsandbytes.functional import quantize_4bit

    packed, state = quantize_4bit(torch.randn(rows, columns), quant_type="nf4", compress_statistics=True)
    assert nf4_bytes(rows, columns) == nbytes([packed, state.absmax, state.offset, state.code, state.state2.absmax, state.state2.code])


@pytest.mark.parametrize(("method", "bf16", "each"), [("lora", True, 2), ("lora", False, 4), ("full", True, 4)])
def test_weights_of_a_real_model_take_what_is_planned(method, bf16, each):
    from transformers import LlamaConfig, LlamaForCausalLM

    built = LlamaForCausalLM(LlamaConfig(**TINY)).to(torch.float32 if each == 4 else torch.bfloat16)
    assert sum(base_weights(read_shape(TINY), model(method), Training(bf16=bf16)).values()) == nbytes(built.parameters())


@pytest.mark.parametrize("method", ["lora", "full"])
@pytest.mark.parametrize("optim", ["adamw_torch", "adamw_8bit"])
def test_optimizer_states_take_what_the_real_optimizer_makes(method, optim):
    """The step number excepted; transformers' trainer keeps the states of every nn.Embedding in 32 bits."""
    from bitsandbytes.optim import AdamW8bit, GlobalOptimManager

    wanted = model(method, r=64, target_modules=("q_proj", "k_proj"))
    meta = fake_llama(TINY) if method == "full" else fake_llama(TINY, r=64, targets=["q_proj", "k_proj"])
    trained = {name: torch.nn.Parameter(torch.zeros(p.shape)) for name, p in meta.named_parameters() if p.requires_grad}
    manager = GlobalOptimManager.get_instance()
    manager.initialize()  # Without it, parameters of earlier tests whose ids are used again would count.
    manager.register_parameters(list(trained.values()))
    for name in (name for name in trained if "embed_tokens" in name):
        manager.override_config(trained[name], "optim_bits", 32)
    optimizer = (torch.optim.AdamW if optim == "adamw_torch" else AdamW8bit)(list(trained.values()))
    for parameter in trained.values():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    made = [v for state in optimizer.state.values() for k, v in state.items() if isinstance(v, torch.Tensor) and k != "step"]
    assert optimizer_states(read_shape(TINY), wanted, Training(optim=optim)) == States(nbytes(made), 0)


def test_paged_states_are_counted_apart_and_small_ones_stay_on_the_card():
    shape, training = read_shape(LLAMA_8B), Training(optim="paged_adamw_8bit")
    both, paged = optimizer_states(shape, model(), Training()), optimizer_states(shape, model(), training)
    assert paged.card + paged.paged == both.card and paged.paged > 0.9 * both.card
    assert optimizer_states(read_shape(TINY), model(), training).paged == 0


@pytest.mark.parametrize("broken", [{"hidden_size": None}, {"vocab_size": "many"}, {"num_hidden_layers": 0}])
def test_a_config_without_its_numbers_is_refused(broken):
    with pytest.raises(TweetstyleError, match=next(iter(broken))):
        read_shape(TINY | broken)


class Step:
    """Forward and backward of one batch over fake tensors: live bytes at the forward's end, and the peak; gradients exist before."""

    def __init__(self, config, layers, *, autocast=False, checkpointing=False, batch=1, length=128):
        model = fake_llama(config | {"num_hidden_layers": layers})
        if checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        model.train()
        with on_a_fake_cpu(model):
            for parameter in model.parameters():
                parameter.grad = torch.zeros_like(parameter)
            ids = torch.zeros(batch, length, dtype=torch.long)
            with LiveBytes() as counted:
                with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                    loss = model(input_ids=ids, labels=ids).loss
                self.after_forward = counted.live
                loss.backward()
                self.peak = counted.peak


@pytest.mark.parametrize("autocast", [True, False])
@pytest.mark.parametrize(("config", "batch"), [(SMALL, 2), (LLAMA_8B, 1)])
def test_a_layer_keeps_what_autograd_saves(config, batch, autocast):
    """Without checkpointing each further layer keeps exactly so much more."""
    two, three = (Step(config, layers, batch=batch, autocast=autocast).after_forward for layers in (2, 3))
    assert transformers_layer(read_shape(config), batch, 128, autocast=autocast).kept == pytest.approx(three - two, rel=0.001)


@pytest.mark.parametrize("autocast", [True, False])
def test_the_peak_of_a_checkpointed_backward_is_within_four_percent(autocast):
    """A vocabulary of 64, so that the peak is in a layer and not in the logits; Llama 3 8B's layers, 1,024 tokens."""
    config = LLAMA_8B | {"vocab_size": 64, "num_hidden_layers": 2}
    peak = Step(config, 2, autocast=autocast, checkpointing=True, length=1024).peak
    layer = transformers_layer(read_shape(config), 1, 1024, autocast=autocast)
    inputs = checkpoints(read_shape(config), 1024, 4, True).card + 1024 * 4096 * 4
    assert inputs + layer.kept + layer.passing == pytest.approx(peak, rel=0.04)


def test_the_fused_loss_of_a_trained_head_holds_its_gradient_twice():
    """By hand for SmolLM2 135M: 49,152 × 576 weights in 4 + 4 + 2 bytes; chunks of at least 512 × 151,936 logits are of 1,024 rows."""
    shape = read_shape(KNOWN["SmolLM2 135M"])
    by_hand = 10 * 49_152 * 576 + 4 * 1024 * (49_152 + 576) + 4 * 2048 * 576 * 4
    assert loss_bytes(shape, 2048, 4, head_trained=True) == by_hand

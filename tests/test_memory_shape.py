"""The memory plan's weights against their makers: counts by transformers, NF4 by bitsandbytes, states by the optimizers."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.live_bytes import fake_llama, nbytes

from tweetstyle.errors import TweetstyleError
from tweetstyle.model.config import read_shape
from tweetstyle.model.hub import KNOWN, known_config
from tweetstyle.plan.weights import States, base_weights, gradient_bytes, nf4_bytes, optimizer_states, trained_parameters, trained_tensors
from tweetstyle.recipe import Lora, Model, Training

SMALL = dict(zip(("hidden_size", "num_hidden_layers", "num_attention_heads"), (96, 2, 4), strict=True)) | {
    "num_key_value_heads": 2, "intermediate_size": 200, "vocab_size": 500, "max_position_embeddings": 512,
}  # fmt: skip


def model(method: str = "qlora", **lora) -> Model:
    return Model(base="anywhere", method=method, lora=Lora(**lora))


@pytest.mark.parametrize("name", KNOWN)
def test_parameters_are_those_of_transformers_model(name):
    config = known_config(name)
    built = fake_llama(config)
    assert read_shape(config).parameters == sum(p.numel() for p in built.parameters())


@pytest.mark.parametrize("targets", [("q_proj",), ("k_proj", "down_proj"), tuple(read_shape(known_config("Llama 3 8B")).linears)])
def test_trained_parameters_are_those_of_peft(targets):
    config = known_config("Llama 3 8B")
    built = fake_llama(config, r=24, targets=targets)
    trained = [p.numel() for p in built.parameters() if p.requires_grad]
    mine = trained_tensors(read_shape(config), model(r=24, target_modules=targets))
    assert sorted(size for tensor in mine for size in [tensor.elements] * tensor.count) == sorted(trained)


def test_all_weights_are_trained_in_full():
    shape = read_shape(SMALL)
    assert trained_parameters(shape, model("full")) == shape.parameters
    assert gradient_bytes(shape, model("full")) == 4 * shape.parameters


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.sampled_from((64, 96, 128, 200, 1024)))
def test_a_linear_in_nf4_has_the_bytes_of_bitsandbytes_tensors(rows, columns):
    from bitsandbytes.functional import quantize_4bit

    packed, state = quantize_4bit(torch.randn(rows, columns), quant_type="nf4", compress_statistics=True)
    assert nf4_bytes(rows, columns) == nbytes([packed, state.absmax, state.offset, state.code, state.state2.absmax, state.state2.code])


def test_llama_3_8b_in_four_bits_by_hand():
    """6,979,321,856 linear weights: 0.5 byte, an eighth bit for each 64 (a byte), fp32 for each 256 of those."""
    parts = list(base_weights(read_shape(known_config("Llama 3 8B")), model(), Training()).values())
    linears = 6_979_321_856
    by_hand = linears / 2 + linears / 64 + 4 * linears / 64 / 256
    assert abs(parts[0] - by_hand) < 224 * 1100
    assert parts[1] == 2 * 2 * 128256 * 4096
    assert parts[2] == 2 * (32 * 2 + 1) * 4096


@pytest.mark.parametrize(("method", "bf16", "each"), [("lora", True, 2), ("lora", False, 4), ("full", True, 4), ("full", False, 4)])
def test_weights_of_a_real_model_take_what_is_planned(method, bf16, each):
    from transformers import LlamaConfig, LlamaForCausalLM

    built = LlamaForCausalLM(LlamaConfig(**SMALL)).to(torch.float32 if each == 4 else torch.bfloat16)
    assert sum(base_weights(read_shape(SMALL), model(method), Training(bf16=bf16)).values()) == nbytes(built.parameters())


def test_a_tied_head_is_counted_once():
    shape = read_shape(SMALL | {"tie_word_embeddings": True})
    assert shape.parameters == sum(p.numel() for p in fake_llama(SMALL | {"tie_word_embeddings": True}).parameters())
    assert "also the head" in " ".join(base_weights(shape, model(), Training()))


def made_states(method: str, optim: str) -> int:
    """Bytes of the states that the real optimizer makes for a real small model, tensors of the step number excepted."""
    from bitsandbytes.optim import AdamW8bit, GlobalOptimManager

    meta = fake_llama(SMALL, r=64, targets=["q_proj", "k_proj"]) if method != "full" else fake_llama(SMALL)
    trained = [(name, torch.nn.Parameter(torch.zeros(p.shape))) for name, p in meta.named_parameters() if p.requires_grad]
    parameters = [p for _, p in trained]
    if optim == "adamw_torch":
        optimizer = torch.optim.AdamW(parameters)
    else:
        manager = GlobalOptimManager.get_instance()
        manager.register_parameters(parameters)
        for name, p in trained:
            if "embed_tokens" in name:  # as transformers' trainer does for every nn.Embedding
                manager.override_config(p, "optim_bits", 32)
        optimizer = AdamW8bit(parameters)
    for p in parameters:
        p.grad = torch.ones_like(p)
    optimizer.step()
    kept = [v for state in optimizer.state.values() for k, v in state.items() if isinstance(v, torch.Tensor) and k != "step"]
    return nbytes(kept)


@pytest.mark.parametrize("method", ["lora", "full"])
@pytest.mark.parametrize("optim", ["adamw_torch", "adamw_8bit"])
def test_optimizer_states_take_what_the_real_optimizer_makes(method, optim):
    wanted = model(method, r=64, target_modules=("q_proj", "k_proj"))
    assert optimizer_states(read_shape(SMALL), wanted, Training(optim=optim)) == States(made_states(method, optim), 0)


def test_paged_states_are_counted_apart_and_small_ones_stay_on_the_card():
    shape, training = read_shape(known_config("Llama 3 8B")), Training(optim="paged_adamw_8bit")
    both, paged = optimizer_states(shape, model(), Training()), optimizer_states(shape, model(), training)
    assert paged.card + paged.paged == both.card and paged.paged > 0.9 * both.card
    assert optimizer_states(read_shape(SMALL), model(), training).paged == 0


@pytest.mark.parametrize("broken", [{"hidden_size": None}, {"vocab_size": "many"}, {"num_hidden_layers": 0}, {"intermediate_size": True}])
def test_a_config_without_its_numbers_is_refused(broken):
    with pytest.raises(TweetstyleError, match=next(iter(broken))):
        read_shape(SMALL | broken)

"""The plan of a whole step against transformers, PEFT and bitsandbytes over fake tensors, every byte counted: within two percent.

Full-size models stand in bench/plan.py; here are small ones. What Unsloth's own kernels keep needs a card: not measured.
"""

from __future__ import annotations

import pytest
from support.traced_step import TracedStep

from tweetstyle.model.hub import known_config
from tweetstyle.plan.memory import plan_memory
from tweetstyle.recipe import Lora, Model, Training

TINY = known_config("Llama 3 8B") | {
    "hidden_size": 256, "intermediate_size": 640, "num_attention_heads": 8, "num_key_value_heads": 2,
    "vocab_size": 3000, "num_hidden_layers": 3,
}  # fmt: skip
WIDE = TINY | {"vocab_size": 40_000, "tie_word_embeddings": True}


def planned(config, method, length, batch, checkpointing, lora) -> int:
    training = Training(max_length=length, per_device_train_batch_size=batch, gradient_checkpointing=checkpointing)
    return plan_memory(config, Model(base="x", method=method, lora=lora), training, kernels="transformers").within_a_step


def counted(config, method, length, batch, checkpointing, lora) -> int:
    settings = {"r": lora.r, "targets": lora.target_modules, "checkpointing": checkpointing, "batch": batch, "length": length}
    return TracedStep(config, method, sixteen=method != "full", autocast=True, **settings).whole


@pytest.mark.parametrize("method", ["qlora", "lora", "full"])
@pytest.mark.parametrize(("config", "length", "batch", "checkpointing"), [
    (TINY, 512, 2, False), (WIDE, 256, 4, True), (WIDE, 512, 1, False),
], ids=["layers", "loss", "both"])  # fmt: skip
def test_a_step_takes_what_is_planned(config, length, batch, checkpointing, method):
    settings = config, method, length, batch, checkpointing, Lora(r=16)
    assert planned(*settings) == pytest.approx(counted(*settings), rel=0.02)


@pytest.mark.parametrize("targets", [("q_proj", "v_proj"), ("gate_proj", "up_proj", "down_proj")])
def test_a_step_over_some_of_the_linears_takes_what_is_planned(targets):
    settings = TINY, "qlora", 512, 1, False, Lora(r=64, target_modules=targets)
    assert planned(*settings) == pytest.approx(counted(*settings), rel=0.02)


def test_layers_of_an_8b_take_what_is_planned():
    """Two of its 32 layers, its vocabulary, 1,024 tokens, in 4 bits."""
    settings = known_config("Llama 3 8B") | {"num_hidden_layers": 2}, "qlora", 1024, 1, True, Lora(r=32)
    assert planned(*settings) == pytest.approx(counted(*settings), rel=0.005)


def test_the_comparison_would_see_a_part_that_is_left_out():
    """A control: another length, rank, method or batch is beyond the tolerance."""
    settings = [WIDE, "qlora", 256, 4, True, Lora(r=16)]
    truth = counted(*settings)
    for place, other in ((1, "full"), (2, 288), (3, 5), (4, False), (5, Lora(r=128))):
        changed = [*settings[:place], other, *settings[place + 1 :]]
        assert planned(*changed) != pytest.approx(truth, rel=0.02), other

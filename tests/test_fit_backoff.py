"""Out of memory: which batch is tried next, what is remembered, and what the end at batch 1 says."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.small_runs import small_training
from support.tiny_llama import write_llama

from tweetstyle.hardware.gpu import Card
from tweetstyle.model.hub import KNOWN
from tweetstyle.plan.probe import remembered
from tweetstyle.plan.schedule import step_count
from tweetstyle.recipe import Lora, Model
from tweetstyle.train.failures import (
    LOADING,
    OPTIMIZER,
    STEP,
    VALIDATION,
    OutOfMemory,
    does_not_fit,
    remember,
    with_half_the_batch,
    within_memory,
)

WHY = OutOfMemory("CUDA out of memory. Tried to allocate 2.00 GiB.")


def sized(batch, accumulation, **more):
    return small_training(per_device_train_batch_size=batch, gradient_accumulation_steps=accumulation, **more)


def size_of(training):
    return training.per_device_train_batch_size, training.gradient_accumulation_steps


@given(st.integers(1, 64), st.integers(1, 64), st.integers(1, 5000), st.floats(0.1, 5))
def test_a_smaller_batch_leaves_every_step_and_their_number_as_they_were(batch, accumulation, packs, epochs):
    """Also where the batch is odd. A step is batch × accumulation packs, an epoch as many steps."""
    training = sized(batch, accumulation, max_steps=-1, num_train_epochs=epochs)
    smaller = with_half_the_batch(training)
    if batch == 1:
        assert smaller is None
        return
    assert math.prod(size_of(smaller)) == batch * accumulation and smaller.per_device_train_batch_size <= batch / 2
    assert step_count(packs, smaller) == step_count(packs, training)


def test_what_failed_is_not_tried_again(tmp_path):
    requested = sized(4, 2)
    assert remembered(tmp_path, requested) == requested
    remember(tmp_path, sized(2, 4), WHY)
    assert size_of(remembered(tmp_path, requested)) == (2, 4)
    batch = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}
    assert remembered(tmp_path, requested).model_copy(update=batch) == requested, "nothing else is another"


def raising(error):
    def work():
        raise error

    return work


def test_every_way_to_run_out_of_memory_is_known_and_nothing_else():
    """The texts of CUDA's allocator in torch, of its driver, of cuBLAS, and of torch's CPU allocator."""
    import torch

    said = [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has a total capacity of"),
        RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"),
    ]
    assert [within_memory(raising(error)).message for error in said] == [str(error).split("\n")[0] for error in said]
    with pytest.raises(RuntimeError, match="device-side assert"):
        within_memory(raising(RuntimeError("CUDA error: device-side assert triggered")))
    assert within_memory(lambda: 3) == 3


@pytest.fixture
def llama3(tmp_path):
    """A base model whose config.json has Llama 3 8B's numbers (its weights are never looked at)."""
    base = write_llama(tmp_path / "base")
    config = base.config | KNOWN["Llama 3 8B"]
    (base.path / "config.json").write_text(json.dumps(config))
    from tweetstyle.model.base import read_base_model

    return read_base_model(base.path)


CARD = Card(total=12 * 2**30)
ENDS = {
    "batch 1, a card that others hold": (
        {"lora": Lora(r=32)}, {"max_length": 8192, "gradient_checkpointing": "unsloth"}, Card(12 * 2**30, others=4 * 2**30), STEP,
        ["the card has 12.0 GiB, of which other programs hold 4.0 GiB", "close other programs on the card (nvidia-smi lists them), or",
         "training.max_length: ", "(was 8192;"],
    ),
    "without a card": ({}, {}, None, STEP, ["write a shorter training.max_length, use a smaller base model"]),
    "no change helps": (
        {"method": "full"}, {"max_length": 256, "gradient_checkpointing": "unsloth"}, CARD, LOADING,
        ["out of memory for loading the base model", "use a smaller base model (SmolLM2 135M"],
    ),
    **{phase: (
        {"method": "lora", "lora": Lora(r=32)}, {"max_length": 8192, "optim": "adamw_8bit"}, CARD, phase,
        [f"out of memory for {phase}; the card has 12.0 GiB", "optim: paged_adamw_8bit", "smaller model.lora.r", "method: qlora"],
    ) for phase in (OPTIMIZER, VALIDATION)},
}  # fmt: skip
"""What ran out → settings, the card, the phase, and what the message holds. A smaller batch is proposed for none of them."""


@pytest.mark.parametrize("end", ENDS)
def test_the_end_says_what_to_change(llama3, end):
    model, training, card, phase, words = ENDS[end]
    error = does_not_fit(llama3, Model(base=llama3.path, **model), sized(1, 8, **training), card, WHY, phase)
    assert all(word in str(error) for word in [*words, WHY.message]) and "batch_size" not in error.hint

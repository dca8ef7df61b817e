"""The plan of a run: it fits or says what to write instead, and every change it names makes the recipe fit."""

import io
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from tweetstyle.hardware.gpu import Card, named_card
from tweetstyle.model.config import read_shape
from tweetstyle.model.hub import KNOWN
from tweetstyle.plan.advice import LENGTH_STEP, advise, largest_that_fit, sizes_that_fit, what_to_change, with_settings
from tweetstyle.plan.memory import EVALUATION, PROCESS_ON_CPU, TRAINING, VALIDATION, cpu_activations, plan_memory
from tweetstyle.plan.tables import memory_table
from tweetstyle.plan.tensors import trained_parameters
from tweetstyle.recipe import Lora, Model, Training

GIB = 2**30
CARD = named_card(12)
LLAMA_8B = KNOWN["Llama 3 8B"]
LLAMA_31_8B = LLAMA_8B | {"max_position_embeddings": 131072}
QLORA, LORA, FULL = (Model(base="anywhere", method=method) for method in ("qlora", "lora", "full"))


def test_a_training_without_a_card_is_planned_in_ram_and_in_fp32():
    """135 M weights in fp32 alone are 0.5 GiB; a run with the first settings held 3.1 GiB, and 3.9 with samples between."""
    shape, lora = read_shape(KNOWN["SmolLM2 135M"]), Lora(r=16)
    weights = PROCESS_ON_CPU + 4 * shape.parameters + 16 * trained_parameters(shape, Model(base="x", method="lora", lora=lora))
    small = Training(max_length=512, gradient_checkpointing=False)
    assert 3.1 * 0.9 < (weights + cpu_activations(shape, small)) / GIB < 3.9 * 1.1
    assert cpu_activations(shape, small.model_copy(update={"per_device_train_batch_size": 10_000})) > 1000 * GIB


def with_rank(model: Model, r: int) -> Model:
    return with_settings(model, Training(), {"model.lora.r": r})[0]


def card_bytes(model: Model, training: Training, card: Card, changes=()) -> int:
    """Of Llama 3 8B with the changes that were proposed written into the recipe."""
    for change in changes:
        model, training = with_settings(model, training, {change.key: change.new})
    return plan_memory(LLAMA_8B, model, training, card=card).card


def test_the_longest_context_is_not_shorter_than_published():
    """Unsloth's page names 21,848 tokens for Llama 3.1 8B, r=32, batch 1, 12 GB, by an older version that kept more on the card, the
    embeddings too: 1 GiB, or 6,000 tokens."""
    assert 21_848 < largest_that_fit(LLAMA_31_8B, QLORA, Training(), CARD).max_length < 1.6 * 21_848


def test_the_largest_fits_and_the_next_does_not():
    largest = largest_that_fit(LLAMA_31_8B, QLORA, Training(), CARD)

    def card(model: Model = QLORA, **changed) -> int:
        return plan_memory(LLAMA_31_8B, model, Training(**changed), card=CARD).card

    assert card(max_length=largest.max_length) <= CARD.total < card(max_length=largest.max_length + LENGTH_STEP)
    assert card(per_device_train_batch_size=largest.batch) <= CARD.total < card(per_device_train_batch_size=largest.batch + 1)
    assert card(with_rank(QLORA, largest.rank)) <= CARD.total < card(with_rank(QLORA, largest.rank + 1))


recipes = st.builds(
    Training,
    per_device_train_batch_size=st.sampled_from((1, 2, 8, 64)),
    gradient_accumulation_steps=st.sampled_from((1, 8)),
    max_length=st.sampled_from((512, 2048, 8192)),
    optim=st.sampled_from(("adamw_torch", "adamw_8bit", "paged_adamw_8bit")),
    gradient_checkpointing=st.sampled_from(("unsloth", True, False)),
)


@settings(max_examples=60, deadline=None)
@given(recipes, st.sampled_from(("qlora", "lora")), st.sampled_from((8, 64, 512)), st.sampled_from((6, 8, 12, 24)))
def test_what_is_proposed_makes_the_recipe_fit_and_nothing_of_it_is_needless(training, method, r, gib):
    """Of the cheapest first: batch, checkpointing, optimizer, length, rank, method."""
    model, card = Model(base="anywhere", method=method, lora=Lora(r=r)), named_card(gib)
    changes = what_to_change(LLAMA_8B, model, training, card)
    if changes is None:
        return
    assert card_bytes(model, training, card, changes) <= card.total
    for left_out in changes:
        assert card_bytes(model, training, card, [change for change in changes if change is not left_out]) > card.total, left_out
    order = ["per_device_train_batch_size", "gradient_checkpointing", "optim", "max_length", "r", "method"]
    places = [order.index(change.key.split(".")[-1]) for change in changes]
    assert places == sorted(set(places))


def test_the_largest_batch_that_keeps_the_step_is_proposed():
    """Of 32 packs a step the divisors are 16, which does not fit a card of 12 GB, and 8."""
    (change,) = what_to_change(LLAMA_8B, QLORA, Training(per_device_train_batch_size=32, gradient_accumulation_steps=1), CARD)
    assert 8 < largest_that_fit(LLAMA_8B, QLORA, Training(), CARD).batch < 16
    assert change.new == 8 and "gradient_accumulation_steps: 4" in str(change)


def test_where_other_programs_hold_the_card_they_are_to_be_ended():
    busy = Card(12 * GIB, others=round(6.1 * GIB), name="RTX 3060", seen=True)
    text = advise(LLAMA_8B, QLORA, Training(), busy).text
    alone = (card_bytes(QLORA, Training(), busy) - busy.others) / GIB
    assert f"other programs hold 6.1 GiB of the card's 12.0 GiB, and this run needs {alone:.1f} GiB" in text
    assert "ollama stop NAME" in text and "cannot hold" not in text
    full = advise(LLAMA_8B, FULL, Training(), busy).text
    assert "cannot hold full" in full, "no ending of programs helps that"


def test_what_cannot_fit_is_told_with_which_sizes_can():
    text = advise(LLAMA_8B, FULL, Training(), CARD).text
    assert "a card of 11.6 GiB cannot hold full fine-tuning of 8,030 M parameters" in text
    assert "it holds: SmolLM2 135M, SmolLM2 360M" in text and "method: qlora" in text
    smallest = Training(max_length=256, optim="paged_adamw_8bit")
    assert sizes_that_fit(FULL, smallest, CARD)[:2] == ["SmolLM2 135M", "SmolLM2 360M"]
    text = advise(LLAMA_8B, QLORA, Training(), named_card(6)).text
    assert "cannot hold qlora" in text and "Llama 3.2 3B" in text


def shown(renderable) -> str:
    stream = io.StringIO()
    Console(file=stream, width=120).print(renderable)
    return stream.getvalue()


def test_the_table_names_the_phase_with_the_peak_and_the_peak_of_each():
    """On a small card an 8B of r 16 is trained with its embeddings in RAM; the evaluation loads them again, by stock transformers."""
    text = shown(memory_table(plan_memory(LLAMA_8B, QLORA, Training()), CARD))
    assert "memory at the peak of the run: training, backward" in text
    assert all(f"{phase} " in text.split("GiB by phase: ")[1] for phase in plan_memory(LLAMA_8B, QLORA, Training()).phases)
    small, r16 = named_card(8), with_rank(QLORA, 16)
    plan = plan_memory(LLAMA_8B, r16, Training(), card=small)
    assert plan.peak_phase == EVALUATION and "memory at the peak of the run: evaluation" in shown(memory_table(plan, small))


def test_no_phase_of_the_default_recipe_takes_more_than_its_training():
    """On a card of 12 GB, where the evaluation keeps less of the tweets that it writes than on a larger one."""
    plan = plan_memory(LLAMA_8B, QLORA, Training(), card=CARD)
    assert max(plan.phases.values(), key=lambda parts: sum(parts.values())) is plan.phases[TRAINING]
    alone = plan_memory(LLAMA_8B, QLORA, Training(), card=replace(CARD, training_only=True))
    assert EVALUATION not in alone.phases and alone.card == plan.card


@pytest.mark.parametrize("method", [QLORA, LORA])
@pytest.mark.parametrize("name", ["Llama 3.1 8B", "Llama 3.2 3B", "Llama 3.2 1B"])
@pytest.mark.parametrize("length", [2048, 8192, 32768])
def test_a_validation_tweet_as_long_as_a_pack_takes_less_than_a_step(monkeypatch, method, name, length):
    """The plan counts passes of 1,024 tokens; one of more is read by itself, and none is longer than a pack (`read_held_out`)."""
    monkeypatch.setattr("tweetstyle.plan.memory.BATCH_TOKENS", length)
    phases = plan_memory(KNOWN[name], method, Training(max_length=length), card=named_card(24)).phases
    assert sum(phases[VALIDATION].values()) < sum(phases[TRAINING].values())

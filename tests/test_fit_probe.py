"""The probe's packs, when it is due, and what it keeps."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.small_runs import small_training
from support.tiny_llama import write_llama

from tweetstyle.dataset.examples import Document
from tweetstyle.hardware.gpu import Card
from tweetstyle.plan.memory import plan_memory
from tweetstyle.plan.probe import Probe, decisive_settings
from tweetstyle.recipe import Lora, Model
from tweetstyle.train.probe import STEPS, Measured, is_due, longest_packs, probe_of, probe_training

CARD = Card(80 * 2**30)
lengths = st.lists(st.integers(0, 40), min_size=1, max_size=12).filter(any)


@given(lengths, st.integers(1, 64), st.integers(1, 6))
def test_packs_are_full_to_the_last_token_and_hold_documents_in_turn(sizes, max_length, count):
    documents = [Document([n] * size, [n + 100] * size, size) for n, size in enumerate(sizes)]
    packs = longest_packs(documents, max_length, count)
    assert {len(column) for column in packs.values()} == {count}
    for ids, labels, parts in zip(*(packs[name] for name in ("input_ids", "labels", "seq_lengths")), strict=True):
        assert len(ids) == len(labels) == sum(parts) == max_length and min(parts) > 0
        assert labels == [n + 100 for n in ids]
        start = 0
        for number, part in enumerate(parts):
            assert len(set(ids[start : start + part])) == 1
            whole = sizes[ids[start]]
            assert part == whole or (number == len(parts) - 1 and part < whole), "only the last of a pack is cut"
            start += part


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write_llama(tmp_path_factory.mktemp("base") / "toy")


@pytest.fixture(scope="module")
def model(base):
    return Model(base=base.path, method="qlora", lora=Lora(r=4))


@pytest.fixture
def measured():
    return Measured(seconds=[9.0, 2.0, 8.0, 3.0, 7.0], tokens=1000, peak_bytes=5 * 2**30, reserved_bytes=6 * 2**30)


def test_the_probe_makes_few_small_steps():
    """Gradients of a batch before are there in the second: two are enough."""
    assert [probe_training(small_training(gradient_accumulation_steps=n)).gradient_accumulation_steps for n in (8, 1)] == [2, 1]
    assert probe_training(small_training(max_steps=900)).max_steps == STEPS


def test_the_speed_is_of_the_fastest_steps_in_which_nothing_was_compiled(base, model, measured):
    seen = probe_of(measured, base, model, small_training(), "a card", card=CARD)
    assert (seen.tokens_per_second, seen.steps) == (2000 / 5.0, 5)
    assert seen.predicted_bytes == plan_memory(base.config, model, small_training()).tensors


def test_steps_that_have_not_settled_are_said(base, model, measured):
    for seconds, settled in ([9.0, 2.1, 8.0, 2.0, 7.0], True), ([9.0, 2.0, 8.0, 3.0, 7.0], False):
        seen = probe_of(replace(measured, seconds=seconds), base, model, small_training(), "a card", card=CARD)
        assert seen.settled is settled and ("still changing" in seen.in_words()) is not settled


@pytest.mark.parametrize(("setting", "card", "due"), [
    ("auto", True, True), ("auto", False, False), ("always", False, True), ("always", True, True), ("never", True, False),
])  # fmt: skip
def test_it_is_made_with_a_card_and_where_the_recipe_has_it(setting, card, due):
    assert is_due(None, small_training(probe=setting), {}, "any", card=card) is due


def test_it_is_made_again_only_where_something_that_decides_it_changed(base, model, measured):
    training = small_training()
    existing = probe_of(measured, base, model, training, "a card", card=CARD)

    def due(existing=existing, training=training, model=model, device="a card"):
        return is_due(existing, training, decisive_settings(base.path, model, training), device, card=True)

    assert not due() and not due(training=small_training(learning_rate=1.0, max_steps=77))
    assert due(device="another card") and due(replace(existing, versions={}))
    for change in ({"max_length": 64}, {"per_device_train_batch_size": 2}, {"optim": "adamw_8bit"}, {"bf16": False}):
        assert due(training=small_training(**change)), change
    assert due(model=model.model_copy(update={"lora": Lora(r=8)}))


def test_predicted_and_measured_are_in_one_line():
    settings = {"per_device_train_batch_size": 2, "max_length": 2048}
    seen = Probe(1234.5, 11 * 2**30, 10 * 2**30, 12 * 2**30, "a card", settings, {})
    expected = "11.0 GiB at the peak, 10.0 GiB planned (-9.1%), 12.0 GiB taken of the card, 1,234 tokens/s"
    assert seen.in_words() == f"3 steps of 2 × 2,048 tokens: {expected}"
    on_cpu = replace(seen, predicted_bytes=None, reserved_bytes=None)
    assert on_cpu.in_words().endswith("11.0 GiB at the peak, 1,234 tokens/s")

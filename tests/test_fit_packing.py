"""The plan's packs and steps against TRL's and transformers' own."""

from __future__ import annotations

import random

import pytest

from tweetstyle.plan.schedule import pack_count, step_count
from tweetstyle.recipe import Training


def packs_by_trl(lengths, max_length):
    # Unsloth wants to be imported before trl.
    import tweetstyle.train.trainer  # noqa: F401, I001
    from datasets import Dataset
    from trl import pack_dataset

    rows = Dataset.from_dict({"input_ids": [list(range(n)) for n in lengths]})
    return pack_dataset(rows, max_length, "bfd")


@pytest.mark.parametrize("max_length", [33, 128, 512])
def test_the_plan_counts_the_packs_that_trl_makes(max_length):
    for seed in range(12):
        chance = random.Random(seed)
        count = chance.choice([1, 7, 300, 1000, 1001, 2300])
        uniform = [chance.randint(1, max_length) for _ in range(count)]
        like_tweets = [int(chance.lognormvariate(3.6, 0.6)) + 1 for _ in range(count)]
        lengths = chance.choice([uniform, like_tweets])
        packed = packs_by_trl(lengths, max_length)
        assert pack_count(lengths, max_length) == len(packed)
        assert sum(map(len, packed["input_ids"])) == sum(min(n, max_length) for n in lengths), "nothing lost but what is cut"


@pytest.mark.parametrize(
    ("packs", "changes", "steps", "in_epoch"),
    [
        (82, {}, 123, 41),  # 82 packs, 2 a step: 41 steps, three times
        (83, {}, 126, 42),  # the odd one makes a step of its own
        (5, {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2}, 6, 2),  # batches of 2, 2, 1
        (1, {"gradient_accumulation_steps": 64}, 3, 1),
        (82, {"num_train_epochs": 0.5}, 21, 41),
        (82, {"max_steps": 7}, 7, 41),
    ],
)
def test_steps_by_hand(packs, changes, steps, in_epoch):
    training = Training(**{"num_train_epochs": 3.0, "per_device_train_batch_size": 1, "gradient_accumulation_steps": 2} | changes)
    assert step_count(packs, training) == (steps, in_epoch)

"""The schedule that is carried out: a recipe's own wherever it can learn, adapted to the amount of data where it cannot."""

import random
from pathlib import Path

import pytest

from tweetstyle.errors import TweetstyleError
from tweetstyle.plan import schedule as schedule
from tweetstyle.plan.schedule import (
    FEWEST_STEPS,
    VALIDATIONS,
    effective_schedule,
    pack_count,
    rate_of_few_steps,
    step_count,
    unusual_rate,
    warmup,
)
from tweetstyle.recipe import Training
from tweetstyle.recipe_yaml import read_recipe

RECIPES = sorted((Path(__file__).parents[1] / "recipes").glob("*.yaml"))
NUMBERS = (20, 100, 5_000, 200_000)
EIGHT_B, SMALL = 4096, 576
"""hidden_size of Llama 3 8B and of SmolLM2-135M."""


def lengths(tweets: int) -> list[int]:
    """Tokens of tweets with their prompt, as of the sample archive: 61 on average."""
    chance = random.Random(tweets)
    return [chance.randint(25, 110) for _ in range(tweets)]


@pytest.mark.parametrize("tweets", NUMBERS)
@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_has_a_schedule_that_learns_from_any_number_of_tweets(path: Path, tweets: int) -> None:
    recipe, documents = read_recipe(path), lengths(tweets)
    found = effective_schedule(recipe.training, documents, tweets, recipe.model.method, EIGHT_B)
    training, steps = found.training, found.steps
    assert steps.steps >= FEWEST_STEPS and 2 * steps.warmup < steps.steps and steps.tweets == tweets
    assert steps.steps // training.eval_steps >= VALIDATIONS and training.save_steps % training.eval_steps == 0
    assert steps.packs == pack_count(documents, training.max_length) and max(documents) <= training.max_length
    assert Training(**training.model_dump(exclude_unset=True)) == training, "a recipe may say the same"
    again = effective_schedule(training, documents, tweets, recipe.model.method, EIGHT_B)
    assert (again.training, again.changes, again.in_words) == (training, {}, ""), "what is adapted once is not adapted again"
    if found.requested.steps >= FEWEST_STEPS:
        assert set(found.changes) <= {"eval_steps", "save_steps"}, "what can learn is left as it is"


def test_a_hundred_tweets_with_the_12_gb_recipe_are_told_with_their_numbers() -> None:
    training = read_recipe(RECIPES[0].with_name("llama3-8b-12gb.yaml")).training
    found = effective_schedule(training, [60] * 100, 100, "qlora", EIGHT_B)
    # By hand: 34 tweets of 60 tokens in a pack of 2,048, 8 packs a step, 2 epochs; then 8 in a pack of 512, 1 pack a step, 3 epochs.
    assert found.requested == schedule.Steps(tweets=100, packs=3, steps_per_epoch=1, steps=2, warmup=1)
    assert (found.steps.packs, found.steps.steps_per_epoch, found.steps.steps, found.steps.warmup) == (13, 13, 39, 2)
    assert found.changes["learning_rate"] == (1e-4, 4e-4) and found.changes["max_length"] == (2048, 512)
    assert all(word in found.in_words for word in ("3 packs, 2 steps", "13 packs, 39 steps", "learning_rate 4e-4 instead of 1e-4"))
    facts = found.as_facts()
    assert facts["asked"]["steps"] == 2 and facts["used"]["steps"] == 39 and facts["changes"]["max_length"] == [2048, 512]


def test_no_tweet_is_cut_by_shorter_packs() -> None:
    found = effective_schedule(Training(), [60] * 99 + [700], 100, "lora", SMALL)
    assert found.training.max_length == 1024 and found.steps.steps >= FEWEST_STEPS


def test_what_max_steps_asks_for_stays_and_is_warned_of() -> None:
    training = Training(max_steps=10, warmup_steps=20, eval_steps=50, save_steps=50)
    found = effective_schedule(training, [60] * 100, 100, "lora", SMALL)
    assert set(found.changes) == {"warmup_steps", "eval_steps", "save_steps"}
    assert (found.steps.steps, found.steps.warmup, found.training.eval_steps) == (10, 1, 10)
    assert found.remark == "10 steps teach little (a style takes 30 or more)"
    assert not effective_schedule(training.model_copy(update={"max_steps": 30}), [60] * 100, 100, "lora", SMALL).remark


def test_too_few_tweets_are_refused_with_what_to_write() -> None:
    with pytest.raises(TweetstyleError) as refused:
        effective_schedule(Training(), [60] * 3, 3, "lora", SMALL)
    assert "3 tweets make 20 optimizer steps at most" in str(refused.value) and "training.max_steps: 30" in refused.value.hint
    assert effective_schedule(Training(max_steps=30), [60] * 3, 3, "lora", SMALL).steps.steps == 30


def test_a_learning_rate_is_raised_for_few_steps_and_never_lowered() -> None:
    """The rule by hand: 5e-5 × 15 × (2000 / 576)^0.781 = 1.98e-3 and × (2000 / 4096)^0.781 = 4.3e-4; full fine-tuning without the 15."""
    assert [rate_of_few_steps(method, size) for method in ("lora", "full") for size in (SMALL, EIGHT_B)] == [2e-3, 4e-4, 1e-4, 3e-5]
    for rate, used in ((1e-4, 2e-3), (3e-3, 3e-3), (1.0, 1.0)):
        assert effective_schedule(Training(learning_rate=rate), [60] * 100, 100, "lora", SMALL).training.learning_rate == used


@pytest.mark.parametrize("steps", [1, 82, 10_001])
@pytest.mark.parametrize("of", [{}, {"warmup_ratio": 0.1}, {"warmup_ratio": 0.0}, {"warmup_steps": 5}, {"warmup_steps": 0}])
def test_warmup_is_counted_as_transformers_counts_it(steps: int, of: dict) -> None:
    from transformers import TrainingArguments

    training = Training(**of)
    said = training.warmup_ratio if training.warmup_steps is None else training.warmup_steps
    assert warmup(training, steps) == TrainingArguments(output_dir="unused", warmup_steps=said).get_warmup_steps(steps)


def test_learning_rates_far_from_the_usual_are_told_and_those_of_the_recipes_are_not() -> None:
    sizes = {"llama3.2-3b-12gb": 3072} | dict.fromkeys(("demo", "demo-chat", "full-small"), SMALL)
    for path in RECIPES:
        recipe = read_recipe(path)
        assert not unusual_rate(recipe.training.learning_rate, recipe.model.method, sizes.get(path.stem, EIGHT_B)), path.stem
    # QLoRA's own (arXiv 2305.14314, table 9), and what the demo's adapter takes.
    assert not unusual_rate(2e-4, "qlora", EIGHT_B) and not unusual_rate(2e-3, "lora", SMALL)
    for rate, method, said in (
        (1.0, "qlora", "1 is above the usual 1e-5 to 1e-3 for qlora and this base model: training may diverge; try 3e-4"),
        (1e-6, "lora", "1e-6 is below the usual 1e-5 to 1e-3 for lora and this base model: it may learn little; try 3e-4"),
    ):
        assert unusual_rate(rate, method, EIGHT_B) == said
    assert schedule.usual_rate("lora", SMALL) == pytest.approx(1.32e-3, rel=0.01)


def packs_by_trl(lengths, max_length):
    # Unsloth wants to be imported before trl.
    import tweetstyle.train.trainer  # noqa: F401, I001
    from datasets import Dataset
    from trl import pack_dataset

    rows = Dataset.from_dict({"input_ids": [list(range(n)) for n in lengths]})
    return pack_dataset(rows, max_length, "bfd")


@pytest.mark.slow
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

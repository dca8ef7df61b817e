"""Measures that must move, move: a model overfitted on purpose recites, and its validation rises; an untrained adapter changes nothing."""

import random
from pathlib import Path

import pytest
from support.small_runs import main_figures, run_fit, write_tweets

from tweetstyle.evaluate import ModelPair, evaluate
from tweetstyle.prompt.template import build_template
from tweetstyle.recipe import Evaluation, Sampling
from tweetstyle.records import Tweet
from tweetstyle.statistics.metrics import take_off
from tweetstyle.wording.verdict import answers

WHO = ("the ferry", "my old bike", "the library", "a red kite", "the baker", "our street", "the last train", "a wet dog")
DID = ("waited under the bridge", "went around the harbour", "sang about the snow", "forgot every single name", "lost the Tuesday keys")
THEN = ("and nobody asked why, of course", "so I bought two more onions", "while the kettle kept its secrets", "as if June had never come")


def long_tweets(count: int, seed: int) -> list[Tweet]:
    """Each of about 80 characters in an order of its own: who writes one of them again has learned it by heart."""
    chance = random.Random(seed)
    found = {}
    while len(found) < count:
        who = chance.choice(WHO)
        found.setdefault(f"{who} {chance.choice(DID)} {chance.randint(2, 99)} times {chance.choice(THEN)}", who)
    return [Tweet(str(10**6 * seed + n), text, f"2024-01-{1 + n:02}T00:00:00Z", topic=who) for n, (text, who) in enumerate(found.items())]


def test_a_model_overfitted_on_purpose_recites_and_its_validation_rises(base_model_dir: Path, tmp_path: Path) -> None:
    write_tweets(tmp_path / "train.jsonl", long_tweets(12, seed=1))
    write_tweets(tmp_path / "validation.jsonl", long_tweets(12, seed=2))
    run_fit(
        base_model_dir, tmp_path, tmp_path / "run", lora={"r": 16, "lora_alpha": 32, "lora_dropout": 0.0},
        max_length=512, gradient_accumulation_steps=1, max_steps=18, learning_rate=5e-3, eval_steps=6, save_steps=6, samples=4,
    )  # fmt: skip
    lines = main_figures(tmp_path / "run" / "metrics.jsonl")
    curve, copied = ([line[name] for line in lines if name in line] for name in ("eval_bits_per_byte", "copied_share"))
    assert curve[-1] > 1.05 * min(curve), "it stopped learning the author and began to learn twelve tweets"
    assert copied[0] == 0 and copied[-1] >= 0.5
    assert take_off(lines)["step"] in (12, 18)
    assert "Copying takes off at epoch" in " ".join(answers({}, lines, "en")[2])


def test_an_untrained_adapter_writes_as_the_base_does_and_every_difference_is_nothing(tiny, tmp_path: Path) -> None:
    """As PEFT makes it: B is zero."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model, adapter = AutoModelForCausalLM.from_pretrained(tiny.path, dtype="float32"), tmp_path / "fresh"
    get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "down_proj"])).save_pretrained(adapter)
    template = build_template("inst", "Nimzo", tiny.tokens)
    names = enumerate(("train", "validation", "test"), 1)
    files = {name: write_tweets(tmp_path / f"{name}.jsonl", long_tweets(60, seed)) for seed, name in names}
    settings = Evaluation(samples=60, examples=2), Sampling(num_predict=24)
    found = evaluate(ModelPair(tiny, adapter, "lora", template), files, *settings, tmp_path / "run")
    for split in found.splits.values():
        assert split.gain.estimate == pytest.approx(0, abs=1e-9) and split.gain.sign == 0
    assert found.specificity.difference.sign == 0
    assert all(sample.tuned == sample.base for sample in found.samples)
    style = found.style
    assert style.to["base"] is not None and style.to["tuned"] == style.to["base"]
    assert style.gap_closed["tuned"].estimate == pytest.approx(0, abs=1e-9) and style.gap_closed["tuned"].sign == 0
    assert style.diversity["tuned"] == style.diversity["base"]
    assert all(part.difference.sign == 0 for part in style.prompt_adherence.values())

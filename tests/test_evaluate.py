"""evaluate: the sums are those of a plain transformers loop, the figures those of a hand calculation, the words those a person needs."""

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from support.likelihood import plain_sums, score
from support.small_runs import write_tweets
from support.tiny_llama import write_adapter, write_llama

from tweetstyle.dataset.held_out import scored_bytes
from tweetstyle.errors import TweetstyleError
from tweetstyle.evaluate import Evaluated, ModelPair, evaluate, evaluation_table
from tweetstyle.evaluate.scoring import figures
from tweetstyle.inference.likelihood import Reading, TunedModel, first_scored, load_model, score_readings, summed_losses
from tweetstyle.model.base import BaseModel
from tweetstyle.model.tokenizer import Encoded
from tweetstyle.prompt.template import Template, build_template
from tweetstyle.recipe import Evaluation, Sampling
from tweetstyle.records import Tweet

TEXTS = [
    "la neige tombe encore sur Montréal 😂",
    "ok",
    "j'ai manqué le bus, le café est froid, pis y'est même pas huit heures… belle journée qui commence là #lundi",
    "déjà vu\n\ndeux lignes <|end_of_text|> et un faux signe",
    "WE'LL see 👩‍👩‍👧 1234",
    "a much longer line that goes on and on about nothing at all, as one does on a train that does not move",
]


@pytest.fixture(scope="module")
def template(tiny: BaseModel) -> Template:
    return build_template("inst", "Nimzo", tiny.tokens)


@pytest.fixture(scope="module")
def documents(tiny: BaseModel, template: Template) -> list[Encoded]:
    return [tiny.tokenizer.encode(template, text, None, "Tweet") for text in TEXTS]


def tweets(count: int, *, per_day: int = 1, topic: str | None = None) -> list[Tweet]:
    days = [f"2024-{1 + i // per_day // 28:02}-{1 + i // per_day % 28:02}T12:00:00Z" for i in range(count)]
    return [Tweet(str(i), f"{TEXTS[i % len(TEXTS)]} {i}", day, topic=topic) for i, day in enumerate(days)]


@pytest.fixture
def splits(tmp_path: Path) -> dict[str, Path]:
    return {name: write_tweets(tmp_path / f"{name}.jsonl", tweets(40)) for name in ("train", "validation", "test")}


@pytest.fixture
def evaluated(tiny: BaseModel, adapter: Path, template: Template, splits: dict[str, Path], tmp_path: Path):
    """Scores only: what models write is tested elsewhere."""

    def evaluated(**settings) -> Evaluated:
        pair = ModelPair(tiny, adapter, "lora", template)
        return evaluate(pair, splits, Evaluation(samples=0, **settings), Sampling(), tmp_path / "run")

    return evaluated


def test_what_the_end_of_the_training_measured_is_not_measured_again(tiny, adapter, template, splits, tmp_path):
    known = ModelPair(tiny, adapter, "lora", template, as_trained={str(number): number / 10 for number in range(40)})
    found = evaluate(known, splits, Evaluation(samples=0), Sampling(), tmp_path / "known")
    assert found.splits["test"].tuned.nats == pytest.approx(sum(range(40)) / 10)
    one_unknown = replace(known, as_trained={str(number): number / 10 for number in range(39)})
    measured = evaluate(one_unknown, splits, Evaluation(samples=0), Sampling(), tmp_path / "measured")
    assert measured.splits["test"].base == found.splits["test"].base
    assert measured.splits["test"].tuned.nats > 2 * found.splits["test"].tuned.nats


# -- the sums -----------------------------------------------------------------------------------------------


def test_base_and_tuned_sums_are_those_of_a_plain_loop_with_labels(tiny: BaseModel, adapter: Path, documents: list[Encoded]) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    found = score(tiny, adapter, "lora", documents)
    base = AutoModelForCausalLM.from_pretrained(tiny.path, dtype="float32").eval()
    assert found.base == pytest.approx(plain_sums(base, documents), rel=1e-5)
    merged = PeftModel.from_pretrained(base, adapter).merge_and_unload()
    assert found.tuned == pytest.approx(plain_sums(merged, documents), rel=1e-5)
    assert not np.allclose(found.base, found.tuned, rtol=1e-2)


def test_a_full_run_scores_two_models_with_the_files_of_each(tiny: BaseModel, documents: list[Encoded], tmp_path: Path) -> None:
    other = write_llama(tmp_path / "other", seed=5)
    found = score(tiny, other.path, "full", documents)
    for sums, path in ((found.base, tiny.path), (found.tuned, other.path)):
        assert sums == pytest.approx(plain_sums(path, documents), rel=1e-5)


def test_qlora_is_scored_on_the_base_in_nf4_with_double_quantisation(tiny: BaseModel, adapter: Path, documents: list[Encoded]) -> None:
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    nf4 = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True)
    model = AutoModelForCausalLM.from_pretrained(tiny.path, dtype=torch.float32, quantization_config=nf4).train()
    found = score(tiny, adapter, "qlora", documents)
    assert found.base == pytest.approx(plain_sums(model, documents), rel=1e-4)
    assert not np.allclose(found.base, score(tiny, adapter, "lora", documents).base, rtol=1e-4)
    assert not np.allclose(found.tuned, found.base, rtol=1e-2)


def test_bits_per_byte_and_perplexity_by_hand() -> None:
    """Probabilities 1/2 and 1/4: ln 8 nats, 3 bits, over two tokens and three bytes."""
    found = figures(np.array([math.log(8)]), tokens=2, bytes=3)
    assert found.bits_per_byte == pytest.approx(1) and found.perplexity == pytest.approx(math.sqrt(8))


@pytest.mark.parametrize("budget", [1, 64])
def test_however_they_are_batched_the_sums_are_those_of_one_by_one(tiny, adapter, documents, monkeypatch, budget):
    alone = [score(tiny, adapter, "lora", [document]).tuned[0] for document in documents]
    monkeypatch.setattr("tweetstyle.inference.likelihood.CPU_BATCH_TOKENS", budget)
    monkeypatch.setattr("tweetstyle.inference.forward.positions_per_slice", lambda *_: 7)
    assert score(tiny, adapter, "lora", documents).tuned == pytest.approx(alone, rel=1e-5)


@pytest.mark.parametrize("prefix", [(), (1, 7, 9)])
def test_a_post_longer_than_a_pass_is_read_in_parts(tiny: BaseModel, documents: list[Encoded], monkeypatch, prefix) -> None:
    """Otherwise the longest post decides how much memory its activations take."""
    model, passes = load_model(tiny.path, "lora").requires_grad_(False), []
    whole = summed_losses(model, documents, prefix=prefix)
    model.model.register_forward_pre_hook(lambda _, args, named: passes.append(named["input_ids"].shape[1]), with_kwargs=True)
    monkeypatch.setattr("tweetstyle.inference.likelihood.CPU_BATCH_TOKENS", 5)
    assert max(len(document.ids) for document in documents) > 3 * 5
    assert summed_losses(model, documents, prefix=prefix) == pytest.approx(whole, rel=1e-5) and max(passes[1:]) <= 5


def test_in_bfloat16_the_layers_round_and_the_head_does_not(tiny: BaseModel, adapter: Path, documents: list[Encoded]) -> None:
    import torch

    wanted = {"": Reading(documents * 8)}
    rounded, exact = (score_readings(TunedModel(tiny, adapter, "lora"), wanted, wanted, bf16=bf16)[1][""] for bf16 in (True, False))
    assert not np.allclose(rounded, exact, rtol=1e-6) and rounded == pytest.approx(exact, rel=2e-3)
    model, seen = load_model(tiny.path, "lora"), []
    model.lm_head.register_forward_hook(lambda _, inputs, logits: seen.append((inputs[0].dtype, logits.dtype)))
    model.model.layers[0].mlp.up_proj.register_forward_hook(lambda _, inputs, output: seen.append(output.dtype))
    with torch.inference_mode():
        summed_losses(model, documents, bf16=True)
    assert set(seen) == {(torch.float32, torch.float32), torch.bfloat16}


# -- what is scored -----------------------------------------------------------------------------------------


def test_answer_and_end_are_counted_prompt_and_bos_are_not(evaluated, tiny: BaseModel) -> None:
    split, rows = evaluated().splits["test"], tweets(40)
    assert (split.tweets, split.gain.clusters) == (40, 40)
    assert split.bytes == sum(len(row.text.encode()) for row in rows)
    assert split.tokens == sum(len(tiny.tokenizer.text_ids(" " + row.text)) + 1 for row in rows)
    assert split.base.bits_per_byte == pytest.approx(split.base.nats / math.log(2) / split.bytes)
    assert split.gain.estimate == pytest.approx(split.base.bits_per_byte - split.tuned.bits_per_byte)


def test_a_topic_in_the_file_is_not_shown_to_the_models(evaluated, splits: dict[str, Path]) -> None:
    write_tweets(splits["test"], tweets(40, topic="hiver"))
    with_topic, without = evaluated().splits["test"], evaluated().splits["validation"]
    assert with_topic.tokens == without.tokens
    assert with_topic.base.nats == pytest.approx(without.base.nats, rel=1e-6)


def test_the_recipe_decides_how_many_tweets_are_scored_and_how_the_interval_is_made(evaluated) -> None:
    def test_of(**settings):
        return evaluated(**settings).splits["test"]

    ten = test_of(max_tweets=10)
    assert ten.tweets == 10 and ten.base == test_of(max_tweets=10).base != test_of(max_tweets=10, seed=7).base
    widths = [gain.high - gain.low for gain in (test_of(confidence=level).gain for level in (0.8, 0.99))]
    assert widths[0] < widths[1]
    assert test_of(bootstrap_resamples=200).gain != test_of(bootstrap_resamples=2000).gain


def test_a_tweet_longer_than_the_model_can_hold_is_left_out_and_named(evaluated, splits: dict[str, Path]) -> None:
    write_tweets(splits["test"], [*tweets(10), Tweet("99", "trop long " * 60, "2024-03-01T00:00:00Z")])
    found = evaluated()
    assert (found.splits["test"].tweets, found.splits["test"].too_long) == (10, 1)
    assert "test: 1 tweets too long for the model's context were left out." in map(str, found.warnings)


def test_a_first_token_with_nothing_before_it_is_not_scored_nor_are_its_bytes(tiny: BaseModel) -> None:
    raw, text = build_template("text", "X", tiny.tokens), "été 😀"
    bare = replace(raw, add_bos=False)  # as over a tokenizer without BOS
    document = tiny.tokenizer.encode(bare, text, None, "Tweet")
    assert (document.prompt_length, first_scored(document)) == (0, 1)
    lengths = [tiny.tokenizer.byte_length(token) for token in document.ids[:-1]]
    assert sum(lengths) == len(text.encode()) and scored_bytes(text, document, bare, tiny.tokenizer) == sum(lengths[1:])
    assert scored_bytes(text, tiny.tokenizer.encode(raw, text, None, "Tweet"), raw, tiny.tokenizer) == len(text.encode())


# -- what is written and said -------------------------------------------------------------------------------


def test_the_file_and_the_table_show_what_was_given_back(evaluated, tmp_path: Path) -> None:
    from rich.console import Console

    found = evaluated()
    assert json.loads((tmp_path / "run" / "evaluation.json").read_text()) == asdict(found)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["evaluation.json", "scores.json"]
    console = Console(width=100, record=True, file=(tmp_path / "screen").open("w"))
    console.print(evaluation_table(found))
    shown, split = console.export_text(), found.splits["test"]
    figures = [f"{of.bits_per_byte:.3f}" for of in (split.base, split.tuned)]
    for value in ("test: 40 tweets, 40 days", "gain (95% interval)", *figures, f"({split.gain.low:+.3f} to {split.gain.high:+.3f})"):
        assert value in shown
    assert "prompted without a topic" in shown and "with the tweet's topic" in shown
    console.print(evaluation_table(found, begins=True))
    begun = console.export_text()
    assert "prompted without its first words" in begun and "with its first words, which it repeats" in begun and "topic" not in begun


# -- what goes wrong, and where it runs ---------------------------------------------------------------------


def test_what_does_not_fit_is_one_clear_message(tiny: BaseModel, documents: list[Encoded], tmp_path: Path) -> None:
    with pytest.raises(TweetstyleError, match="there is no adapter here"):
        score(tiny, tmp_path, "lora", documents)
    wide = write_llama(tmp_path / "wide", hidden_size=128)
    with pytest.raises(TweetstyleError, match="does not fit the base model"):
        score(tiny, write_adapter(tmp_path / "adapter", wide), "lora", documents)

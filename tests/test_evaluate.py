"""evaluate: the sums are those of a plain transformers loop, the figures those of a hand calculation, the words those a person needs."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from support.likelihood import score
from support.tiny_llama import write_adapter, write_llama

from tweetstyle.dataset.held_out import scored_bytes
from tweetstyle.errors import TweetstyleError
from tweetstyle.evaluate import ModelPair, evaluate, scoring
from tweetstyle.evaluate.scoring import figures
from tweetstyle.evaluate.tables import evaluation_table
from tweetstyle.inference.likelihood import Reading, TunedModel, first_scored, load_model, score_readings, summed_losses
from tweetstyle.model.base import BaseModel
from tweetstyle.model.tokenizer import Encoded
from tweetstyle.prompt.template import Template, build_template
from tweetstyle.recipe import Evaluation, Sampling
from tweetstyle.records import Tweet, write_split

NAMES = ("train", "validation", "test")
QUICK = Evaluation(samples=0)
"""Scores only: what models write is tested elsewhere."""

TEXTS = [
    "la neige tombe encore sur Montréal 😂",
    "ok",
    "j'ai manqué le bus, le café est froid, pis y'est même pas huit heures… belle journée qui commence là #lundi",
    "déjà vu\n\ndeux lignes <|end_of_text|> et un faux signe",
    "WE'LL see 👩‍👩‍👧 1234",
    "a much longer line that goes on and on about nothing at all, as one does on a train that does not move",
]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    return write_llama(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def adapter(tiny: BaseModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_adapter(tmp_path_factory.mktemp("adapter"), tiny)


@pytest.fixture(scope="module")
def template(tiny: BaseModel) -> Template:
    return build_template("inst", "Nimzo", tiny.tokens)


@pytest.fixture(scope="module")
def documents(tiny: BaseModel, template: Template) -> list[Encoded]:
    return [tiny.tokenizer.encode(template, text, None, "Tweet") for text in TEXTS]


def tweets(count: int, *, per_day: int = 1, topic: str | None = None) -> list[Tweet]:
    days = [f"2024-{1 + i // per_day // 28:02}-{1 + i // per_day % 28:02}T12:00:00Z" for i in range(count)]
    return [Tweet(str(i), f"{TEXTS[i % len(TEXTS)]} {i}", day, topic=topic) for i, day in enumerate(days)]


def write(path: Path, rows: list[Tweet], template: Template) -> Path:
    with path.open("w", encoding="utf-8") as stream:
        write_split(stream, rows, lambda tweet: template.line(tweet.text, tweet.topic))
    return path


@pytest.fixture
def splits(tmp_path: Path, template: Template) -> dict[str, Path]:
    return {name: write(tmp_path / f"{name}.jsonl", tweets(40), template) for name in NAMES}


def plain_loop(model, documents: list[Encoded]) -> list[float]:
    """What the transformers documentation does: labels with -100 on the prompt, loss times the number of labels."""
    import torch

    sums = []
    with torch.no_grad():
        for document in documents:
            loss = model(input_ids=torch.tensor([document.ids]), labels=torch.tensor([document.labels])).loss
            sums.append(loss.item() * sum(label != -100 for label in document.labels[1:]))
    return sums


# -- the sums -----------------------------------------------------------------------------------------------


def test_base_and_tuned_sums_are_those_of_a_plain_loop_with_labels(tiny: BaseModel, adapter: Path, documents: list[Encoded]) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    found = score(tiny, adapter, "lora", documents)
    base = AutoModelForCausalLM.from_pretrained(tiny.path, dtype="float32").eval()
    assert found.base == pytest.approx(plain_loop(base, documents), rel=1e-5)
    merged = PeftModel.from_pretrained(base, adapter).merge_and_unload()
    assert found.tuned == pytest.approx(plain_loop(merged, documents), rel=1e-5)
    assert not np.allclose(found.base, found.tuned, rtol=1e-2)


def test_a_full_run_scores_two_models_with_the_files_of_each(tiny: BaseModel, documents: list[Encoded], tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    other = write_llama(tmp_path / "other", seed=5)
    found = score(tiny, other.path, "full", documents)
    for sums, path in ((found.base, tiny.path), (found.tuned, other.path)):
        model = AutoModelForCausalLM.from_pretrained(path, dtype="float32").eval()
        assert sums == pytest.approx(plain_loop(model, documents), rel=1e-5)


def test_a_bigram_model_is_scored_as_by_hand() -> None:
    """BOS a b end: p(b|a) = 1/2, p(end|b) = 1/4: -ln(1/8) nats, 3 bits, and the prompt's p(a|BOS) = 1/100 is not in it."""
    import torch

    p = torch.full((4, 4), 0.01)
    p[1] = torch.tensor([0.25, 0.2, 0.5, 0.05])
    p[2] = torch.tensor([0.25, 0.25, 0.25, 0.25])
    head = torch.nn.Linear(4, 4, bias=False)
    head.weight.data = torch.eye(4)

    class Bigram:
        config = SimpleNamespace(vocab_size=4)
        lm_head = head
        modules = lambda self: [head]  # noqa: E731
        parameters = lambda self: [head.weight]  # noqa: E731
        get_output_embeddings = lambda self: head  # noqa: E731

        def model(self, input_ids, attention_mask, position_ids, past_key_values, use_cache):
            assert use_cache is False
            return SimpleNamespace(last_hidden_state=p[input_ids].log())

    with torch.no_grad():
        sums = summed_losses(Bigram(), [Encoded([0, 1, 2, 3], 2), Encoded([0, 1, 2], 2)], lambda tokens: None)
    assert sums == pytest.approx([math.log(8), math.log(2)])
    found = figures(sums[:1], tokens=2, bytes=3)
    assert found.bits_per_byte == pytest.approx(1)
    assert found.perplexity == pytest.approx(math.sqrt(8))


@pytest.mark.parametrize("budget", [1, 64, 100_000])
def test_however_they_are_batched_the_sums_are_those_of_one_by_one(
    tiny: BaseModel, adapter: Path, documents: list[Encoded], monkeypatch: pytest.MonkeyPatch, budget: int
) -> None:
    alone = [score(tiny, adapter, "lora", [document]).tuned[0] for document in documents]
    monkeypatch.setattr("tweetstyle.inference.likelihood.BATCH_TOKENS", budget)
    monkeypatch.setattr("tweetstyle.inference.forward.positions_per_slice", lambda *_: 7)
    assert score(tiny, adapter, "lora", documents).tuned == pytest.approx(alone, rel=1e-5)


def test_in_bfloat16_the_layers_round_and_the_head_does_not(tiny: BaseModel, adapter: Path, documents: list[Encoded]) -> None:
    import torch

    asked = {"": Reading(documents * 8)}
    rounded, exact = (score_readings(TunedModel(tiny, adapter, "lora"), asked, asked, bf16=bf16)[1][""] for bf16 in (True, False))
    assert not np.allclose(rounded, exact, rtol=1e-6) and rounded == pytest.approx(exact, rel=2e-3)
    assert rounded[: len(documents)] == pytest.approx(rounded[-len(documents) :], rel=2e-3), "whatever pack they stand in"
    model, seen = load_model(tiny.path, "lora"), []
    model.lm_head.register_forward_hook(lambda _, inputs, logits: seen.append((inputs[0].dtype, logits.dtype)))
    model.model.layers[0].mlp.up_proj.register_forward_hook(lambda _, inputs, output: seen.append(output.dtype))
    with torch.inference_mode():
        summed_losses(model, documents, bf16=True)
    assert set(seen) == {(torch.float32, torch.float32), torch.bfloat16}


def test_an_untrained_adapter_changes_nothing(tiny: BaseModel, template: Template, splits: dict[str, Path], tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny.path, dtype="float32")
    get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "down_proj"])).save_pretrained(tmp_path / "fresh")
    found = evaluate(ModelPair(tiny, tmp_path / "fresh", "lora", template), splits, QUICK, Sampling(), tmp_path)
    for split in found.splits.values():
        assert split.gain.estimate == pytest.approx(0, abs=1e-9)
        assert split.tuned == split.base
    assert any("it learned nothing measurable" in str(warning) for warning in found.warnings)


def test_qlora_is_scored_on_the_base_in_nf4_with_double_quantisation(tiny: BaseModel, adapter: Path, documents: list[Encoded]) -> None:
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    nf4 = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True)
    model = AutoModelForCausalLM.from_pretrained(tiny.path, dtype=torch.float32, quantization_config=nf4).train()
    found = score(tiny, adapter, "qlora", documents)
    assert found.base == pytest.approx(plain_loop(model, documents), rel=1e-4)
    whole = score(tiny, adapter, "lora", documents)
    assert not np.allclose(found.base, whole.base, rtol=1e-4)
    assert not np.allclose(found.tuned, found.base, rtol=1e-2)


# -- what is scored -----------------------------------------------------------------------------------------


def test_answer_and_end_are_counted_prompt_and_bos_are_not(
    tiny: BaseModel, adapter: Path, template: Template, splits: dict[str, Path], tmp_path: Path
) -> None:
    found = evaluate(ModelPair(tiny, adapter, "lora", template), splits, QUICK, Sampling(), tmp_path)
    rows, tokenizer = tweets(40), tiny.tokenizer
    split = found.splits["test"]
    assert split.tweets == 40
    assert split.bytes == sum(len(row.text.encode()) for row in rows)
    assert split.tokens == sum(len(tokenizer.text_ids(" " + row.text)) + 1 for row in rows)
    assert split.base.bits_per_byte == pytest.approx(split.base.nats / math.log(2) / split.bytes)
    assert split.gain.estimate == pytest.approx(split.base.bits_per_byte - split.tuned.bits_per_byte)
    assert split.gain.clusters == 40


def test_a_topic_in_the_file_is_not_shown_to_the_models(
    tiny: BaseModel, adapter: Path, template: Template, splits: dict[str, Path], tmp_path: Path
) -> None:
    named = write(tmp_path / "test.jsonl", tweets(40, topic="hiver"), template)
    found = evaluate(ModelPair(tiny, adapter, "lora", template), splits | {"test": named}, QUICK, Sampling(), tmp_path)
    with_topic, without = found.splits["test"], found.splits["validation"]
    assert with_topic.tokens == without.tokens
    assert with_topic.base.nats == pytest.approx(without.base.nats, rel=1e-6)


def test_at_most_so_many_tweets_are_scored_a_seeded_sample_of_them(
    tiny: BaseModel, adapter: Path, template: Template, splits: dict[str, Path], tmp_path: Path
) -> None:
    def nats(**settings: int) -> float:
        found = evaluate(ModelPair(tiny, adapter, "lora", template), splits, Evaluation(samples=0, **settings), Sampling(), tmp_path)
        assert found.splits["test"].tweets == settings["max_tweets"]
        return found.splits["test"].base.nats

    assert nats(max_tweets=10) == nats(max_tweets=10)
    assert nats(max_tweets=10) != nats(max_tweets=10, seed=7)
    assert nats(max_tweets=40) > nats(max_tweets=10)


def test_the_interval_is_made_as_the_recipe_says(
    tiny: BaseModel, adapter: Path, template: Template, splits: dict[str, Path], tmp_path: Path
) -> None:
    def width(**settings: float) -> float:
        found = evaluate(ModelPair(tiny, adapter, "lora", template), splits, Evaluation(samples=0, **settings), Sampling(), tmp_path)
        return found.splits["test"].gain.high - found.splits["test"].gain.low

    assert width(confidence=0.8) < width(confidence=0.99)
    assert width(bootstrap_resamples=200) != width(bootstrap_resamples=2000)


def test_a_tweet_longer_than_the_model_can_hold_is_left_out_and_told(
    tiny: BaseModel, adapter: Path, template: Template, splits: dict[str, Path], tmp_path: Path
) -> None:
    rows = [*tweets(10), Tweet("99", "trop long " * 60, "2024-03-01T00:00:00Z")]
    write(splits["test"], rows, template)
    found = evaluate(ModelPair(tiny, adapter, "lora", template), splits, QUICK, Sampling(), tmp_path)
    assert (found.splits["test"].tweets, found.splits["test"].too_long) == (10, 1)
    assert "test: 1 tweets longer than the model can hold were left out." in map(str, found.warnings)


def test_a_first_token_with_nothing_before_it_is_not_scored_nor_are_its_bytes(tiny: BaseModel) -> None:
    bare = replace(build_template("text", "X", tiny.tokens), add_bos=False)  # as over a tokenizer without BOS
    text = "été 😀"
    document = tiny.tokenizer.encode(bare, text, None, "Tweet")
    assert document.prompt_length == 0
    assert first_scored(document) == 1
    rest = scored_bytes(text, document, bare, tiny.tokenizer)
    lengths = [tiny.tokenizer.byte_length(token) for token in document.ids[:-1]]
    assert sum(lengths) == len(text.encode())
    assert rest == sum(lengths[1:])
    raw = build_template("text", "X", tiny.tokens)
    assert scored_bytes(text, tiny.tokenizer.encode(raw, text, None, "Tweet"), raw, tiny.tokenizer) == len(text.encode())


# -- what is written and said -------------------------------------------------------------------------------


def test_the_file_holds_what_was_given_back(
    tiny: BaseModel, adapter: Path, template: Template, splits: dict[str, Path], tmp_path: Path
) -> None:
    found = evaluate(ModelPair(tiny, adapter, "lora", template), splits, QUICK, Sampling(), tmp_path / "run")
    assert json.loads((tmp_path / "run" / "evaluation.json").read_text()) == asdict(found)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["evaluation.json", "scores.json"]


def test_the_table_shows_base_tuned_gain_and_warnings(
    tiny: BaseModel, adapter: Path, template: Template, splits: dict[str, Path], tmp_path: Path
) -> None:
    from rich.console import Console

    found = evaluate(ModelPair(tiny, adapter, "lora", template), splits, QUICK, Sampling(), tmp_path)
    console = Console(width=100, record=True, file=(tmp_path / "screen").open("w"))
    console.print(evaluation_table(found))
    shown, split = console.export_text(), found.splits["test"]
    assert "test: 40 tweets, 40 days" in shown
    assert "gain (95% interval)" in shown
    for value in (
        f"{split.base.bits_per_byte:.3f}",
        f"{split.tuned.bits_per_byte:.3f}",
        f"({split.gain.low:+.3f} to {split.gain.high:+.3f})",
    ):
        assert value in shown
    for warning in found.warnings:
        assert str(warning).split(":")[1][:30] in shown
    assert "prompted without a topic" in shown and "with the tweet's topic" in shown
    console.print(evaluation_table(found, begins=True))
    begun = console.export_text()
    assert "prompted without its first words" in begun and "with its first words, that come again" in begun and "topic" not in begun


def test_the_curve_is_read_from_the_run_up_to_a_line_that_a_kill_cut_off(
    tiny: BaseModel, adapter: Path, template: Template, splits: dict[str, Path], tmp_path: Path
) -> None:
    rows = [{"step": step, "seconds": 1.0, "eval_bits_per_byte": bits} for step, bits in ((10, 1.2), (20, 1.9))]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"step": 30, "eval_bi')
    found = evaluate(ModelPair(tiny, adapter, "lora", template), splits, QUICK, Sampling(), tmp_path)
    assert any(str(warning).startswith("Overfitting set in after step 10") for warning in found.warnings)


# -- what goes wrong, and where it runs ---------------------------------------------------------------------


def test_an_adapter_of_another_base_is_one_clear_message(tiny: BaseModel, documents: list[Encoded], tmp_path: Path) -> None:
    wide = write_llama(tmp_path / "wide", hidden_size=128)
    with pytest.raises(TweetstyleError, match="does not fit the base model"):
        score(tiny, write_adapter(tmp_path / "adapter", wide), "lora", documents)


def test_no_adapter_is_one_clear_message(tiny: BaseModel, documents: list[Encoded], tmp_path: Path) -> None:
    with pytest.raises(TweetstyleError, match="there is no adapter here"):
        score(tiny, tmp_path, "lora", documents)


def test_where_unsloth_was_imported_the_scoring_runs_in_a_fresh_process(
    tiny: BaseModel,
    adapter: Path,
    template: Template,
    splits: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = evaluate(ModelPair(tiny, adapter, "lora", template), splits, QUICK, Sampling(), tmp_path)
    monkeypatch.setitem(sys.modules, "unsloth", ModuleType("unsloth"))
    # As Unsloth does: what this process would score with is no longer what it was.
    monkeypatch.setattr(scoring, "score_readings", lambda *_: pytest.fail("scored in the patched process"))
    apart = evaluate(ModelPair(tiny, adapter, "lora", template), splits, QUICK, Sampling(), tmp_path)
    assert apart == here

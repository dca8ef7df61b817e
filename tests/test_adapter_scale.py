"""The strength with which an adapter is added: chosen on validation tweets, and the same wherever the model is used."""

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from support.likelihood import score
from support.small_runs import invented_tweets, write_tweets
from support.tiny_llama import write_adapter, write_llama

from tweetstyle.dataset.held_out import held_out
from tweetstyle.inference.likelihood import Reading, TunedModel, score_readings
from tweetstyle.model.adapter import read_adapter
from tweetstyle.model.llama import read_llama, tensor_plan
from tweetstyle.prompt.template import build_template
from tweetstyle.records import Tweet
from tweetstyle.train.adapter_scale import choose_scale
from tweetstyle.train.final_scores import score_trained_model


def tweets_of_many_days(count: int, seed: int) -> list[Tweet]:
    return [
        replace(of, created_at=f"2024-{1 + n // 28:02d}-{1 + n % 28:02d}T00:00:00Z") for n, of in enumerate(invented_tweets(count, seed))
    ]


SAMPLE = SimpleNamespace(tweets=tweets_of_many_days(60, 1), bytes=np.full(60, 100.0))


def parabola(lowest: float, depth: float, noise: float = 0.0):
    """scale → nats of 60 tweets of 100 bytes, each with a level of its own; `depth` nats a tweet are won from 1 to the lowest point."""
    level = np.random.default_rng(0).normal(200, 40, 60)

    def nats_at(scale: float) -> np.ndarray:
        asked.append(scale)
        curve = 0.0 if lowest == 1 else depth * ((scale - lowest) ** 2 / (1 - lowest) ** 2 - 1)
        return level + curve + np.random.default_rng(int(100 * scale)).normal(0, noise, 60)

    asked: list[float] = []
    nats_at.asked = asked
    return nats_at


@pytest.mark.parametrize(
    ("lowest", "depth", "noise", "chosen", "asked"),
    [
        (1.2, 5.0, 1.0, 1.2, [1.0, 1.2, 1.4, 0.9]),  # 5 nats of 100 bytes: 0.07 bits per byte
        (1.4, 5.0, 1.0, 1.4, [1.0, 1.2, 1.4, 0.9]),
        (0.8, 5.0, 1.0, 0.8, [1.0, 1.2, 0.9, 0.8]),
        (1.2, 0.5, 0.0, 1.0, [1.0, 1.2, 1.4, 0.9]),  # beyond doubt, but less than 0.01 bits per byte
        (1.2, 2.0, 30.0, 1.0, None),  # some tweets gain and others lose
    ],
)  # fmt: skip
def test_a_scale_is_taken_where_it_helps_beyond_doubt(lowest, depth, noise, chosen, asked):
    nats_at = parabola(lowest, depth, noise)
    found = choose_scale(nats_at, SAMPLE)
    assert found.chosen == chosen and (asked is None or nats_at.asked == asked)
    assert found.bits_per_byte.keys() - {"1.0"} == found.gains.keys() and len(found.gains) == len(nats_at.asked) - 1
    bits = nats_at(1.2).sum() / np.log(2) / 6000
    assert found.bits_per_byte["1.2"] == pytest.approx(bits)
    assert found.gains["1.2"].estimate == pytest.approx(found.bits_per_byte["1.0"] - bits)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write_llama(tmp_path_factory.mktemp("base"))


def with_alpha(adapter, directory, times: float):
    """The same adapter, to PEFT another one: alpha is `times` as large."""
    shutil.copytree(adapter, directory)
    config = json.loads((directory / "adapter_config.json").read_text())
    (directory / "adapter_config.json").write_text(json.dumps(config | {"lora_alpha": times * config["lora_alpha"]}))
    return directory


@pytest.mark.parametrize(("method", "changes"), [("lora", {}), ("qlora", {}), ("lora", {"use_rslora": True, "r": 9})], ids=str)
def test_scored_and_merged_alike_and_as_by_peft_with_a_larger_alpha(base, tmp_path, method, changes):
    adapter, template = write_adapter(tmp_path / "adapter", base, **changes), build_template("inst", "Nimzo", base.tokens)
    larger = with_alpha(adapter, tmp_path / "larger", 1.25)
    documents = [base.tokenizer.encode(template, tweet.text, None, "Tweet") for tweet in invented_tweets(8, 2)]
    read = {"": Reading(documents)}
    scaled = score_readings(TunedModel(base, adapter, method, adapter_scale=1.25), read, read)[1][""]
    assert np.array_equal(scaled, score(base, larger, method, documents).tuned)
    assert np.abs(scaled - score(base, adapter, method, documents).tuned).max() > 1e-3
    plan = list(tensor_plan(read_llama(base.config, base.path)))
    assert read_adapter(adapter, plan, 1.25).scale == read_adapter(larger, plan).scale


def test_the_final_scores_are_of_the_scale_that_was_chosen_or_set(base, tmp_path):
    adapter, template = write_adapter(tmp_path / "adapter", base), build_template("inst", "Nimzo", base.tokens)
    files = {
        name: write_tweets(tmp_path / f"{name}.jsonl", tweets_of_many_days(30, seed)) for seed, name in enumerate(("validation", "test"))
    }
    tuned, directory = TunedModel(base, adapter, "lora"), tmp_path / "run"
    directory.mkdir()
    rest = template, files["test"], files, directory
    validation = held_out(files["validation"], template, base.tokenizer, base.max_positions, 500, 42)

    def nats_at(scale: float) -> np.ndarray:
        room = tmp_path / f"alpha-{scale}"
        return score(base, room if room.is_dir() else with_alpha(adapter, room, scale), "lora", validation.documents).tuned

    # An adapter of random numbers, that helps nothing: the weakest is the best.
    found = score_trained_model(tuned, *rest, "auto")
    assert found.adapter_scale.chosen == 0.8 and list(found.adapter_scale.bits_per_byte) == ["0.8", "0.9", "1.0", "1.2"]
    for scale, bits in found.adapter_scale.bits_per_byte.items():
        assert bits == pytest.approx(nats_at(float(scale)).sum() / np.log(2) / validation.bytes.sum(), rel=1e-6)
    assert np.allclose(found.splits["validation"].nats, nats_at(0.8), rtol=1e-6)
    before = (directory / "as_trained.json").stat().st_mtime_ns
    assert score_trained_model(tuned, *rest, "auto") == found and (directory / "as_trained.json").stat().st_mtime_ns == before
    fixed = score_trained_model(tuned, *rest, 1.2)
    assert fixed.adapter_scale.chosen == 1.2 and np.allclose(fixed.splits["validation"].nats, nats_at(1.2), rtol=1e-6)


def test_the_whole_model_of_a_full_training_has_no_scale(base, tmp_path):
    template = build_template("inst", "Nimzo", base.tokens)
    file = write_tweets(tmp_path / "test.jsonl", invented_tweets(10, 0))
    splits = {"validation": file, "test": file}
    found = score_trained_model(TunedModel(base, base.path, "full"), template, file, splits, tmp_path, "auto")
    assert found.adapter_scale.chosen == 1 and found.requested == 1
    assert replace(found, requested="auto") != found

"""Whole runs of fit on the real model: they learn, they end, and a stopped one resumes."""

import json
from pathlib import Path

import pytest
from support.small_runs import inst_template, invented_tweets, main_figures, run_fit, small_training, write_tweets

from tweetstyle.dataset.examples import read_held_out
from tweetstyle.model.base import read_base_model
from tweetstyle.recipe import Model
from tweetstyle.train import FitInputs, plan_fit

pytestmark = pytest.mark.slow

STEPS = 9


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    directory = tmp_path_factory.mktemp("data")
    write_tweets(directory / "train.jsonl", invented_tweets(18))
    write_tweets(directory / "validation.jsonl", invented_tweets(4, seed=1))
    return directory


@pytest.fixture(scope="module")
def uninterrupted(base_model_dir, data, tmp_path_factory):
    """A run of nine steps, a checkpoint every third: its directory and its result."""
    directory = tmp_path_factory.mktemp("runs") / "uninterrupted"
    return directory, run_fit(base_model_dir, data, directory)


def test_a_run_leaves_what_it_promises_and_nothing_else(uninterrupted, base_model_dir, data):
    directory, result = uninterrupted
    assert {path.name for path in directory.iterdir() if not path.name.startswith(".")} == {
        "checkpoint-3", "checkpoint-6", "checkpoint-9", "final_model", "metrics.jsonl", "log.txt", "train_output.json",
    }  # fmt: skip
    lines = main_figures(directory / "metrics.jsonl")
    assert [line["step"] for line in lines if "loss" in line] == list(range(1, STEPS + 1))
    assert [line["step"] for line in lines if "eval_bits_per_byte" in line] == [0, 3, 6, 9]
    best = min((line for line in lines if "eval_bits_per_byte" in line), key=lambda line: line["eval_bits_per_byte"])
    assert (result.best_step, result.bits_per_byte) == (best["step"], best["eval_bits_per_byte"])
    assert result.steps == STEPS and lines[-1]["eval_bits_per_byte"] < lines[4]["eval_bits_per_byte"] < lines[0]["eval_bits_per_byte"]
    adapter = "adapter_model.safetensors"
    assert (Path(result.final_model) / adapter).read_bytes() == (directory / f"checkpoint-{best['step']}" / adapter).read_bytes()
    assert "Unsloth" in (directory / "log.txt").read_text()
    train = data / "train.jsonl"
    base, model = read_base_model(base_model_dir), Model(base=base_model_dir)
    plan = plan_fit(FitInputs(base, inst_template(base_model_dir), model, small_training(), (train, train)))
    assert result.tokens == plan.tokens * STEPS // plan.steps.steps_per_epoch and STEPS % plan.steps.steps_per_epoch == 0, "without padding"
    held = [json.loads(line).get("memory_gib") for line in (directory / "metrics.jsonl").read_text().splitlines() if '"loss"' in line]
    # A model of 135 million weights in 32 bits alone is 0.5 GiB; what was held most never grows less.
    assert held[0] > 0.5 and held == sorted(held) and result.memory_bytes == int(held[-1] * 2**30) < 12 * 2**30
    assert result.plan == {"steps": STEPS}


def test_the_final_models_validation_is_the_one_that_was_reported(uninterrupted, base_model_dir, data):
    """The saved adapter over a freshly loaded base, each tweet alone, by transformers' own loss, in the same autocast."""
    import math

    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from tweetstyle.train.trainer import computes_in_bf16

    _, result = uninterrupted
    model = AutoModelForCausalLM.from_pretrained(base_model_dir, dtype=torch.float32)
    model = PeftModel.from_pretrained(model, result.final_model).eval()
    held_out = read_held_out(read_base_model(base_model_dir), inst_template(base_model_dir), data / "validation.jsonl", 128)
    nll = 0.0
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=computes_in_bf16(small_training())):
        for document in held_out:
            ids, labels = torch.tensor([document.ids]), torch.tensor([document.labels])
            nll += model(input_ids=ids, labels=labels, use_cache=False).loss.item() * sum(label >= 0 for label in document.labels)
    bits = nll / math.log(2) / sum(document.text_bytes for document in held_out)
    assert bits == pytest.approx(result.bits_per_byte, rel=2e-3)


@pytest.mark.parametrize("method", ["full", "qlora"])
def test_the_other_methods_run_two_steps(base_model_dir, data, tmp_path, method):
    import torch
    from safetensors.torch import load_file

    result = run_fit(base_model_dir, data, tmp_path, method, max_steps=2, eval_steps=2, save_steps=2, learning_rate=1e-4)
    if method == "full":
        final = read_base_model(Path(result.final_model))
        assert final.config["num_hidden_layers"] == 30
        before, after = load_file(base_model_dir / "model.safetensors"), load_file(final.shards[0])
        assert before.keys() == after.keys()
        assert all((before[name].float() != after[name]).any() for name in before if "proj" in name), "every linear has moved"
    else:
        adapter = load_file(f"{result.final_model}/adapter_model.safetensors")
        assert {tensor.dtype for tensor in adapter.values()} == {torch.float32}
        assert all(tensor.any() for tensor in adapter.values()), "B has left zero"

"""What is taken down when fit ends is this model's, and is not taken down twice."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
from support.likelihood import score
from support.small_runs import invented_tweets, write_tweets
from support.tiny_llama import write_adapter, write_llama

from tweetstyle.dataset.held_out import held_out
from tweetstyle.inference.likelihood import TunedModel
from tweetstyle.prompt.template import build_template
from tweetstyle.train.final_scores import read_as_trained, score_trained_model


@pytest.fixture
def run(tmp_path):
    """(arguments of close, the run's directory) of a tiny model with an adapter and invented tweets."""
    base = write_llama(tmp_path / "base")
    adapter, template = write_adapter(tmp_path / "final_model", base), build_template("inst", "Nimzo", base.tokens)
    files = {
        name: write_tweets(tmp_path / f"{name}.jsonl", invented_tweets(30, seed))
        for seed, name in enumerate(("train", "validation", "test"))
    }
    train = files.pop("train")
    directory = tmp_path / "run"
    directory.mkdir()
    return [TunedModel(base, adapter, "lora"), template, train, files, directory], directory


def test_the_figures_are_those_of_the_evaluation(run):
    arguments, directory = run
    tuned, template, _, files, _ = arguments
    base = tuned.base
    found = score_trained_model(*arguments)
    for name, path in files.items():
        sample = held_out(path, template, base.tokenizer, base.max_positions, 500, 42)
        expected = score(base, tuned.path, tuned.method, sample.documents).tuned
        assert np.allclose(found.splits[name].nats, expected, rtol=1e-6)
        assert found.splits[name].ids == [tweet.id for tweet in sample.tweets] and found.splits[name].bytes == sample.bytes.tolist()
    assert (found.precision, found.device, found.nf4) == ("float32", "cpu", None)
    assert read_as_trained(directory) == found


def test_scores_that_are_up_to_date_are_kept_and_others_are_made_again(run):
    arguments, directory = run
    first = score_trained_model(*arguments)

    def written() -> tuple[int, int]:
        return tuple((directory / name).stat().st_mtime_ns for name in ("as_trained.json", "imatrix.gguf"))

    before = written()
    assert score_trained_model(*arguments) == first and written() == before
    (directory / "imatrix.gguf").write_bytes(b"GGUF")
    assert score_trained_model(*arguments) == first and not set(written()) & set(before)
    (directory / "as_trained.json").write_text("{")
    assert score_trained_model(*arguments) == first
    shutil.rmtree(arguments[0].path)
    write_adapter(arguments[0].path, arguments[0].base, seed=9)
    assert score_trained_model(*arguments).splits["test"].nats != first.splits["test"].nats


def test_four_bit_weights_are_recorded(run):
    arguments, _ = run
    found = score_trained_model(replace(arguments[0], method="qlora"), *arguments[1:])
    assert found.precision == "nf4" and len(found.nf4) == 14

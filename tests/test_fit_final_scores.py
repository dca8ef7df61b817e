"""What is measured when fit ends: scores, once, and the importance matrix, over real tokens whatever is beside them in a batch."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from support.likelihood import score
from support.small_runs import invented_tweets, write_tweets
from support.tiny_llama import write_adapter, write_llama

from tweetstyle.dataset.held_out import held_out
from tweetstyle.inference.likelihood import TunedModel, keep_weights_as_trained, load_adapter, load_model, quiet_libraries
from tweetstyle.prompt.template import build_template
from tweetstyle.train.final_scores import collect, read_as_trained, score_trained_model


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


TEXTS = ["la neige tombe", "ok", "a much longer line about nothing at all, as one writes " * 3, "déjà vu 😀"]
SHAPE = {"hidden_size": 64, "intermediate_size": 128}
NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip


def one_by_one(model, documents) -> dict[str, np.ndarray]:
    """float64 sums by each linear's own forward, one unpadded document after the other."""
    import torch

    sums: dict[str, np.ndarray] = {}

    def noted(name, module):
        forward = module.forward

        def wrapped(inputs, *rest, **more):
            sums[name] = sums.get(name, 0) + inputs[0].double().square().sum(0).numpy()
            return forward(inputs, *rest, **more)

        return wrapped

    for number, layer in enumerate(model.model.layers):
        for path, name in NAMES.items():
            module = layer.get_submodule(path)
            module.forward = noted(f"blk.{number}.{name}.weight", module)
    model.lm_head.forward = noted("output.weight", model.lm_head)
    with torch.inference_mode():
        for document in documents:
            model(input_ids=torch.tensor([document.ids]))
    return sums


@pytest.mark.parametrize("method", ["full", "lora", "qlora"])
@pytest.mark.parametrize("tied", [False, True])
def test_sums_are_those_of_each_document_alone(tmp_path, method, tied):
    base = write_llama(tmp_path / "base", tie_word_embeddings=tied, **SHAPE)
    template = build_template("inst", "Nimzo", base.tokens)
    documents = [base.tokenizer.encode(template, text, None, "Tweet") for text in TEXTS]

    def loaded():
        with quiet_libraries():
            if method == "full":
                return load_model(base.path, method)
            adapted = load_adapter(load_model(base.path, method), write_adapter(tmp_path / "adapter", base))
            if method == "qlora":
                keep_weights_as_trained(adapted)
            return adapted.get_base_model()

    read = []
    found = collect(loaded(), documents, read.append)
    expected = one_by_one(loaded(), documents)
    if tied:
        expected["token_embd.weight"] = expected.pop("output.weight")
    assert found.sums.keys() == expected.keys() and len(expected) == 15
    for name, row in expected.items():
        assert found.sums[name].dtype == np.float32 and np.allclose(found.sums[name], row, rtol=1e-4, atol=1e-6 * row.max()), name
    tokens = sum(len(document.ids) for document in documents)
    assert found.count == sum(read) == tokens
    assert found.row("blk.0.attn_q.weight") == pytest.approx(expected["blk.0.attn_q.weight"] / tokens, rel=1e-3)

"""The weights that are read are those that transformers loads, or the directory is refused."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from support.llama_cpp import exported_logits, mean_kl
from support.tiny_llama import CONFIG, by_transformers, edit_json, logits_of, write_llama

from tweetstyle.errors import TweetstyleError
from tweetstyle.export import read_source
from tweetstyle.model.base import read_base_config, read_base_model
from tweetstyle.model.weight_files import read_headers
from tweetstyle.prompt.template import build_template

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
EMBEDDINGS, HEAD = "model.embed_tokens.weight", "lm_head.weight"
IDS = [5, 17, 300, 2, 41, 41, 9]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(the directory of a tiny Llama, another one of the same shapes)."""
    root = tmp_path_factory.mktemp("made")
    return write_llama(root / "one").path, write_llama(root / "other", seed=5).path


@pytest.fixture
def path(made, tmp_path):
    """A copy of the first to be changed."""
    return shutil.copytree(made[0], tmp_path / "base")


def weights_of(path):
    return load_file(path / SINGLE)


def save(weights, file) -> None:
    save_file(weights, file, metadata={"format": "pt"})


def write_shards(path, weights) -> None:
    """Two shards and their index."""
    weight_map = {}
    for number, half in enumerate((sorted(weights)[::2], sorted(weights)[1::2]), start=1):
        file = f"model-{number:05d}-of-00002.safetensors"
        save({name: weights[name] for name in half}, path / file)
        weight_map |= dict.fromkeys(half, file)
    (path / INDEX).write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map}))


def source_of(path):
    """What the export reads before the weights, and checks before a training."""
    base = read_base_model(path)
    return read_source(base, build_template("inst", "Nimzo", base.tokens))


def an_index_of_the_single_file(path, other):
    (path / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": dict.fromkeys(weights_of(path), SINGLE)}))


def shards_of_another_model(path, other):
    write_shards(path, weights_of(other))


def files_that_nothing_names(path, other):
    write_shards(path, weights_of(path))
    (path / SINGLE).unlink()
    shutil.copy(other / SINGLE, path / "consolidated.safetensors")
    shutil.copy(other / SINGLE, path / "model-00003-of-00003.safetensors")
    shutil.copy(other / SINGLE, path / "model.fp16.safetensors")
    (path / "original").mkdir()
    for name in ("pytorch_model.bin", "original/consolidated.00.pth", "params.json", "original/params.json"):
        (path / name).write_text("{}")


@pytest.mark.parametrize("change", [an_index_of_the_single_file, shards_of_another_model, files_that_nothing_names])
def test_the_weights_are_those_that_transformers_loads(made, path, change):
    change(path, made[1])
    base = read_base_model(path)
    expected = {name: tensor.numpy() for name, tensor in by_transformers(path).state_dict().items()}
    read = {name: tensor.read().reshape(tensor.shape) for name, tensor in read_headers(base.shards).items()}
    assert read.keys() == expected.keys()
    assert all(np.array_equal(read[name], expected[name]) for name in read)
    assert read_base_config(path).bytes_there == base.weight_bytes == sum(file.stat().st_size for file in base.shards)


def another_head(shape=(CONFIG["vocab_size"], CONFIG["hidden_size"])) -> np.ndarray:
    return np.random.default_rng(9).normal(0, 0.1, shape).astype(np.float16)


@pytest.mark.parametrize(
    ("tied", "head", "written"), [(True, None, False), (True, "same", False), (False, "same", True), (False, "another", True)]
)
def test_transformers_and_llama_cpp_have_the_same_head(path, tmp_path, tied, head, written):
    """head: what is stored beside the embeddings; written: whether the GGUF has a head of its own."""
    weights = weights_of(path)
    weights.pop(HEAD)
    weights |= {"same": {HEAD: weights[EMBEDDINGS]}, "another": {HEAD: another_head()}, None: {}}[head]
    save(weights, path / SINGLE)
    edit_json(path / "config.json", tie_word_embeddings=tied)
    expected = logits_of(path, IDS)
    assert mean_kl(expected, exported_logits(path, tmp_path / "out", IDS)) < 1e-5
    assert ("output.weight" in {tensor.name for tensor in source_of(path).plan}) == written


def test_a_tied_head_that_is_stored_and_another_is_refused_and_the_hint_makes_it_right(path, tmp_path):
    save(weights_of(path) | {HEAD: another_head()}, path / SINGLE)
    edit_json(path / "config.json", tie_word_embeddings=True)
    assert np.abs(by_transformers(path).state_dict()[HEAD].numpy() - another_head()).max() == 0  # transformers does not tie it
    for read in (read_base_model, read_base_config):
        with pytest.raises(TweetstyleError, match="differs from the embeddings") as refused:
            read(path)
    expected = logits_of(path, IDS)
    assert "tie_word_embeddings: false" in refused.value.hint
    edit_json(path / "config.json", tie_word_embeddings=False)
    assert mean_kl(expected, logits_of(path, IDS)) == 0
    assert mean_kl(expected, exported_logits(path, tmp_path / "out", IDS)) < 1e-5

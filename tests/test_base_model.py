"""A base model's directory is read from its files alone, and refused with one clear message each."""

import json
import os
import struct
from pathlib import Path

import pytest
from support.tiny_llama import edit_json

from tweetstyle.errors import TweetstyleError
from tweetstyle.model.base import read_base_config, read_base_model

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 4,
    "intermediate_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "vocab_size": 4,
    "max_position_embeddings": 64,
}


def safetensors(path, values=4):
    header = json.dumps({"x": {"dtype": "F32", "shape": [values], "data_offsets": [0, 4 * values]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4 * values))


@pytest.fixture
def directory(tmp_path):
    path = tmp_path / "base"
    path.mkdir()
    (path / "config.json").write_text(json.dumps(CONFIG))
    vocabulary = {"<s>": 0, "</s>": 1, "<pad>": 2, "a": 3}
    special = [{"id": i, "content": t, "special": True, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
               for t, i in list(vocabulary.items())[:3]]  # fmt: skip
    model = {"type": "BPE", "vocab": vocabulary, "merges": []}
    (path / "tokenizer.json").write_text(json.dumps({"version": "1.0", "model": model, "added_tokens": special}))
    (path / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<s>", "eos_token": {"content": "</s>"}}))
    safetensors(path / "model.safetensors")
    return path


def test_special_tokens_are_ids_of_the_tokenizer_and_padding_is_never_the_end(directory):
    edit_json(directory / "tokenizer_config.json", pad_token="</s>")
    base = read_base_model(directory)
    assert (base.bos_id, base.eos_id, base.pad_id, base.pad_token) == (0, 1, 2, "<pad>")


def test_without_any_token_for_padding_the_model_is_refused(directory):
    content = json.loads((directory / "tokenizer.json").read_text())
    content["added_tokens"].pop()
    content["model"]["vocab"] = {"<s>": 0, "</s>": 1, "p": 2, "a": 3}
    (directory / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(TweetstyleError, match="no token can serve as padding"):
        read_base_model(directory)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"architectures": ["Qwen2ForCausalLM"]}, "Qwen2ForCausalLM .* is not supported"),
        ({"model_type": "mistral"}, r"LlamaForCausalLM \(model_type: mistral\) is not supported"),
        ({"attention_bias": True}, "biases are not supported"),
        ({"hidden_size": None}, "hidden_size is missing"),
    ],
)
def test_what_is_not_llama_shaped_is_refused_by_name(directory, config, words):
    edit_json(directory / "config.json", **config)
    with pytest.raises(TweetstyleError, match=words):
        read_base_model(directory)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"])
def test_a_missing_file_is_named(directory, name):
    (directory / name).unlink()
    with pytest.raises(TweetstyleError, match=name.replace(".", r"\.")):
        read_base_model(directory)


def test_an_interrupted_download_is_reported_with_the_command_that_continues_it(directory, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (directory / "model.safetensors").unlink()
    (tmp_path / "model").mkdir()
    directory.rename("model/llama3-8b")
    with pytest.raises(TweetstyleError, match=r"missing: model\.safetensors") as refused:
        read_base_model(Path("model/llama3-8b"))
    command = "hf download meta-llama/Meta-Llama-3-8B --exclude 'original/*' --local-dir model/llama3-8b"
    assert refused.value.hint == f"download the rest with: {command}"
    assert "model.safetensors" in read_base_config(Path("model/llama3-8b")).missing
    with pytest.raises(TweetstyleError) as refused:
        read_base_model(Path("meta-llama/Meta-Llama-3-8B"))
    assert refused.value.hint == "write model.base: model/llama3-8b"


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize(
    ("place", "repository", "kept"),
    [
        ("model/llama3-8b", "meta-llama/Meta-Llama-3-8B", " --local-dir model/llama3-8b"),
        ("hub/models--owner--some-name/snapshots/0a1b", "owner/some-name", ""),
        ("elsewhere", "OWNER/NAME", " --local-dir elsewhere"),
    ],
)
def test_a_damaged_file_is_reported_with_the_command_that_fetches_it(directory, monkeypatch, place, repository, kept, name):
    monkeypatch.chdir(directory.parent)
    Path(place).parent.mkdir(parents=True, exist_ok=True)
    (directory / name).write_bytes(b"[")
    directory.rename(place)
    with pytest.raises(TweetstyleError) as refused:
        read_base_model(Path(place))
    assert f"hf download {repository} {name}{kept} --force-download" in refused.value.hint
    (Path(place) / "origin.json").write_text("{}")
    with pytest.raises(TweetstyleError) as refused:
        read_base_model(Path(place))
    assert refused.value.hint.endswith("rm -r model/smollm2-135m-instruct && make base-model")


def test_what_is_no_base_model_is_refused_by_its_kind(directory):
    (directory / "adapter_config.json").write_text("{}")
    with pytest.raises(TweetstyleError, match="contains an adapter"):
        read_base_model(directory)
    (directory / "adapter_config.json").unlink()
    (directory / "model.safetensors").rename(directory / "pytorch_model.bin")
    with pytest.raises(TweetstyleError, match="missing: model.safetensors"):
        read_base_model(directory)
    (directory / "pytorch_model.bin").rename(directory / "llama3.gguf")
    with pytest.raises(TweetstyleError, match=r"there is only llama3\.gguf"):
        read_base_model(directory)
    with pytest.raises(TweetstyleError, match="there is no base model here\n.*not a quantised"):
        read_base_model(directory / "llama3.gguf")


def test_a_tokenizer_that_is_no_bpe_is_refused(directory):
    edit_json(directory / "tokenizer.json", model={"type": "Unigram"})
    with pytest.raises(TweetstyleError, match="the tokenizer's model is Unigram, not BPE"):
        read_base_model(directory)


def test_a_tokenizer_of_another_model_is_refused(directory):
    """Five tokens, or four of which a special one has a high number, over four embeddings."""
    content = json.loads((directory / "tokenizer.json").read_text())
    last = content["added_tokens"][-1]
    content["added_tokens"].append(last | {"id": 4, "content": "<|eot|>"})
    (directory / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(TweetstyleError, match=r"the tokenizer has 5 tokens, but the model has 4 embeddings\n.*another model"):
        read_base_model(directory)
    edit_json(directory / "config.json", vocab_size=5)
    assert read_base_model(directory).eos_id == 1


@pytest.mark.parametrize("kept", [0, 5, 40, -1])
def test_a_shard_that_was_cut_off_is_refused(directory, kept):
    shard = directory / "model.safetensors"
    shard.write_bytes(shard.read_bytes()[:kept])
    with pytest.raises(TweetstyleError, match="cut off|not a complete safetensors"):
        read_base_model(directory)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="needs POSIX users")
def test_a_file_that_may_not_be_read_is_one_clear_message(directory):
    (directory / "config.json").chmod(0)
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65534)
        with pytest.raises(TweetstyleError, match="may not be read"):
            read_base_model(directory)
    finally:
        os.seteuid(user)

"""A Llama is read from its files as transformers reads it, and anything else is refused before training."""

import json

import numpy as np
import pytest
from gguf import GGUFReader, TokenType
from safetensors.numpy import load_file, save_file
from support.tiny_llama import CONFIG, write_llama

from tweetstyle.errors import TweetstyleError
from tweetstyle.export import check_exportable, export, read_source
from tweetstyle.model.base import read_base_model
from tweetstyle.model.llama import read_llama
from tweetstyle.model.weight_files import read_headers
from tweetstyle.prompt.template import build_template
from tweetstyle.recipe import Export, Sampling


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hidden_act": "gelu"}, "the activation gelu"),
        ({"quantization_config": {"load_in_4bit": True}}, "saved quantised"),
        ({"rope_theta": 1.0, "rope_parameters": {"rope_theta": 2.0}}, "several values: 1, 2"),
        ({"rope_scaling": {"type": "linear", "factor": 2.0}}, "rope scaling linear"),
        ({"num_key_value_heads": 3}, "cannot be divided"),
        ({"intermediate_size": 100}, "intermediate_size 100 is not a multiple of 32"),
        ({"head_dim": 12}, "heads·head_dim 48 is not a multiple of 32"),
    ],
)
def test_what_llama_cpp_cannot_express_is_refused_by_name(tmp_path, changes, words):
    with pytest.raises(TweetstyleError, match=words) as caught:
        read_llama(CONFIG | changes, tmp_path)
    assert caught.value.where == str(tmp_path / "config.json") and caught.value.hint


@pytest.fixture
def base(tmp_path):
    return write_llama(tmp_path / "base")


def exportable(path) -> None:
    base = read_base_model(path)
    check_exportable(base, build_template("inst", "Nimzo", base.tokens))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda w: w.pop("model.layers.1.mlp.up_proj.weight"), "model.layers.1.mlp.up_proj.weight is missing"),
        (lambda w: w.pop("lm_head.weight"), "lm_head.weight is missing"),
        (lambda w: w.pop("model.embed_tokens.weight"), "model.embed_tokens.weight is missing"),
        (lambda w: w.update({"model.norm.weight": np.ones(32, np.float16)}), r"model.norm.weight is \[32\], not \[64\]"),
        (lambda w: w.update({"model.layers.0.self_attn.q_proj.bias": np.ones(64, np.float16)}), "q_proj.bias does not belong to a Llama"),
        (lambda w: w.update({"model.norm.weight": np.ones(64, np.float64)}), "has the dtype F64"),
    ],
)
def test_weights_that_are_not_those_of_the_config_are_refused_by_name(base, change, words):
    weights = load_file(base.shards[0])
    change(weights)
    save_file(weights, base.shards[0])
    with pytest.raises(TweetstyleError, match=words):
        exportable(base.path)


def test_a_stored_copy_of_a_tied_head_and_old_rotary_frequencies_are_left_out(tmp_path):
    base = write_llama(tmp_path / "base", tie_word_embeddings=True)
    weights = load_file(base.shards[0])
    extra = {"lm_head.weight": weights["model.embed_tokens.weight"], "model.layers.0.self_attn.rotary_emb.inv_freq": np.ones(8, np.float32)}
    save_file(weights | extra, base.shards[0])
    exportable(base.path)
    source = read_source(read_base_model(base.path), build_template("text", "Nimzo", base.tokens))
    assert "output.weight" not in {t.name for t in source.plan}


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_rows_are_read_exactly_as_safetensors_and_torch_read_them(tmp_path, dtype):
    import torch
    from safetensors.torch import save_file as save_torch

    values = torch.randn(37, 12, generator=torch.Generator().manual_seed(0)).to(getattr(torch, dtype))
    values[0, :4] = torch.tensor([0.0, -0.0, 1e-7, -65504.0], dtype=values.dtype)
    vector = torch.arange(5).to(values.dtype)
    save_torch({"a": values, "v": vector}, tmp_path / "x.safetensors")
    tensors = read_headers([tmp_path / "x.safetensors"])
    assert np.array_equal(tensors["a"].read().view(np.uint32), values.float().numpy().view(np.uint32))
    assert np.array_equal(tensors["a"].read(5, 9), values[5:14].float().numpy())
    assert np.array_equal(tensors["v"].read(), vector.float().numpy()[None])


def change_tokenizer(path, change) -> None:
    file = path / "tokenizer.json"
    source = json.loads(file.read_text())
    change(source)
    file.write_text(json.dumps(source))


BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.update(pre_tokenizer=BYTE_LEVEL), "the pre-tokenizer is not Llama 3's"),
        (lambda t: t["pre_tokenizer"]["pretokenizers"][0]["pattern"].update(Regex=r"\p{N}{1,2}"), "the pre-tokenizer is not Llama 3's"),
        (lambda t: t.update(normalizer={"type": "NFC"}), "the normalizer NFC"),
        (lambda t: t["model"].update(ignore_merges=False), "ignore_merges: false"),
        (lambda t: t["model"].update(end_of_word_suffix="</w>"), "end_of_word_suffix"),
        (lambda t: t["added_tokens"][3].update(lstrip=True), r"<\|eot_id\|>' has lstrip"),
    ],
)
def test_what_llama_cpp_would_tokenise_otherwise_is_refused_by_name(base, change, words):
    template = build_template("inst", "Nimzo", base.tokens)
    change_tokenizer(base.path, change)
    with pytest.raises(TweetstyleError, match=words) as caught:
        check_exportable(base, template)
    assert caught.value.where == str(base.path / "tokenizer.json") and caught.value.hint


@pytest.mark.parametrize("pre", ["llama-bpe", "smollm"])
def test_the_vocabulary_holds_every_token_at_its_id(tmp_path, pre):
    base = write_llama(tmp_path, pre=pre)
    change_tokenizer(
        tmp_path, lambda t: t["added_tokens"].append({**t["added_tokens"][0], "id": 324, "content": "<mark>", "special": False})
    )
    template = build_template("inst", "Nimzo", base.tokens)
    path = export(base, None, template, Export(types=("f32",)), Sampling(), "x", tmp_path / "out").gguf["f32"]
    written = {key.removeprefix("tokenizer.ggml."): field.contents() for key, field in GGUFReader(path).fields.items()}
    tokens, types = written["tokens"], written["token_type"]
    assert written["pre"] == pre and len(tokens) == len(types) == 384 and written["add_bos_token"]
    assert all(base.tokenizer.token_id(text) == i for i, text in enumerate(tokens) if not text.startswith("[PAD"))
    kinds = {TokenType.NORMAL: 320, TokenType.CONTROL: 4, TokenType.USER_DEFINED: 1, TokenType.UNUSED: 59}
    assert {kind: types.count(kind) for kind in kinds} == kinds
    special = [tokens[written[f"{name}_token_id"]] for name in ("bos", "eos", "padding")]
    assert special == ["<|begin_of_text|>", "<|end_of_text|>", "<|finetune_right_pad_id|>"]

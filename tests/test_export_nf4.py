"""The 4-bit weights that are merged are those that transformers and bitsandbytes train over, bit for bit."""

import json

import gguf
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from support.four_bits import SHAPE, loaded_in_4_bits, saved_in_four_bits
from support.tiny_llama import write_adapter, write_llama

from tweetstyle.errors import TweetstyleError
from tweetstyle.export import export, read_source
from tweetstyle.inference.likelihood import keep_weights_as_trained, load_adapter, load_model, quiet_libraries
from tweetstyle.model.base import read_base_model
from tweetstyle.model.nf4 import DequantisedTensor, nf4_as_trained, only_nf4, record
from tweetstyle.prompt.template import build_template
from tweetstyle.recipe import Export, Sampling

TYPES = Export(types=("f32",))


def dequantised(model) -> dict[str, np.ndarray]:
    """By bitsandbytes' own layer of the loaded model."""
    from bitsandbytes import functional
    from bitsandbytes.nn import Linear4bit

    return {
        f"{name}.weight": functional.dequantize_4bit(m.weight.data, m.weight.quant_state).float().numpy()
        for name, m in model.named_modules()
        if isinstance(m, Linear4bit)
    }


@pytest.fixture(params=["float32", "bfloat16"])
def trained(request, tmp_path):
    """(base, its model in 4 bits as a training in that dtype loads it)."""
    base = write_llama(tmp_path / "base", **SHAPE)
    return base, loaded_in_4_bits(base, request.param)


def test_the_weights_made_here_are_those_that_transformers_trains_over(trained):
    base, model = trained
    source = read_source(base, build_template("text", "x", base.tokens))
    made = nf4_as_trained(source.stored, source.plan, record(model))
    expected = dequantised(model)
    assert len(expected) == 14 and {name for name, t in made.items() if isinstance(t, DequantisedTensor)} == set(expected)
    for name, values in expected.items():
        assert np.array_equal(made[name].read(), values)
    # What is not in 4 bits was rounded all the same, where the training's dtype cannot hold a float16.
    for name, tensor in (("lm_head.weight", model.lm_head.weight), ("model.norm.weight", model.model.norm.weight)):
        assert np.array_equal(made[name].read().reshape(-1), tensor.detach().float().numpy().reshape(-1))


def test_a_record_of_another_model_is_refused(trained, tmp_path):
    _, model = trained
    deeper = write_llama(tmp_path / "deeper", num_hidden_layers=3, **SHAPE)
    source = read_source(deeper, build_template("text", "x", deeper.tokens))
    with pytest.raises(TweetstyleError, match="another model"):
        nf4_as_trained(source.stored, source.plan, record(model))


@pytest.mark.parametrize(("wanted", "merge_base"), [("auto", "dequantised_nf4"), ("16bit", "16bit")])
def test_an_adapter_is_merged_into_the_weights_it_was_trained_over_unless_the_recipe_says_otherwise(trained, tmp_path, wanted, merge_base):
    base, model = trained
    adapter = write_adapter(tmp_path / "adapter", base)
    template = build_template("text", "x", base.tokens)
    section = Export(types=("f32",), merge_base=wanted)
    exported = export(base, adapter, template, section, Sampling(), "me", tmp_path / "out", nf4=record(model))
    assert exported.merge_base == merge_base
    written = {t.name: t.data for t in gguf.GGUFReader(exported.gguf["f32"]).tensors}
    pairs, config = load_file(adapter / "adapter_model.safetensors"), json.loads((adapter / "adapter_config.json").read_text())
    stem = "model.layers.1.mlp.down_proj"
    a, b = (pairs[f"base_model.model.{stem}.lora_{side}.weight"].astype(np.float64) for side in "AB")
    weights = dequantised(model) if wanted == "auto" else load_file(base.shards[0])
    expected = weights[f"{stem}.weight"] + config["lora_alpha"] / config["r"] * (b @ a)
    assert np.allclose(written["blk.1.ffn_down.weight"], expected, atol=1e-6)


def test_a_base_saved_in_four_bits_is_exported_as_what_it_is(trained, tmp_path):
    base, model = trained
    saved = saved_in_four_bits(base, model, tmp_path / "saved")
    template = build_template("text", "x", saved.tokens)
    source = read_source(saved, template)
    assert only_nf4(source.stored) and not only_nf4(read_source(base, template).stored)
    ours = export(saved, None, template, TYPES, Sampling(), "me", tmp_path / "ours")
    theirs = export(base, None, template, TYPES, Sampling(), "me", tmp_path / "theirs", nf4=record(model))
    read = [{t.name: t.data for t in gguf.GGUFReader(e.gguf["f32"]).tensors} for e in (ours, theirs)]
    assert read[0].keys() == read[1].keys() and all(np.array_equal(read[0][name], read[1][name]) for name in read[0])
    with pytest.raises(TweetstyleError, match="there are no 16bit weights"):
        export(saved, None, template, Export(merge_base="16bit"), Sampling(), "me", tmp_path / "no")


def test_other_four_bit_formats_are_refused_by_name(tmp_path):
    base = write_llama(tmp_path / "base", **SHAPE)
    weights, template = load_file(base.shards[0]), build_template("text", "x", base.tokens)
    name = "model.layers.0.mlp.down_proj.weight"
    for extra in (
        {name: np.zeros((128 * 96, 1), np.uint8)},
        {name.replace("weight", "qweight"): np.zeros((8, 8), np.int32)},
        {f"{name}.quant_state.bitsandbytes__nf4": np.zeros(8, np.uint8)},  # without double quantisation
    ):
        save_file(weights | extra, base.shards[0])
        with pytest.raises(TweetstyleError, match="down_proj"):
            read_source(read_base_model(base.path), template)


def test_the_record_is_the_same_with_an_adapter_over_the_model(tmp_path):
    base = write_llama(tmp_path / "base", **SHAPE)
    with quiet_libraries():
        plain = record(load_model(base.path, "qlora"))
        adapted = load_adapter(load_model(base.path, "qlora"), write_adapter(tmp_path / "adapter", base))
        keep_weights_as_trained(adapted)
    assert record(adapted) == plain and json.loads(json.dumps(plain)) == plain

"""The export writes the merged model tensor by tensor, whole or not at all."""

import hashlib
import shutil
import threading
from pathlib import Path

import gguf
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from support.tiny_llama import write_adapter, write_llama

from tweetstyle.errors import TweetstyleError
from tweetstyle.export import blocks, export, read_source
from tweetstyle.export.blocks import cut_into_blocks
from tweetstyle.model.base import read_base_model
from tweetstyle.plan.disk import export_sizes, require_disk
from tweetstyle.prompt.template import build_template
from tweetstyle.recipe import Export, Sampling

ALL = ("f32", "f16", "bf16", "q8_0", "q6_k", "q5_k_m", "q4_k_m")
WIDE = {"hidden_size": 256, "intermediate_size": 512, "num_attention_heads": 4, "num_hidden_layers": 3}


def run(base, directory, adapter=None, types=ALL, name="me", format="inst"):
    template = build_template(format, "Nimzo", base.tokens)
    return export(base, adapter, template, Export(types=types), Sampling(), name, directory)


def tensors(path: Path) -> dict[str, gguf.ReaderTensor]:
    return {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}


def digests(directory: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in directory.iterdir()}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """(base, adapter, exported in every type): rows of 256, which K-quants take, and untied embeddings."""
    path = tmp_path_factory.mktemp("model")
    base = write_llama(path / "base", **WIDE)
    adapter = write_adapter(path / "adapter", base)
    return base, adapter, run(base, path / "export" / "me", adapter)


def merged_by_hand(base, adapter) -> dict[str, np.ndarray]:
    """Hugging Face's name → W + 2·B·A in float64, rows as stored."""
    weights = {name: w.astype(np.float64) for name, w in load_file(base.shards[0]).items()}
    pairs = load_file(adapter / "adapter_model.safetensors")
    for name in [n for n in pairs if n.endswith("lora_A.weight")]:
        a, b = pairs[name], pairs[name.replace("lora_A", "lora_B")]
        source = name.removeprefix("base_model.model.").replace(".lora_A.weight", ".weight")
        weights[source] = weights[source] + 2.0 * (b.astype(np.float64) @ a.astype(np.float64))
    return weights


# -- what is written ----------------------------------------------------------------------------------------


def test_every_tensor_is_the_merged_weight_in_llama_cpps_order_of_rows(model, tmp_path):
    base, adapter, _ = model
    exported = run(base, tmp_path / "out", adapter, types=("f16",))
    written, merged = tensors(exported.gguf["f16"]), merged_by_hand(base, adapter)
    source = read_source(base, build_template("text", "Nimzo", base.tokens))
    assert set(written) == {tensor.name for tensor in source.plan} and len(source.plan) == len(merged) == 9 * 3 + 3
    for tensor in source.plan:
        expected = merged[tensor.source]
        if ".attn_q." in tensor.name or ".attn_k." in tensor.name:
            head = 64  # convert_hf_to_gguf's permutation, by heads: halves become pairs
            heads = expected.reshape(-1, head, expected.shape[1])
            expected = np.stack([heads[:, : head // 2], heads[:, head // 2 :]], axis=2).reshape(expected.shape)
        found = written[tensor.name].data
        assert found.dtype == (np.float16 if expected.ndim == 2 else np.float32)
        assert found.shape == expected.shape and np.allclose(found, expected, rtol=6e-4, atol=1e-6)


@pytest.mark.parametrize("threads", [1, 7])
def test_neither_small_blocks_nor_threads_change_a_byte(model, tmp_path, monkeypatch, threads):
    """Quantised blocks, whole heads and the adapter's product do not depend on where rows are cut."""
    base, adapter, exported = model
    monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", 5000)
    monkeypatch.setattr(blocks, "cores", lambda: threads)
    assert digests(run(base, tmp_path / "blocks", adapter).modelfile.parent) == digests(exported.modelfile.parent)
    source = read_source(base, build_template("text", "Nimzo", base.tokens))
    q = next(t for t in source.plan if t.name == "blk.0.attn_q.weight")
    assert [b.count for b in cut_into_blocks(q, source.stored[q.source], None, frozenset())] == [64, 64, 64, 64]


@pytest.mark.parametrize("scaling", [None, "llama3"])
def test_tensors_of_odd_sizes_are_padded_to_where_the_table_says(tmp_path, scaling):
    """387 rows of Q8_0 and 12 rotary factors end between two multiples of 32 bytes."""
    rope = {"rope_type": scaling, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
    shape = {"vocab_size": 387, "head_dim": 24, "rope_scaling": rope if scaling else None, "num_attention_heads": 4}
    base = write_llama(tmp_path / "base", **shape, num_key_value_heads=4)
    path = run(base, tmp_path / "out", types=("q8_0",)).gguf["q8_0"]
    written, weights = tensors(path), load_file(base.shards[0])
    sizes = [t.n_bytes % 32 for t in written.values()]
    assert sizes.count(0) < len(sizes) and ("rope_freqs.weight" in written) == bool(scaling)
    last = list(written.values())[-1]
    assert last.name == "output.weight" and last.data_offset + -(-last.n_bytes // 32) * 32 == path.stat().st_size
    for name, source in (
        ("output.weight", "lm_head"),
        ("output_norm.weight", "model.norm"),
        ("blk.1.ffn_up.weight", "model.layers.1.mlp.up_proj"),
    ):
        read = gguf.quants.dequantize(written[name].data, written[name].tensor_type)
        assert np.allclose(read, weights[f"{source}.weight"].astype(np.float32), atol=0.005)


def test_the_metadata_is_the_configs(model):
    base, _, exported = model
    template = build_template("inst", "Nimzo", base.tokens)
    fields = {key: field.contents() for key, field in gguf.GGUFReader(exported.gguf["q4_k_m"]).fields.items()}
    expected = {
        "general.architecture": "llama", "general.type": "model", "general.name": "me", "general.file_type": 15,
        "general.quantization_version": 2, "llama.block_count": 3, "llama.context_length": 256,
        "llama.embedding_length": 256, "llama.feed_forward_length": 512, "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": 2, "llama.attention.key_length": 64, "llama.attention.value_length": 64,
        "llama.rope.freq_base": 10000.0, "llama.rope.dimension_count": 64, "llama.vocab_size": 384,
        "llama.attention.layer_norm_rms_epsilon": pytest.approx(1e-5), "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "llama-bpe", "tokenizer.ggml.bos_token_id": base.bos_id, "tokenizer.ggml.eos_token_id": base.eos_id,
        "tokenizer.ggml.padding_token_id": base.pad_id, "tokenizer.ggml.add_bos_token": True,
        "tokenizer.ggml.add_eos_token": False, "tokenizer.chat_template": template.jinja(),
    }  # fmt: skip
    lists = {"tokenizer.ggml.tokens", "tokenizer.ggml.token_type", "tokenizer.ggml.merges"}
    assert {k: v for k, v in fields.items() if not k.startswith("GGUF.") and k not in lists} == expected
    assert lists <= fields.keys()


# -- room ---------------------------------------------------------------------------------------------------


def test_the_room_is_known_before_and_hardly_too_much(model):
    base, _, exported = model
    needed = export_sizes(base, ALL)
    for file_type, path in exported.gguf.items():
        size = path.stat().st_size
        assert size <= needed[file_type] <= size + 120_000


def test_too_little_room_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(TweetstyleError, match=r"the disk is too small: .* may write 1,048,576.0 GiB: f16") as caught:
        require_disk(tmp_path / "export" / "me", {"f16": 2**50})
    assert " more" in caught.value.hint and not (tmp_path / "export").exists()


# -- all or nothing -----------------------------------------------------------------------------------------


def damaged(model, tmp_path):
    """The base with a NaN in model.norm, which comes last but one: nearly all is written by then."""
    path = shutil.copytree(model[0].path, tmp_path / "damaged")
    weights = load_file(path / "model.safetensors")
    weights["model.norm.weight"][-1] = np.nan
    save_file(weights, path / "model.safetensors")
    return read_base_model(path)


def test_weights_that_are_no_numbers_are_refused_and_the_older_export_stays(model, tmp_path):
    base, adapter, _ = model
    run(base, tmp_path / "out" / "me", adapter, types=("q8_0",))
    before = digests(tmp_path / "out" / "me")
    with pytest.raises(TweetstyleError, match="model.norm.weight contains NaN or infinity"):
        run(damaged(model, tmp_path), tmp_path / "out" / "me", adapter)
    assert digests(tmp_path / "out" / "me") == before and len(list((tmp_path / "out").iterdir())) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt(), TweetstyleError("the file ends inside it")], ids=str)
def test_an_interrupt_or_an_error_in_a_thread_leaves_nothing_and_the_threads_end(model, tmp_path, monkeypatch, error):
    base, _, _ = model
    original, calls, before = blocks.quantize, [], threading.active_count()

    def failing(rows, kind, importance):
        calls.append(kind)
        if len(calls) == 20:
            raise error
        return original(rows, kind, importance)

    monkeypatch.setattr(blocks, "quantize", failing)
    with pytest.raises(type(error)):
        run(base, tmp_path / "me")
    assert list(tmp_path.iterdir()) == [] and threading.active_count() == before


def test_a_name_that_a_modelfile_cannot_carry_is_refused_before_writing(model, tmp_path):
    with pytest.raises(TweetstyleError, match="a Modelfile cannot name the file"):
        run(model[0], tmp_path / "out", name="a\u00a0b")
    assert list(tmp_path.iterdir()) == []

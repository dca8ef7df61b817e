"""The importance matrix's file is llama.cpp's own, and what it says is what ggml weighs errors by."""

import gguf
import libgguf
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from support.tiny_llama import write_adapter, write_llama

from tweetstyle.errors import TweetstyleError
from tweetstyle.export import export
from tweetstyle.model.imatrix import Imatrix, read_imatrix, write_imatrix
from tweetstyle.model.llama import TAKE_IMPORTANCE
from tweetstyle.prompt.template import build_template
from tweetstyle.recipe import Export, Sampling

ROWS = {"hidden_size": 256, "intermediate_size": 512, "num_attention_heads": 4}


def matrix(base) -> Imatrix:
    """Sums for every linear of a model, some columns a thousand times as important as others."""
    random, config = np.random.default_rng(7), base.config
    wide = {"ffn_down": config["intermediate_size"]}
    parts = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
    names = {f"blk.{layer}.{part}.weight": wide.get(part, config["hidden_size"]) for layer in range(2) for part in parts}
    names["output.weight"] = config["hidden_size"]
    sums = {name: (10 ** random.uniform(-1, 2, columns)).astype(np.float32) for name, columns in names.items()}
    return Imatrix(sums, 1000, 512, ("training tweets",))


sums = arrays(np.float32, st.integers(1, 40), elements=st.floats(0, 2.0**99, width=32))


@given(st.dictionaries(st.from_regex(r"blk\.\d{1,2}\.[a-z_]{1,12}\.weight", fullmatch=True), sums, min_size=1), st.integers(1, 10**6))
def test_what_is_written_is_read_and_written_the_same(tmp_path_factory, tensors, count):
    path = tmp_path_factory.mktemp("imatrix") / "imatrix.gguf"
    write_imatrix(Imatrix(tensors, count, 512, ("a", "déjà")), path)
    read = read_imatrix(path)
    assert read.sums.keys() == tensors.keys() and all(np.array_equal(read.sums[name], row) for name, row in tensors.items())
    assert (read.count, read.chunk, read.datasets, read.chunks) == (count, 512, ("a", "déjà"), -(-count // 512))
    before = path.read_bytes()
    write_imatrix(read, path)
    assert path.read_bytes() == before and [p.name for p in path.parent.iterdir()] == ["imatrix.gguf"]


def test_every_k_quant_of_an_export_is_weighed_and_its_keys_say_so(tmp_path):
    base = write_llama(tmp_path / "base", **ROWS)
    adapter, template = write_adapter(tmp_path / "adapter", base), build_template("text", "x", base.tokens)
    importance = matrix(base)
    section = Export(types=("f32", "q8_0", "q4_k_m"))
    exported = export(base, adapter, template, section, Sampling(), "me", tmp_path / "out", imatrix=importance)
    assert exported.weighted == ("q4_k_m",)
    exact = {t.name: t.data for t in gguf.GGUFReader(exported.gguf["f32"]).tensors}
    reader = gguf.GGUFReader(exported.gguf["q4_k_m"])
    checked = 0
    for tensor in reader.tensors:
        if (row := importance.row(tensor.name)) is not None and tensor.tensor_type in TAKE_IMPORTANCE:
            expected = libgguf.quantize_rows(exact[tensor.name], tensor.tensor_type, row)
            assert np.array_equal(np.ascontiguousarray(expected).view(np.uint8).reshape(-1), tensor.data.view(np.uint8).reshape(-1))
            checked += 1
    assert checked == 15
    assert reader.get_field("quantize.imatrix.entries_count").contents() == 15
    assert reader.get_field("quantize.imatrix.chunks_count").contents() == 2
    unweighed = export(base, adapter, template, Export(imatrix="never"), Sampling(), "me", tmp_path / "never", imatrix=importance)
    assert unweighed.weighted == ()
    for path in (exported.gguf["q8_0"], unweighed.gguf["q4_k_m"]):
        assert gguf.GGUFReader(path).get_field("quantize.imatrix.entries_count") is None


def test_a_file_that_is_none_is_refused(tmp_path):
    path = tmp_path / "imatrix.gguf"
    with pytest.raises(TweetstyleError, match="not an importance matrix"):
        read_imatrix(path)
    write_imatrix(Imatrix({"a.weight": np.ones(3, np.float32)}, 5, 512, ("x",)), path)
    whole = path.read_bytes()
    for content in (b"", b"GGUF", whole[:40], whole[:-40], b"x" * 100):
        path.write_bytes(content)
        with pytest.raises(TweetstyleError, match="not an importance matrix"):
            read_imatrix(path)

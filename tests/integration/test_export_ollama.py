"""Ollama takes the export as it is: it reads the Modelfile back unchanged, and would have chosen the same types itself."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import gguf
import numpy as np
import pytest
from safetensors.torch import save_file
from support.ollama import OllamaServer, unquoted
from support.tiny_llama import write_adapter, write_llama

from tweetstyle.base_model import read_base_model
from tweetstyle.evaluate.likelihood import load_adapter, load_model
from tweetstyle.export import export
from tweetstyle.recipe import Export, Sampling
from tweetstyle.template import SpecialTokens, build_template

pytestmark = pytest.mark.integration

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SAMPLING = Sampling(temperature=0.65, top_k=33, top_p=0.91, min_p=0.03, repeat_penalty=1.07, num_predict=77, seed=11)


def read_parameters(shown: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in shown.splitlines():
        name, value = line.split(None, 1)
        found.setdefault(name, []).append(unquoted(value))
    return found


@pytest.mark.parametrize("format", ["inst", "text", "chat", "custom"])
def test_show_gives_back_the_template_and_every_parameter(ollama: OllamaServer, tmp_path, format):
    base = write_llama(tmp_path / "base")
    tokens = SpecialTokens(base.tokens.bos, "<|eot_id|>" if format == "chat" else base.tokens.eos, CHATML.replace("im_end", "eot_id"))
    custom = '<s>"{style}" dit\n({type}) "{topic}" => {text}</s>' if format == "custom" else None
    template = build_template(format, 'Nimzo "l\'été" {{ 100 % }} \\n #1', tokens, custom)
    exported = export(base, None, template, Export(types=("q8_0",), num_ctx=512), SAMPLING, "a name", tmp_path / "out")
    ollama.create(f"shown-{format}", exported.modelfile)
    shown = ollama.show(f"shown-{format}")
    assert shown["template"] == template.ollama()
    parameters = read_parameters(shown["parameters"])
    numbers = {name: float(values[0]) for name, values in parameters.items() if name != "stop"}
    assert sorted(parameters["stop"]) == sorted(template.stops)
    written = SAMPLING.model_dump() | {"num_ctx": 512}
    assert numbers == pytest.approx(written) and len(written) == 8


def test_ollama_speaks_with_the_export_in_the_prompt_of_training(ollama: OllamaServer, base_model_dir, tmp_path):
    base = read_base_model(Path(base_model_dir))
    template = build_template("inst", "Nimzo", base.tokens)
    exported = export(base, None, template, Export(), Sampling(num_predict=8), "smol", tmp_path / "smol")
    ollama.create("spoken", exported.modelfile)
    answer = ollama.chat("spoken", [{"role": "user", "content": "l'hiver"}])
    assert answer["done"] and answer["message"]["content"]
    prompt = template.prompt("l'hiver")
    assert ollama.rendered_prompts()[-1] == prompt
    assert answer["prompt_eval_count"] == len(base.tokenizer.prompt_ids(prompt, add_bos=True))


def by_ollama(ollama: OllamaServer, name: str, base: Path, quantisation: str, room: Path) -> gguf.GGUFReader:
    """What `ollama create -q` makes of the safetensors directory itself: a converter and mixture rules of its own."""
    (room / "Modelfile").write_text(f"FROM {base}\n")
    command = [str(ollama.binary), "create", name, "-q", quantisation, "-f", str(room / "Modelfile")]
    done = subprocess.run(command, env=ollama.environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    manifest = json.loads((ollama.home / "models/manifests/registry.ollama.ai/library" / name / "latest").read_text())
    (digest,) = [layer["digest"] for layer in manifest["layers"] if layer["mediaType"].endswith(".model")]
    return gguf.GGUFReader(ollama.home / "models/blobs" / digest.replace(":", "-"))


def tensors_by_ollama(*arguments) -> dict[str, gguf.ReaderTensor]:
    return {tensor.name: tensor for tensor in by_ollama(*arguments).tensors}


def tensors_of_ours(path: Path) -> dict[str, gguf.ReaderTensor]:
    return {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}


@pytest.mark.parametrize(("ours", "theirs"), [("q4_k_m", "q4_K_M"), ("q8_0", "q8_0")])
def test_every_tensor_of_smollm2_has_the_type_that_ollama_picks(ollama: OllamaServer, base_model_dir, tmp_path, ours, theirs):
    base = read_base_model(Path(base_model_dir))
    exported = export(base, None, build_template("text", "x", base.tokens), Export(types=(ours,)), Sampling(), "smol", tmp_path / "smol")
    found = tensors_of_ours(exported.gguf[ours])
    expected = tensors_by_ollama(ollama, f"picked-{ours.replace('_', '-')}", base.path, theirs, tmp_path)
    assert len(found) == 272
    assert {n: t.tensor_type.name for n, t in found.items()} == {n: t.tensor_type.name for n, t in expected.items()}
    # The legacy types are the same code in every version of ggml; K-quants are younger in ours.
    legacy = [n for n, t in found.items() if t.tensor_type.name in ("F32", "Q8_0", "Q5_0")]
    assert len(legacy) > 200 and all(np.array_equal(found[n].data, expected[n].data) for n in legacy)


@pytest.mark.parametrize("layers", [1, 5, 17])
@pytest.mark.parametrize("tied", [False, True])
def test_rows_of_256_have_the_types_that_ollama_picks(ollama: OllamaServer, tmp_path, layers, tied):
    shape = {"hidden_size": 256, "intermediate_size": 256, "num_attention_heads": 4, "num_hidden_layers": layers}
    base = write_llama(tmp_path / "base", **shape, tie_word_embeddings=tied)
    template = build_template("text", "x", base.tokens)
    exported = export(base, None, template, Export(types=("q4_k_m",)), Sampling(), "wide", tmp_path / "wide")
    found = tensors_of_ours(exported.gguf["q4_k_m"])
    expected = tensors_by_ollama(ollama, f"wide-{layers}-{tied}".lower(), base.path, "q4_K_M", tmp_path)
    assert {n: t.tensor_type.name for n, t in found.items()} == {n: t.tensor_type.name for n, t in expected.items()}
    assert {t.tensor_type.name for t in found.values()} == {"F32", "Q4_K", "Q6_K"}


LLAMA_31 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
WIDE = {"hidden_size": 256, "intermediate_size": 512, "num_attention_heads": 4, "num_hidden_layers": 8, "rope_scaling": LLAMA_31}
ONLY_OURS = {
    "general.type": "a file of today says what it is",
    "general.name": "the recipe's name",
    "tokenizer.chat_template": "the prompt that was trained on; the base's directory has none",
    "llama.attention.key_length": "width of a head, which is hidden size over heads where it is not told; here it is just that",
    "llama.attention.value_length": "the same",
}
ONLY_THEIRS = {
    "general.parameter_count": "told by the tensors' shapes",
    "tokenizer.ggml.scores": "a byte-level BPE has none: the ids counted up",
    "tokenizer.ggml.add_padding_token": "false, which is what a missing one means",
}
OTHER = {
    "tokenizer.ggml.add_bos_token": "training puts a BOS before every prompt; a tokenizer_config without add_bos_token says no",
    "tokenizer.ggml.tokens": "rows of the embedding that no token has are named otherwise",
    "tokenizer.ggml.token_type": "and ours say that they are unused",
}


@pytest.fixture(scope="module")
def wide(ollama: OllamaServer, tmp_path_factory):
    """(base, our export with an adapter, Ollama's reading of the same weights merged by PEFT and saved by safetensors), in Q4_K_M."""
    import torch

    room = tmp_path_factory.mktemp("wide")
    base = write_llama(room / "base", **WIDE)
    adapter = write_adapter(room / "adapter", base)
    template = build_template("inst", "Nimzo", base.tokens)
    exported = export(base, adapter, template, Export(types=("f32", "q4_k_m")), Sampling(), "wide", room / "out")
    merged = load_adapter(load_model(base.path, "full"), adapter).merge_and_unload()
    shutil.copytree(base.path, room / "merged")
    weights = {name: tensor.contiguous() for name, tensor in merged.state_dict().items()}
    assert all(tensor.dtype == torch.float32 for tensor in weights.values())
    save_file(weights, room / "merged" / "model.safetensors", metadata={"format": "pt"})
    return base, exported, by_ollama(ollama, "wide-merged", room / "merged", "q4_K_M", room)


def test_every_key_of_the_metadata_is_ollamas_or_has_its_reason(wide):
    base, exported, theirs = wide
    ours, theirs = (
        {key: field.contents() for key, field in reader.fields.items()} for reader in (gguf.GGUFReader(exported.gguf["q4_k_m"]), theirs)
    )
    assert ours.pop("GGUF.kv_count") + len(ONLY_THEIRS) == theirs.pop("GGUF.kv_count") + len(ONLY_OURS)
    assert ours.keys() - theirs.keys() == ONLY_OURS.keys() and theirs.keys() - ours.keys() == ONLY_THEIRS.keys()
    assert {key for key in ours.keys() & theirs.keys() if ours[key] != theirs[key]} == OTHER.keys()
    assert ours["llama.attention.key_length"] == ours["llama.embedding_length"] // ours["llama.attention.head_count"]
    known = 324
    assert base.tokenizer.token_id("<|eot_id|>") == known - 1
    for key in ("tokenizer.ggml.tokens", "tokenizer.ggml.token_type"):
        assert ours[key][:known] == theirs[key][:known] and len(ours[key]) == len(theirs[key]) == base.config["vocab_size"]
    assert set(ours["tokenizer.ggml.token_type"][known:]) == {gguf.TokenType.UNUSED}
    assert (ours["tokenizer.ggml.add_bos_token"], theirs["tokenizer.ggml.add_bos_token"]) == (True, False)


def test_merged_weights_have_the_types_that_ollama_picks_and_no_more_error(wide):
    _, exported, theirs = wide
    exact = {t.name: t.data for t in gguf.GGUFReader(exported.gguf["f32"]).tensors}
    found, expected = tensors_of_ours(exported.gguf["q4_k_m"]), {t.name: t for t in theirs.tensors}
    assert {n: t.tensor_type.name for n, t in found.items()} == {n: t.tensor_type.name for n, t in expected.items()}
    assert {t.tensor_type.name for t in found.values()} == {"F32", "Q4_K", "Q6_K"} and "rope_freqs.weight" in found
    errors = {"ours": 0.0, "theirs": 0.0}
    for name, tensor in found.items():
        for whose, made in (("ours", tensor), ("theirs", expected[name])):
            read = gguf.quants.dequantize(made.data, made.tensor_type)
            errors[whose] += float(((read.reshape(-1) - exact[name].reshape(-1)) ** 2).sum())
            if tensor.tensor_type.name == "F32":
                assert np.allclose(read.reshape(-1), exact[name].reshape(-1), rtol=1e-6), name
    assert 0 < errors["ours"] <= 1.001 * errors["theirs"]

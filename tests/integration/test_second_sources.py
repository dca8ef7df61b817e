"""The export's keys, types and bytes against programs that share no code with it: PEFT's merge, Ollama's converter and quantiser."""

import json
import shutil
from pathlib import Path

import gguf
import numpy as np
import pytest
from safetensors.torch import save_file
from support.by_ollama import by_ollama, metadata, tensors
from support.llama_cpp import all_logits
from support.ollama import OllamaServer
from support.tiny_llama import CONFIG, write_adapter, write_llama

from tweetstyle.export import Exported, export
from tweetstyle.inference.llama_cpp import Logits
from tweetstyle.model.base import BaseModel, read_base_model
from tweetstyle.prompt.template import build_template
from tweetstyle.recipe import Export, Sampling

pytestmark = pytest.mark.integration

LLAMA_31 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
WIDE = {"hidden_size": 256, "intermediate_size": 512, "num_attention_heads": 4, "num_hidden_layers": 8, "rope_scaling": LLAMA_31}


def ours(base: BaseModel, adapter: Path | None, room: Path, *wanted: str) -> Exported:
    template = build_template("inst", "Nimzo", base.tokens)
    return export(base, adapter, template, Export(types=wanted), Sampling(), "ours", room / "ours")


def merged_by_peft(base: BaseModel, adapter: Path, directory: Path, dtype: str = "float32") -> Path:
    """The usual way: the whole model in float32, PEFT's merge_and_unload, the weights saved again."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base.path, dtype=torch.float32, local_files_only=True)
    merged = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    shutil.copytree(base.path, directory)
    tied = {"lm_head.weight"} if base.config["tie_word_embeddings"] else set()
    kept = {name: weight.to(getattr(torch, dtype)).contiguous() for name, weight in merged.state_dict().items() if name not in tied}
    save_file(kept, directory / "model.safetensors", metadata={"format": "pt"})
    return directory


COMMON = {
    "general.name": ("ours alone", "the recipe's name"),
    "general.type": ("ours alone", "a file of today says what it is"),
    "tokenizer.ggml.scores": ("theirs alone", "a byte-level BPE has none: the ids counted up"),
    "tokenizer.ggml.add_padding_token": ("theirs alone", "false, which is what a missing one means"),
    "tokenizer.ggml.add_bos_token": ("another", "training puts a BOS before every prompt; a tokenizer_config that does not say so says no"),
}
QUANTISED = {"general.parameter_count": ("theirs alone", "the tensors' shapes tell it; Ollama writes it when it quantises")}
TINY = {
    "tokenizer.chat_template": ("ours alone", "the prompt that was trained on; the base's directory has none"),
    "llama.attention.key_length": ("ours alone", "the width of a head: hidden size over heads, where config.json has no head_dim"),
    "llama.attention.value_length": ("ours alone", "the same"),
    "tokenizer.ggml.tokens": ("another", "rows of the embedding that no token has are named otherwise"),
    "tokenizer.ggml.token_type": ("another", "and ours say that they are unused"),
}
PRE = {"tokenizer.ggml.pre": ("another", "Ollama does not know SmolLM2's pre-tokenizer: it splits numbers and spaces otherwise")}
ROPE_BASE = {"llama.rope.freq_base": ("ours alone", "Ollama 0.11.4 does not read rope_parameters, where transformers 5 has it")}


def differences(mine: dict[str, object], other: dict[str, object]) -> dict[str, str]:
    kinds = dict.fromkeys(mine.keys() - other.keys(), "ours alone") | dict.fromkeys(other.keys() - mine.keys(), "theirs alone")
    return kinds | {key: "another" for key in mine.keys() & other.keys() if mine[key] != other[key]}


def assert_explained(mine: dict[str, object], theirs: gguf.GGUFReader, reasons: dict[str, tuple[str, str]]) -> None:
    """A difference without a reason fails, and so does a reason without a difference; what the reasons claim of values is looked at."""
    other = metadata(theirs)
    assert differences(mine, other) == {key: kind for key, (kind, _) in reasons.items()}
    size = len(mine["tokenizer.ggml.tokens"])
    known = size - mine["tokenizer.ggml.token_type"].count(gguf.TokenType.UNUSED)
    if "general.parameter_count" in other:
        assert other["general.parameter_count"] == sum(int(tensor.n_elements) for tensor in theirs.tensors)
    assert other["tokenizer.ggml.scores"] == [*range(known), *[-1] * (size - known)]
    assert other["tokenizer.ggml.add_padding_token"] is other.get("tokenizer.ggml.add_unknown_token", False) is False
    assert (mine["tokenizer.ggml.add_bos_token"], other["tokenizer.ggml.add_bos_token"]) == (True, False)
    assert mine["llama.attention.key_length"] == mine["llama.embedding_length"] // mine["llama.attention.head_count"]
    assert other.get("llama.attention.head_dim", mine["llama.attention.key_length"]) == mine["llama.attention.value_length"]
    for key in ("tokenizer.ggml.tokens", "tokenizer.ggml.token_type"):
        assert mine[key][:known] == other[key][:known] and len(mine[key]) == len(other[key])


@pytest.fixture(scope="module")
def wide(ollama: OllamaServer, tmp_path_factory):
    """(base, our export with an adapter, Ollama's reading of the same weights merged by PEFT), Llama 3.1's rope scaling, in Q4_K_M."""
    room = tmp_path_factory.mktemp("wide")
    base = write_llama(room / "base", **WIDE)
    adapter = write_adapter(room / "adapter", base)
    merged = merged_by_peft(base, adapter, room / "merged")
    return base, ours(base, adapter, room, "f32", "q4_k_m"), by_ollama(ollama, "wide-merged", merged, "q4_K_M", room)


def test_every_key_of_the_metadata_is_ollamas_or_has_its_reason(wide):
    base, exported, theirs = wide
    mine = metadata(gguf.GGUFReader(exported.gguf["q4_k_m"]))
    assert_explained(mine, theirs, COMMON | QUANTISED | TINY)
    assert mine["tokenizer.ggml.token_type"].count(gguf.TokenType.UNUSED) == base.config["vocab_size"] - 324
    assert base.tokenizer.token_id("<|eot_id|>") == 323


@pytest.mark.parametrize("rope", [{"rope_type": "default"}, LLAMA_31], ids=lambda rope: rope["rope_type"])
def test_the_rope_of_a_config_by_transformers_5_is_kept_where_ollamas_own_reading_loses_it(ollama: OllamaServer, tmp_path, rope):
    """Both say the same words, ours the model's: its distance to Hugging Face's logits is that of f16, Ollama's is another model's."""
    import torch
    from transformers import AutoModelForCausalLM

    base = write_llama(tmp_path / "base", pre="smollm")
    config = {k: v for k, v in CONFIG.items() if k != "rope_theta"} | {"rope_parameters": rope | {"rope_theta": 500000.0}}
    (base.path / "config.json").write_text(json.dumps(config))
    base = read_base_model(base.path)
    path, theirs = ours(base, None, tmp_path, "f16").gguf["f16"], by_ollama(ollama, f"five-{rope['rope_type']}", base.path, None, tmp_path)
    mine = gguf.GGUFReader(path)
    assert_explained(metadata(mine), theirs, COMMON | TINY | PRE | ROPE_BASE)
    assert metadata(mine)["llama.rope.freq_base"] == 500000.0
    assert tensors(mine).keys() - tensors(theirs).keys() == ({"rope_freqs.weight"} if rope is LLAMA_31 else set())
    ids = np.random.default_rng(0).integers(0, 320, 120).tolist()
    model = AutoModelForCausalLM.from_pretrained(base.path, dtype=torch.float32, local_files_only=True).eval()
    with torch.inference_mode():
        expected = model(torch.tensor([ids])).logits[0].numpy()
    distances = []
    for reader in (path, Path(theirs.data.filename)):
        with Logits(reader, n_ctx=128) as logits:
            distances.append(float(np.abs(all_logits(logits, ids) - expected).max()))
    print(f"from Hugging Face's logits, of up to {np.abs(expected).max():.3g}: ours {distances[0]:.3g}, Ollama's {distances[1]:.3g}")
    assert distances[0] < 0.02 * np.abs(expected).max() and distances[1] > 20 * distances[0]

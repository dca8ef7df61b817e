"""An adapter is merged exactly or refused by name."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from support.tiny_llama import by_transformers, logits_of, write_adapter, write_llama

from tweetstyle.errors import TweetstyleError
from tweetstyle.model.adapter import read_adapter
from tweetstyle.model.llama import read_llama, tensor_plan

QUERY = "model.layers.0.self_attn.q_proj.weight"
IDS = [5, 17, 300, 2, 41, 2, 9]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write_llama(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def plan(base):
    return list(tensor_plan(read_llama(base.config, base.path)))


def stored(directory) -> dict[str, np.ndarray]:
    return load_file(directory / "adapter_model.safetensors")


@pytest.mark.parametrize("r", [4, 300])
def test_the_delta_is_alpha_over_r_times_b_times_a_wherever_it_is_cut(base, plan, tmp_path, r):
    delta = read_adapter(write_adapter(tmp_path, base, r=r, lora_alpha=3 * r), plan).delta(QUERY)
    weights, stem = stored(tmp_path), f"base_model.model.{QUERY.removesuffix('.weight')}"
    expected = 3 * weights[f"{stem}.lora_B.weight"].astype(np.float64) @ weights[f"{stem}.lora_A.weight"].astype(np.float64)
    whole = delta.rows(0, 64)
    assert np.abs(whole - expected).max() < 1e-6 * np.sqrt(r)
    for step in (1, 3):
        assert np.array_equal(np.concatenate([delta.rows(i, min(step, 64 - i)) for i in range(0, 64, step)]), whole)


def test_everything_that_peft_writes_for_plain_lora_is_accepted(base, plan, tmp_path):
    """A second source for the lists of keys: PEFT's own configuration, all of its defaults."""
    from peft import LoraConfig

    config = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj"], task_type="CAUSAL_LM", lora_dropout=0.1).to_dict()
    config = json.loads(json.dumps(config, default=lambda value: sorted(value) if isinstance(value, set) else value.value))
    assert len(config) > 40
    read_adapter(write_adapter(tmp_path, base, modules=("q_proj",), **config), plan)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("peft_type", "IA3"), ("use_dora", True), ("init_lora_weights", "pissa"), ("modules_to_save", ["embed_tokens"]),
        ("rank_pattern", {"q_proj": 8}), ("bias", "all"), ("alora_invocation_tokens", []), ("kasa_config", {}), ("layers_to_transform", 0),
        ("some_lora_of_the_future", {}),
    ],
)  # fmt: skip
def test_a_variant_that_cannot_be_merged_exactly_is_refused_by_its_key(base, plan, tmp_path, key, value):
    with pytest.raises(TweetstyleError, match=key) as caught:
        read_adapter(write_adapter(tmp_path, base, **{key: value}), plan)
    assert caught.value.where == str(tmp_path / "adapter_config.json") and caught.value.hint


def logits_of_peft(base, directory) -> np.ndarray:
    from peft import PeftModel

    return logits_of(PeftModel.from_pretrained(by_transformers(base.path), directory).eval(), IDS)


def logits_of_merge(base, adapter) -> np.ndarray:
    """Of the base model with the products added to its weights."""
    import torch

    model = by_transformers(base.path)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if delta := adapter.delta(name):
                parameter += torch.from_numpy(delta.rows(0, parameter.shape[0]))
    return logits_of(model, IDS)


@pytest.mark.parametrize(
    "changes",
    [{}, {"use_rslora": True, "r": 9}, {"lora_alpha": 7.5, "init_lora_weights": "gaussian"}, {"modules": ("q_proj", "down_proj")},
     {"lora_dropout": 0.5, "inference_mode": False, "task_type": "CAUSAL_LM", "megatron_core": "x", "qalora_group_size": 3,
      "loftq_config": {"loftq_bits": 4}, "revision": "x", "auto_mapping": {"base_model_class": "X"}, "peft_version": "99"}],
    ids=str,
)  # fmt: skip
def test_what_is_accepted_is_what_peft_computes(base, plan, tmp_path, changes):
    directory = write_adapter(tmp_path, base, **changes)
    expected = logits_of_peft(base, directory)
    assert np.abs(logits_of_merge(base, read_adapter(directory, plan)) - expected).max() < 1e-4
    assert np.abs(logits_of(base.path, IDS) - expected).max() > 0.01


def diverged(weights):
    weights[max(weights)][-1, -1] = np.nan


def half_a_pair(weights):
    del weights[min(weights)]


def embeddings(weights):
    weights["base_model.model.model.embed_tokens.lora_embedding_A"] = np.zeros((4, 64), np.float32)


def a_magnitude(weights):
    weights["base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector"] = np.zeros(64, np.float32)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (diverged, "lora_B.weight contains NaN or infinity"),
        (half_a_pair, "the adapter has B"),
        (embeddings, "embed_tokens.lora_embedding_A is not an adapter of"),
        (a_magnitude, "lora_magnitude_vector is not an adapter of"),
        (dict.clear, "contains no weights"),
    ],
)
def test_weights_that_are_no_plain_pairs_over_the_linears_are_refused_by_name(base, plan, tmp_path, change, words):
    write_adapter(tmp_path, base)
    weights = stored(tmp_path)
    change(weights)
    save_file(weights, tmp_path / "adapter_model.safetensors")
    with pytest.raises(TweetstyleError, match=words):
        read_adapter(tmp_path, plan)


@pytest.mark.parametrize("changes", [{"hidden_size": 128}, {"num_hidden_layers": 3}])
def test_an_adapter_over_another_base_is_refused(base, plan, tmp_path, changes):
    other = write_llama(tmp_path / "other", **changes)
    with pytest.raises(TweetstyleError, match=r"for this base model it must be|not an adapter of"):
        read_adapter(write_adapter(tmp_path / "adapter", other), plan)


@pytest.mark.parametrize(("name", "words"), [("adapter_config.json", "no adapter here"), ("adapter_model.safetensors", "not a complete")])
def test_a_missing_and_a_damaged_adapter_are_refused(base, plan, tmp_path, name, words):
    with pytest.raises(TweetstyleError, match="there is no adapter here"):
        read_adapter(tmp_path, plan)
    write_adapter(tmp_path, base)
    (tmp_path / name).write_text("{")
    with pytest.raises(TweetstyleError, match=words):
        read_adapter(tmp_path, plan)

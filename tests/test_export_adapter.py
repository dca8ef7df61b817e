"""An adapter is merged exactly or refused by name."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from support.tiny_llama import write_adapter, write_llama

from tweetstyle.errors import TweetstyleError
from tweetstyle.model.adapter import NEUTRAL, READ, REFUSED, WITHOUT_EFFECT, read_adapter
from tweetstyle.model.llama import read_llama, tensor_plan

QUERY = "model.layers.0.self_attn.q_proj.weight"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write_llama(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def plan(base):
    return list(tensor_plan(read_llama(base.config, base.path)))


def stored(directory) -> dict[str, np.ndarray]:
    return load_file(directory / "adapter_model.safetensors")


def test_the_delta_is_alpha_over_r_times_b_times_a(base, plan, tmp_path):
    adapter = read_adapter(write_adapter(tmp_path, base, r=4, lora_alpha=12), plan)
    weights, stem = stored(tmp_path), f"base_model.model.{QUERY.removesuffix('.weight')}"
    expected = 3 * weights[f"{stem}.lora_B.weight"].astype(np.float64) @ weights[f"{stem}.lora_A.weight"].astype(np.float64)
    assert np.abs(adapter.delta(QUERY).rows(0, 64) - expected).max() < 1e-6
    assert np.array_equal(adapter.delta(QUERY).rows(8, 16), adapter.delta(QUERY).rows(0, 64)[8:24])


def test_everything_that_peft_writes_for_plain_lora_is_accepted(base, plan, tmp_path):
    """A second source for the lists of keys: PEFT's own configuration, all of its defaults."""
    from peft import LoraConfig

    config = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj"], task_type="CAUSAL_LM", lora_dropout=0.1).to_dict()
    config = json.loads(json.dumps(config, default=lambda value: sorted(value) if isinstance(value, set) else value.value))
    assert len(config) > 40
    read_adapter(write_adapter(tmp_path, base, modules=("q_proj",), **config), plan)


def test_every_key_of_pefts_configuration_is_read_refused_or_without_effect():
    """A key that a newer PEFT adds fails here, and belongs into one of the three tables."""
    from peft import LoraConfig

    fields = {field.name: field for field in dataclasses.fields(LoraConfig)}
    tables = [READ, REFUSED.keys(), WITHOUT_EFFECT]
    assert set().union(*tables) == fields.keys() and sum(map(len, tables)) == len(fields)
    assert all(REFUSED.values())
    off = LoraConfig()
    assert all(getattr(off, key) in (None, False, NEUTRAL.get(key)) for key in REFUSED)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("use_dora", True), ("init_lora_weights", "loftq"), ("init_lora_weights", "pissa"), ("init_lora_weights", "pissa_niter_4"),
        ("init_lora_weights", "olora"), ("init_lora_weights", "corda"), ("init_lora_weights", "lora_ga"),
        ("modules_to_save", ["embed_tokens"]), ("rank_pattern", {"q_proj": 8}), ("alpha_pattern", {"q_proj": 8}), ("bias", "all"),
        ("bias", "lora_only"), ("fan_in_fan_out", True), ("lora_bias", True), ("layer_replication", [[0, 2]]), ("use_qalora", True),
        ("trainable_token_indices", [1, 2]), ("target_parameters", ["x"]), ("some_lora_of_the_future", {"on": 1}),
        ("some_lora_of_the_future", {}), ("alora_invocation_tokens", [2, 3]), ("alora_invocation_tokens", []), ("kasa_config", {}),
        ("arrow_config", {}), ("monteclora_config", {}), ("use_bdlora", {}), ("velora_config", {}), ("megatron_config", {}),
        ("exclude_modules", ["q_proj"]), ("layers_to_transform", [0]), ("layers_to_transform", 0), ("ensure_weight_tying", True),
        ("target_modules", ["q_proj"]), ("target_modules", "x("), ("target_modules", None), ("init_lora_weights", "mica"),
    ],
)  # fmt: skip
def test_a_variant_that_cannot_be_merged_exactly_is_refused_by_its_key(base, plan, tmp_path, key, value):
    with pytest.raises(TweetstyleError, match=key) as caught:
        read_adapter(write_adapter(tmp_path, base, **{key: value}), plan)
    assert caught.value.where == str(tmp_path / "adapter_config.json") and caught.value.hint


# -- PEFT's own forward pass --------------------------------------------------------------------------------


def hugging_face(base):
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(base.path, dtype=torch.float32, local_files_only=True).eval()


def logits(model) -> np.ndarray:
    import torch

    with torch.inference_mode():
        return model(input_ids=torch.tensor([[5, 17, 300, 2, 41, 2, 9]])).logits[0].numpy()


def logits_of_peft(base, directory) -> np.ndarray:
    from peft import PeftModel

    return logits(PeftModel.from_pretrained(hugging_face(base), directory).eval())


def logits_of_merge(base, adapter) -> np.ndarray:
    """Of the base model with the products added to its weights."""
    import torch

    model = hugging_face(base)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if delta := adapter.delta(name):
                parameter += torch.from_numpy(delta.rows(0, parameter.shape[0]))
    return logits(model)


@pytest.mark.parametrize(
    "changes",
    [
        {}, {"use_rslora": True, "r": 9}, {"lora_alpha": 7.5}, {"lora_alpha": 0}, {"modules": ("q_proj", "down_proj")},
        {"target_modules": "all-linear"}, {"target_modules": r".*\.(q|k|v|o|gate|up|down)_proj"},
        {"modules": ("q_proj",), "target_modules": ["self_attn.q_proj"]}, {"init_lora_weights": False}, {"init_lora_weights": "gaussian"},
        {"lora_dropout": 0.5, "inference_mode": False, "task_type": "CAUSAL_LM", "megatron_core": "x", "qalora_group_size": 3,
         "loftq_config": {"loftq_bits": 4}, "revision": "x", "auto_mapping": {"base_model_class": "X"}, "peft_version": "99"},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_accepted_is_what_peft_computes(base, plan, tmp_path, changes):
    directory = write_adapter(tmp_path, base, **changes)
    expected = logits_of_peft(base, directory)
    assert np.abs(logits_of_merge(base, read_adapter(directory, plan)) - expected).max() < 1e-4
    if changes.get("lora_alpha") != 0:
        assert np.abs(logits(hugging_face(base)) - expected).max() > 0.01


def test_a_targeted_module_whose_weights_are_not_stored_is_refused(base, plan, tmp_path):
    """PEFT would initialise it, with init_lora_weights false at random."""
    write_adapter(tmp_path, base)
    left = {name: tensor for name, tensor in stored(tmp_path).items() if "layers.1.mlp.up_proj" not in name}
    save_file(left, tmp_path / "adapter_model.safetensors", metadata={"format": "pt"})
    with pytest.raises(TweetstyleError, match=r"model\.layers\.1\.mlp\.up_proj: target_modules selects it, and no weights"):
        read_adapter(tmp_path, plan)


@pytest.mark.parametrize("kind", ["LOHA", "IA3", None])
def test_another_kind_of_adapter_is_refused_by_name(base, plan, tmp_path, kind):
    with pytest.raises(TweetstyleError, match=f"{kind}, not LORA"):
        read_adapter(write_adapter(tmp_path, base, peft_type=kind), plan)


@pytest.mark.parametrize(("r", "alpha"), [(0, 8), (4, float("nan"))])
def test_a_rank_or_alpha_that_is_no_number_is_refused(base, plan, tmp_path, r, alpha):
    write_adapter(tmp_path, base)
    config = json.loads((tmp_path / "adapter_config.json").read_text()) | {"r": r, "lora_alpha": alpha}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(TweetstyleError, match="not a rank and a number"):
        read_adapter(tmp_path, plan)


@pytest.mark.parametrize("value", [np.nan])
def test_an_adapter_that_diverged_is_refused_with_the_weights_name(base, plan, tmp_path, value):
    write_adapter(tmp_path, base)
    weights = stored(tmp_path)
    name = sorted(weights)[-1]
    weights[name][-1, -1] = value
    save_file(weights, tmp_path / "adapter_model.safetensors")
    with pytest.raises(TweetstyleError, match=f"{name} holds NaN or infinity"):
        read_adapter(tmp_path, plan)


@pytest.mark.parametrize("changes", [{"hidden_size": 128}, {"num_hidden_layers": 3}])
def test_an_adapter_over_another_base_is_refused(base, plan, tmp_path, changes):
    other = write_llama(tmp_path / "other", **changes)
    with pytest.raises(TweetstyleError, match=r"over this base it must be|no adapter of this model"):
        read_adapter(write_adapter(tmp_path / "adapter", other), plan)


def test_half_a_pair_is_refused(base, plan, tmp_path):
    write_adapter(tmp_path, base)
    weights = stored(tmp_path)
    del weights[sorted(weights)[0]]
    save_file(weights, tmp_path / "adapter_model.safetensors")
    with pytest.raises(TweetstyleError, match="the adapter has B"):
        read_adapter(tmp_path, plan)


@pytest.mark.parametrize(
    "name",
    [
        "base_model.model.lm_head.lora_A.weight",
        "base_model.model.model.embed_tokens.lora_embedding_A",
        "base_model.model.lm_head.weight",
        "base_model.model.model.layers.0.input_layernorm.lora_A.weight",
        "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector",
    ],
)
def test_weights_beyond_the_linears_of_the_layers_are_refused_by_name(base, plan, tmp_path, name):
    write_adapter(tmp_path, base)
    save_file(stored(tmp_path) | {name: np.zeros((4, 64), np.float32)}, tmp_path / "adapter_model.safetensors")
    with pytest.raises(TweetstyleError, match=name.replace(".", r"\.")):
        read_adapter(tmp_path, plan)


def test_a_missing_an_empty_and_a_cut_off_adapter_are_told_apart(base, plan, tmp_path):
    with pytest.raises(TweetstyleError, match="there is no adapter here"):
        read_adapter(tmp_path, plan)
    write_adapter(tmp_path, base)
    file = tmp_path / "adapter_model.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-10])
    with pytest.raises(TweetstyleError, match="its header says"):
        read_adapter(tmp_path, plan)
    save_file({}, file)
    with pytest.raises(TweetstyleError, match="holds no weights"):
        read_adapter(tmp_path, plan)
    (tmp_path / "adapter_config.json").write_text("{")
    with pytest.raises(TweetstyleError, match="there is no adapter here"):
        read_adapter(tmp_path, plan)

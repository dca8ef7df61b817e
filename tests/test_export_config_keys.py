"""Keys of config.json that change, or seem to change, what a Llama computes: llama.cpp does as transformers."""

import json
import shutil

import numpy as np
import pytest
from support.llama_cpp import exported_logits, mean_kl
from support.tiny_llama import logits_of, write_llama

IDS = [int(token) for token in np.random.default_rng(3).integers(0, 300, 60)]
LLAMA_31 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32}
WITHOUT_ORIGINAL = {key: value for key, value in LLAMA_31.items() if key != "original_max_position_embeddings"}
DEFAULT = {"rope_type": "default"}
ABSENT = "absent"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(the directory of a tiny Llama, transformers' logits of it)."""
    path = write_llama(tmp_path_factory.mktemp("made") / "base").path
    return path, logits_of(path, IDS)


CHANGES_THE_MODEL = [
    {"rope_theta": 50000.0}, {"rope_theta": ABSENT, "rope_parameters": DEFAULT | {"rope_theta": 50000.0}},
    {"rope_scaling": LLAMA_31}, {"rope_parameters": LLAMA_31 | {"rope_theta": 50000.0}, "rope_theta": ABSENT},
    {"rope_parameters": LLAMA_31, "rope_scaling": LLAMA_31 | {"factor": 2.0}},
    {"rope_scaling": WITHOUT_ORIGINAL, "max_position_embeddings": 16}, {"rms_norm_eps": 1e-3}, {"rms_norm_eps": ABSENT},
]  # fmt: skip
CHANGES_NOTHING = [
    {"rope_parameters": LLAMA_31, "rope_scaling": DEFAULT}, {"rope_scaling": {}}, {"rope_theta": ABSENT}, {"head_dim": None},
    {"rope_interleaved": True, "sliding_window": 4, "use_sliding_window": True, "no_rope_layers": [0, 1], "attention_chunk_size": 4},
    {"logit_scale": 2.0, "logits_scaling": 2.0, "final_logit_softcapping": 2.0, "attn_logit_softcapping": 2.0, "scale_emb": 2.0,
     "attention_multiplier": 2.0, "residual_multiplier": 2.0, "embedding_multiplier": 2.0, "scale_depth": 2.0},
    {"qk_layernorm": True, "use_qk_norm": True, "qkv_bias": True, "use_bias": True, "num_local_experts": 2, "pretraining_tp": 2},
]  # fmt: skip


@pytest.mark.parametrize("changes", [*CHANGES_THE_MODEL, *CHANGES_NOTHING], ids=str)
def test_llama_cpp_computes_what_transformers_computes(made, tmp_path, changes):
    """The keys of the second list are other architectures': transformers' Llama ignores them, and so must the export."""
    path = shutil.copytree(made[0], tmp_path / "base")
    config = json.loads((path / "config.json").read_text()) | changes
    (path / "config.json").write_text(json.dumps({key: value for key, value in config.items() if value != ABSENT}))
    expected = logits_of(path, IDS)
    assert (np.abs(expected - made[1]).max() > 1e-3) == (changes in CHANGES_THE_MODEL)
    found = exported_logits(path, tmp_path / "out", IDS)
    assert mean_kl(expected, found) < 1e-5

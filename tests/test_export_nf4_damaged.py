"""A model saved in 4 bits whose parts do not fit each other is refused: bitsandbytes' kernels would read on beyond what is stored."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from tweetstyle.errors import TweetstyleError
from tweetstyle.model.nf4 import STATE, read_weights

WEIGHT = "model.layers.0.mlp.down_proj.weight"
DAMAGED = {
    "no JSON": (STATE, lambda raw: raw[:5]),
    "no object": (STATE, lambda raw: np.frombuffer(b"[1]", np.uint8)),
    "half of the codes": ("", lambda codes: codes[: len(codes) // 2]),
    "twice the codes": ("", lambda codes: np.concatenate([codes, codes])),
    "half of the scales": (".absmax", lambda scales: scales[: len(scales) // 2]),
    "scales that are no codes": (".absmax", lambda scales: scales.astype(np.float32)),
    "no scales of the scales": (".nested_absmax", lambda scales: scales[:0]),
    "half a table": (".quant_map", lambda table: table[:8]),
    "a short table of the scales": (".nested_quant_map", lambda table: table[:16]),
}
KEYS = ("shape", "blocksize", "dtype", "nested_blocksize", "nested_offset", "nested_dtype", "quant_type")
CHANGED_STATES = [{key: ...} for key in KEYS] + [
    {"shape": [192 * 128]}, {"shape": [-128, -192]}, {"shape": [128, 384]}, {"shape": "ab"}, {"blocksize": 0}, {"blocksize": 32},
    {"blocksize": 128}, {"blocksize": "64"}, {"nested_blocksize": 64}, {"dtype": "float99"}, {"dtype": ["float32"]},
    {"nested_dtype": "int8"}, {"nested_offset": float("nan")}, {"nested_offset": None}, {"quant_type": "fp4"},
]  # fmt: skip
"""Ellipsis: the key is left out."""


@pytest.fixture(scope="module")
def whole() -> dict[str, np.ndarray]:
    """A weight as bitsandbytes lays it down: name → array."""
    import torch
    from bitsandbytes import functional

    weight = torch.randn(128, 192, generator=torch.Generator().manual_seed(3))
    codes, state = functional.quantize_4bit(weight, quant_type="nf4", compress_statistics=True)
    return {WEIGHT: codes.numpy()} | {f"{WEIGHT}.{name}": part.numpy() for name, part in state.as_dict(packed=True).items()}


def write(whole: dict[str, np.ndarray], path, ending: str, changed) -> None:
    save_file(whole | {WEIGHT + ending: np.ascontiguousarray(changed(whole[WEIGHT + ending]))}, path)


def test_what_is_whole_is_read(whole, tmp_path):
    write(whole, path := tmp_path / "model.safetensors", "", lambda codes: codes)
    assert read_weights([path])[WEIGHT].read().shape == (128, 192)


@pytest.mark.parametrize("what", DAMAGED)
def test_four_bits_that_are_not_whole_are_one_message_before_anything_is_read_from_them(whole, tmp_path, what):
    write(whole, path := tmp_path / "model.safetensors", *DAMAGED[what])
    with pytest.raises(TweetstyleError, match=r"layers\.0\.mlp\.down_proj"):
        read_weights([path])


@pytest.mark.parametrize("change", CHANGED_STATES, ids=str)
def test_a_state_that_does_not_fit_its_codes_is_one_message(whole, tmp_path, change):
    def changed(raw: np.ndarray) -> np.ndarray:
        state = json.loads(raw.tobytes()) | change
        return np.frombuffer(json.dumps({key: value for key, value in state.items() if value is not ...}).encode(), np.uint8)

    write(whole, path := tmp_path / "model.safetensors", STATE, changed)
    with pytest.raises(TweetstyleError, match=r"layers\.0\.mlp\.down_proj.*4-bit state"):
        read_weights([path])

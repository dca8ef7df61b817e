"""Base models of full size that take no disk: safetensors whose headers are whole and whose weights are holes in a sparse file."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path

from support.tiny_llama import shapes, write_tokenizer

from tweetstyle.model.hub import known_config

SHAPES = {"Llama 3 8B": 32, "Llama 3.1 8B": 32, "Llama 3.2 3B": 28, "Llama 3.2 1B": 16}
"""Models that can be emulated, and their layers."""


def write_hollow_base(directory: Path, name: str) -> Path:
    """A base model's directory with the shape of a known model: config.json, a small tokenizer, one file of bfloat16 zeros."""
    directory.mkdir(parents=True, exist_ok=True)
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "bfloat16", **known_config(name)}
    (directory / "config.json").write_text(json.dumps(config))
    write_tokenizer(directory)
    header: dict = {"__metadata__": {"format": "pt"}}
    end = 0
    for weight, shape in shapes(config).items():
        start, end = end, end + 2 * math.prod(shape)
        header[weight] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with (directory / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)
    return directory

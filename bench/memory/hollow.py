"""Base models and adapters of full size that take no disk: safetensors with whole headers, whose weights are holes in a sparse file."""

import json
import math
import struct
from pathlib import Path

from support.tiny_llama import LINEARS, shapes, write_tokenizer

from tweetstyle.model.hub import KNOWN

BYTES = {"BF16": 2, "F32": 4}


def write_hollow_base(directory: Path, name: str) -> Path:
    """A base model's directory with the shape of a known model: config.json, a small tokenizer, one file of bfloat16 zeros."""
    directory.mkdir(parents=True, exist_ok=True)
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "bfloat16", **KNOWN[name]}
    (directory / "config.json").write_text(json.dumps(config))
    write_tokenizer(directory)
    _write_hollow(directory / "model.safetensors", "BF16", shapes(config))
    return directory


def write_hollow_adapter(directory: Path, name: str, r: int) -> Path:
    """An adapter of rank r over every linear of a known model, as PEFT stores it: float32 zeros."""
    directory.mkdir(parents=True, exist_ok=True)
    lora = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": r, "lora_alpha": 2 * r, "bias": "none", "target_modules": list(LINEARS)}
    (directory / "adapter_config.json").write_text(json.dumps(lora))
    weights = {}
    for weight, shape in shapes(KNOWN[name]).items():
        if weight.split(".")[-2] in LINEARS:
            stem = f"base_model.model.{weight.removesuffix('.weight')}"
            weights |= {f"{stem}.lora_A.weight": (r, shape[1]), f"{stem}.lora_B.weight": (shape[0], r)}
    _write_hollow(directory / "adapter_model.safetensors", "F32", weights)
    return directory


def _write_hollow(path: Path, dtype: str, weights: dict[str, tuple[int, ...]]) -> None:
    header: dict = {"__metadata__": {"format": "pt"}}
    end = 0
    for weight, shape in weights.items():
        start, end = end, end + BYTES[dtype] * math.prod(shape)
        header[weight] = {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)

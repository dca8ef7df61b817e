"""Tiny models in bitsandbytes' NF4, loaded and saved by transformers."""

from pathlib import Path

from tweetstyle.inference.likelihood import quiet_libraries
from tweetstyle.model.base import BaseModel, read_base_model

SHAPE = {"hidden_size": 128, "intermediate_size": 192}


def loaded_in_4_bits(base: BaseModel, dtype: str):
    """By transformers and bitsandbytes, as a training in that dtype loads it."""
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    config = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=getattr(torch, dtype)
    )
    options = {"dtype": getattr(torch, dtype), "device_map": "cpu", "quantization_config": config, "local_files_only": True}
    with quiet_libraries():
        return AutoModelForCausalLM.from_pretrained(base.path, **options)


def saved_in_four_bits(base: BaseModel, model, directory: Path) -> BaseModel:
    """By transformers, with the tokenizer of `base` beside it."""
    model.save_pretrained(directory)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (directory / name).write_bytes((base.path / name).read_bytes())
    return read_base_model(directory)

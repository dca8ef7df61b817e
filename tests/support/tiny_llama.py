"""Random-weight Llamas of a few megabytes as real Hugging Face directories, and adapters over them, for the tests of the export."""

import json
import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from tweetstyle.export.gguf_file import PRE_TOKENIZERS
from tweetstyle.model.base import BaseModel, read_base_model

SPECIAL = ["<|begin_of_text|>", "<|end_of_text|>", "<|finetune_right_pad_id|>", "<|eot_id|>"]
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 384,
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "hidden_act": "silu",
    "tie_word_embeddings": False,
}
LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
TEXTS = ["Le petit matin est froid et la neige tombe encore sur la ville 😀", "it's 1234 reasons why WE'LL say déjà vu\n\n  #hiver @moi"]


def write_tokenizer(
    directory: Path, pre: str = "llama-bpe", texts: list[str] = TEXTS, size: int = 320, special: tuple[str, ...] = ()
) -> None:
    """A byte-level BPE of `size` tokens, learned from `texts`, 4 special ones and `special`, that splits like Llama 3 or SmolLM2."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(ignore_merges=pre == "llama-bpe"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts * 3, trainer)
    tokenizer.add_special_tokens([*SPECIAL, *special])
    source = json.loads(tokenizer.to_str())
    source["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [s | byte_level_extras(s) for s in PRE_TOKENIZERS[pre]]}
    (directory / "tokenizer.json").write_text(json.dumps(source))
    settings = {"bos_token": SPECIAL[0], "eos_token": SPECIAL[1], "pad_token": SPECIAL[2]}
    (directory / "tokenizer_config.json").write_text(json.dumps(settings))


def byte_level_extras(step: dict) -> dict:
    return {"trim_offsets": True} if step["type"] == "ByteLevel" else {}


def shapes(config: dict) -> dict[str, tuple[int, ...]]:
    """name → shape of every weight, in Hugging Face's names."""
    hidden, wide, vocabulary = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    head = config.get("head_dim") or hidden // config["num_attention_heads"]
    query, key = head * config["num_attention_heads"], head * config["num_key_value_heads"]
    found = {"model.embed_tokens.weight": (vocabulary, hidden), "model.norm.weight": (hidden,)}
    if not config.get("tie_word_embeddings"):
        found["lm_head.weight"] = (vocabulary, hidden)
    for layer in range(config["num_hidden_layers"]):
        in_out = {"q": (query, hidden), "k": (key, hidden), "v": (key, hidden), "o": (hidden, query)}
        linears = {f"self_attn.{n}_proj": s for n, s in in_out.items()}
        linears |= {"mlp.gate_proj": (wide, hidden), "mlp.up_proj": (wide, hidden), "mlp.down_proj": (hidden, wide)}
        linears |= {"input_layernorm": (hidden,), "post_attention_layernorm": (hidden,)}
        found |= {f"model.layers.{layer}.{name}.weight": shape for name, shape in linears.items()}
    return found


def write_llama(directory: Path, *, seed: int = 0, dtype: str = "float16", pre: str = "llama-bpe", **changes) -> BaseModel:
    """A base model's directory with seeded random weights in one file, read back as the program reads it."""
    directory.mkdir(parents=True, exist_ok=True)
    config = CONFIG | changes
    (directory / "config.json").write_text(json.dumps(config))
    write_tokenizer(directory, pre)
    random = np.random.default_rng(seed)
    weights = {name: random.normal(1 if len(s) == 1 else 0, 0.1, s).astype(dtype) for name, s in shapes(config).items()}
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
    return read_base_model(directory)


def write_adapter(directory: Path, base: BaseModel, *, seed: int = 1, r: int = 4, modules=LINEARS, **changes) -> Path:
    """A plain LoRA adapter over every layer as PEFT stores it; `changes` go into adapter_config.json."""
    directory.mkdir(parents=True, exist_ok=True)
    random, weights = np.random.default_rng(seed), {}
    for name, shape in shapes(base.config).items():
        if name.split(".")[-2] in modules:
            stem = f"base_model.model.{name.removesuffix('.weight')}"
            weights[f"{stem}.lora_A.weight"] = random.normal(0, 0.1, (r, shape[1])).astype(np.float32)
            weights[f"{stem}.lora_B.weight"] = random.normal(0, 0.1, (shape[0], r)).astype(np.float32)
    save_file(weights, directory / "adapter_model.safetensors", metadata={"format": "pt"})
    config = {"peft_type": "LORA", "r": r, "lora_alpha": 2 * r, "bias": "none", "target_modules": list(modules)}
    (directory / "adapter_config.json").write_text(json.dumps(config | {"init_lora_weights": True, "use_rslora": False} | changes))
    return directory


def make_answers_end(weights_file: Path, ends: list[int], weight: float) -> None:
    """Changes a tiny Llama's weights so that its answers end at once, though its layers count: the rows of the end tokens in the head read,
    with `weight`, a first value that all embeddings share and that no layer changes."""
    weights = load_file(weights_file)
    weights["model.embed_tokens.weight"][:, 0] = 3
    weights["model.norm.weight"][:] = 1
    weights["lm_head.weight"][:, 0] = 0
    weights["lm_head.weight"][ends] = 0
    weights["lm_head.weight"][ends, 0] = weight
    for name in weights:
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            weights[name][0] = 0  # nothing is added to that value
    save_file(weights, weights_file, metadata={"format": "pt"})


def write_ending_llama(directory: Path, tokenizer_of: Path) -> BaseModel:
    """A tiny Llama with a real tokenizer, whose most probable next token is always the end.

    All embeddings share a large first value, which the layers hardly change and the final norm keeps positive; the head
    reads it into the end token alone.
    """
    base = write_llama(directory, vocab_size=49152, num_hidden_layers=1, max_position_embeddings=2048, pre="smollm")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tokenizer_of / name, directory / name)
    base = read_base_model(directory)
    weights = load_file(base.shards[0])
    weights["model.embed_tokens.weight"][:, 0] = 50
    weights["model.norm.weight"][:] = 1
    weights["lm_head.weight"][:] = 0
    weights["lm_head.weight"][base.eos_id, 0] = 50
    save_file(weights, base.shards[0], metadata={"format": "pt"})
    return base


def by_transformers(base: Path):
    """The model of a base model's directory, in float32."""
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, local_files_only=True).eval()


def logits_of(model, ids: list[int]) -> np.ndarray:
    """[len(ids), vocabulary] by transformers, of a model or of a base model's directory."""
    import torch

    loaded = by_transformers(model) if isinstance(model, Path) else model
    with torch.inference_mode():
        return loaded(input_ids=torch.tensor([ids])).logits[0].numpy()


def edit_json(file: Path, **changes: object) -> None:
    """Sets keys of a JSON object in a file."""
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))

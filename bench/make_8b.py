"""A random-weight model with Llama 3 8B's shapes: sharded safetensors in bfloat16, and a LoRA adapter over it.

    python bench/make_8b.py DIRECTORY [--layers 32] [--width 4096] [--vocabulary 128256] [--seed 0]

Writes DIRECTORY/base (16 GB with all of its 32 layers) and DIRECTORY/adapter (rank 16, every linear). Fewer layers, a smaller
width or vocabulary give smaller models of the same build. One block of rows is in memory at a time.
"""

import argparse
import json
import math
import shutil
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / part) for part in ("", "tests")]

from support.tiny_llama import shapes, write_adapter, write_tokenizer  # noqa: E402

from tweetstyle.model.base import read_base_model  # noqa: E402
from tweetstyle.progress import Bar  # noqa: E402

SHARD_BYTES = 5 * 10**9
"""transformers' own size of a shard."""
BLOCK_ELEMENTS = 2**22
STANDARD_DEVIATION = 0.02
HEAD_WIDTH, QUERIES_PER_KEY, ADAPTER_RANK = 128, 4, 16


def config(layers: int, width: int, vocabulary: int, positions: int = 8192) -> dict:
    """config.json of Llama 3 8B, with so many layers, such a hidden size and such a vocabulary; 131,072 positions are Llama 3.1's."""
    heads = max(width // HEAD_WIDTH, QUERIES_PER_KEY)
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": width,
        "intermediate_size": width * 7 // 2,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": heads // QUERIES_PER_KEY,
        "head_dim": width // heads,
        "vocab_size": vocabulary,
        "max_position_embeddings": positions,
        "rms_norm_eps": 1e-5,
        "rope_theta": 500000.0,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
    }


def make(directory: Path, layers: int, width: int, vocabulary: int, seed: int = 0, shard_bytes: int = SHARD_BYTES) -> int:
    """Writes directory/base and directory/adapter; gives back the bytes of the base's weights."""
    base = directory / "base"
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir(parents=True)
    settings = config(layers, width, vocabulary)
    (base / "config.json").write_text(json.dumps(settings, indent=2))
    write_tokenizer(base)
    shards = list(cut_into_shards(shapes(settings), shard_bytes))
    random, index = np.random.Generator(np.random.SFC64(seed)), {}
    total = 2 * sum(math.prod(shape) for shard in shards for shape in shard.values())
    with Bar("random weights", total, "B") as bar:
        for number, shard in enumerate(shards, start=1):
            name = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
            index |= dict.fromkeys(shard, name)
            write_shard(base / name, shard, random, bar)
    text = json.dumps({"metadata": {"total_size": total}, "weight_map": index}, indent=2)
    (base / "model.safetensors.index.json").write_text(text)
    write_adapter(directory / "adapter", read_base_model(base), r=ADAPTER_RANK)
    return total


def cut_into_shards(tensors: dict[str, tuple[int, ...]], shard_bytes: int) -> Iterator[dict[str, tuple[int, ...]]]:
    """Tensors in their order, as many to a shard as stay below shard_bytes."""
    shard, size = {}, 0
    for name, shape in tensors.items():
        nbytes = 2 * math.prod(shape)
        if shard and size + nbytes > shard_bytes:
            yield shard
            shard, size = {}, 0
        shard[name], size = shape, size + nbytes
    yield shard


def write_shard(path: Path, tensors: dict[str, tuple[int, ...]], random: np.random.Generator, bar: Bar) -> None:
    """One safetensors file: length of the header, header, tensors without gaps."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in tensors.items():
        end = offset + 2 * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", len(text)) + text)
        for shape in tensors.values():
            left, mean = math.prod(shape), float(len(shape) == 1)
            while left:
                values = random.standard_normal(min(left, BLOCK_ELEMENTS), np.float32) * STANDARD_DEVIATION + mean
                # The upper half of a float32 is a bfloat16, rounded towards zero.
                bar.advance(stream.write(np.ascontiguousarray(values.view("<u2")[1::2])))
                left -= len(values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--layers", type=int, default=32)
    parser.add_argument("--width", type=int, default=4096, help="hidden size, a multiple of 256")
    parser.add_argument("--vocabulary", type=int, default=128256)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if asked.width % 256 or min(asked.layers, asked.width) < 1 or asked.vocabulary < 384:
        parser.error("--width is a multiple of 256, --layers at least 1, --vocabulary at least 384")
    total = make(asked.directory, asked.layers, asked.width, asked.vocabulary, asked.seed)
    print(f"{asked.directory / 'base'}: {total / 1e9:.2f} GB of weights; {asked.directory / 'adapter'}: rank {ADAPTER_RANK}")


if __name__ == "__main__":
    main()

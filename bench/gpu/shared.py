"""What the benches on a card share: a card made smaller, models of random weights, tries in fresh processes, results.

Every figure is of one card limited to one sold as 12 GB, less 0.75 GiB for CUDA's context and a desktop: what it says of memory it
says of a card of that size; of speed only ratios are said, and of the card that was used. Memory and speed do not depend on
what the weights are, so they are random.
"""

import argparse
import csv
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [part for part in (str(ROOT), str(ROOT / "tests")) if part not in sys.path]

from bench.make_8b import config, make  # noqa: E402
from tweetstyle.dataset.examples import Document  # noqa: E402
from tweetstyle.doctor.card import BF16, SETUP  # noqa: E402
from tweetstyle.hardware.gpu import observe_card  # noqa: E402
from tweetstyle.hardware.machine import installed_versions  # noqa: E402
from tweetstyle.model.base import BaseModel, read_base_model  # noqa: E402
from tweetstyle.recipe import Lora, Model, Training  # noqa: E402
from tweetstyle.train.library_output import prepare_environment  # noqa: E402

CARD = 12044 * 2**20
"""What an RTX 3060 sold as 12 GB reports: 11.76 GiB."""
ASIDE = 3 * 2**28
"""For CUDA's context and a desktop, which stand outside torch's allocator."""
CAP = CARD - ASIDE
PART_SECONDS, TRY_SECONDS = 570, 60
"""The time of a part, if --seconds names no other; and of a try (loading the model and a few steps), after which none is begun."""
LIBRARIES = ("torch", "triton", "xformers", "flash-attn", "unsloth", "unsloth_zoo", "trl", "transformers", "peft", "bitsandbytes")
CLAIM = "a claim about memory on a card sold as 12 GB (11.76 GiB, of which 11.01 for torch); of speed, ratios on this card only"
BYTES_A_TOKEN, PROMPT_TOKENS = 3.5, 22
"""About Llama 3's tokens of a French tweet and of the prompt before it: its tokenizer may not be passed on, and ids are random here."""


@dataclass(frozen=True)
class Bench:
    """Where a part works. tiny: toy shapes on whatever machine this is."""

    tiny: bool
    models: Path
    results: Path
    deadline: float
    rounds: int = 2
    """Of the speed bench: one where the time does not suffice for two."""

    @property
    def time_is_up(self) -> bool:
        return time.monotonic() > self.deadline

    @property
    def lengths(self) -> tuple[int, ...]:
        """max_length of the packs: the recipe's, and shorter and longer ones."""
        return (64, 128) if self.tiny else (512, 2048, 8192)

    @property
    def length(self) -> int:
        return 64 if self.tiny else 2048


@contextmanager
def begin(part: str, arguments: list[str] | None = None) -> Iterator[Bench]:
    """Reads --tiny and where things go. A tiny bench writes to a temporary directory, unless an option names another."""
    parser = argparse.ArgumentParser(prog=f"bench/gpu.sh {part}", description=sys.modules[f"bench.gpu.{part}"].__doc__)
    parser.add_argument("--tiny", action="store_true", help="toy shapes, on a CPU too; writes no result into bench/results")
    parser.add_argument("--models", type=Path, help="where the random weights are kept (default: model/bench-8b, 16 GB)")
    parser.add_argument("--results", type=Path, help="default: bench/results")
    parser.add_argument("--seconds", type=int, default=PART_SECONDS, help="time of this part")
    asked = parser.parse_args(arguments)
    deadline = time.monotonic() + asked.seconds - TRY_SECONDS
    with tempfile.TemporaryDirectory(prefix="tweetstyle-bench-") as temporary:
        defaults = (
            (Path(temporary) / "models", Path(temporary)) if asked.tiny else (ROOT / "model" / "bench-8b", ROOT / "bench" / "results")
        )
        rounds = 2 if asked.seconds >= PART_SECONDS and not asked.tiny else 1
        yield Bench(asked.tiny, asked.models or defaults[0], asked.results or defaults[1], deadline, rounds)


def write_result(bench: Bench, part: str, figures: dict[str, Any]) -> None:
    """results/gpu-PART.json: the figures, with card and versions, and what they are a claim about. Exit 1 where a try failed."""
    head = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "tiny": bench.tiny, "claim": CLAIM, **machine()}
    path = bench.results / f"gpu-{part}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(head | figures, indent=2) + "\n")
    print(text := json.dumps(figures, indent=2))
    if '"failed":' in text:
        sys.exit(f"not all of it was measured; what was stands in {path}")


def machine() -> dict[str, Any]:
    """Card, driver and versions; without a card that is said."""
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    card = subprocess.run(query, capture_output=True, text=True).stdout.strip() if shutil.which("nvidia-smi") else ""
    return {"card": card or "none", "torch_may_take_bytes": CAP if card else None, "versions": installed_versions(LIBRARIES)}


# -- models and documents -----------------------------------------------------------------------------------


def llama3(bench: Bench) -> BaseModel:
    """Llama 3 8B's shapes, made once (a minute or two)."""
    # The adapter is written last.
    if not (bench.models / "adapter" / "adapter_model.safetensors").is_file():
        make(bench.models, *model_shape(bench))
    return read_base_model(bench.models / "base")


def llama31(bench: Bench) -> BaseModel:
    """The same weights with Llama 3.1's 131,072 positions (its scaling of the frequencies changes no shape)."""
    base, long = llama3(bench), bench.models / "llama31"
    long.mkdir(exist_ok=True)
    for file in base.path.iterdir():
        if file.name != "config.json" and not (long / file.name).exists():
            (long / file.name).symlink_to(file.resolve())
    (long / "config.json").write_text(json.dumps(config(*model_shape(bench), positions=131072), indent=2))
    return read_base_model(long)


def model_shape(bench: Bench) -> tuple[int, int, int]:
    """Layers, hidden size and vocabulary."""
    return (1, 64, 384) if bench.tiny else (32, 4096, 128256)


def model_section(base: BaseModel, r: int = 32) -> Model:
    """qlora where 4 bits can be had: on a card."""
    return Model(base=base.path, method="qlora" if has_card() else "lora", lora=Lora(r=r, lora_alpha=2 * r))


def training_section(bench: Bench, **changes: Any) -> Training:
    """The 12 GB recipe's settings, but for a paged optimizer, whose states would be outside the cap."""
    settings = {
        "max_length": bench.length, "per_device_train_batch_size": 1, "gradient_accumulation_steps": 1 if bench.tiny else 8,
        "optim": "adamw_8bit", "gradient_checkpointing": "unsloth", "samples": 0, "bf16": has_bf16(),
    }  # fmt: skip
    return Training(**settings | changes)


def has_card() -> bool:
    import torch

    return torch.cuda.is_available()


def has_bf16() -> bool:
    """Without it all ways compute in fp32, as the product does: on a CPU, and on a card older than Ampere.

    Asked of nvidia-smi: by torch, the process that only starts the tries would take its own part of the card.
    """
    cards = observe_card(os.environ).cards
    return has_card() and bool(cards) and (cards[0].capability or BF16) >= BF16


def tweet_lengths() -> list[int]:
    """About the tokens of each of the sample's tweets and its prompt."""
    with (ROOT / "data" / "sample" / "tweets.csv").open(encoding="utf-8", newline="") as stream:
        texts = [row["texte"] for row in csv.DictReader(stream)]
    return [PROMPT_TOKENS + max(1, round(len(text.encode()) / BYTES_A_TOKEN)) for text in texts]


def random_documents(base: BaseModel, count: int, most: int) -> list[Document]:
    """Documents of the sample tweets' lengths, their ids random, the last the end; loss on what follows the prompt."""
    import numpy as np

    random, lengths = np.random.default_rng(0), tweet_lengths()
    documents = []
    for number in range(count):
        length = min(lengths[number % len(lengths)], most)
        ids = random.integers(0, 256, length).tolist()[:-1] + [base.eos_id]
        prompt = min(PROMPT_TOKENS, length - 1)
        documents.append(Document(ids, [-100] * prompt + ids[prompt:], length))
    return documents


# -- tries --------------------------------------------------------------------------------------------------


def attempt(bench: Bench, work: Callable[..., Any], **arguments: Any) -> Any:
    """work(bench, **arguments) in a fresh process with the card made small. {"out_of_memory": …} where memory ran out.

    What failed otherwise, which is not the card's fault, is {"failed": …}: the other tries are worth something without it.
    """
    passed = {"work": [work.__module__, work.__qualname__], "arguments": arguments, "left": bench.deadline - time.monotonic()}
    passed |= {"tiny": bench.tiny, "models": str(bench.models), "results": str(bench.results)}
    command = [sys.executable, "-m", "bench.gpu.shared", json.dumps(passed)]
    try:
        # The parent is ended at the deadline and TRY_SECONDS; it still has to write what was measured.
        limit = max(bench.deadline - time.monotonic(), 0) + TRY_SECONDS - 10
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=limit)
    except subprocess.TimeoutExpired:
        return {"failed": "it did not end in the time of its part"}
    if done.returncode:
        print(f"{work.__qualname__}({arguments}) failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}", file=sys.stderr)
        return {"failed": _first_line_of_error(done.stderr) or f"exit {done.returncode}"}
    return json.loads(done.stdout.splitlines()[-1])


def _first_line_of_error(stderr: str) -> str:
    """Of the last traceback; the last line where there is none."""
    _, traceback, said = stderr.strip().rpartition("Traceback (most recent call last):\n")
    lines = [line for line in said.splitlines() if not line.startswith(" ")] or [""]
    return lines[0 if traceback else -1]


def _within_memory(work: Callable[..., Any], bench: Bench, arguments: dict[str, Any]) -> Any:
    from tweetstyle.train.failures import OutOfMemory, within_memory

    done = within_memory(lambda: work(bench, **arguments))
    return {"out_of_memory": done.message} if isinstance(done, OutOfMemory) else done


def make_the_card_small() -> None:
    """Before Unsloth is imported: torch may take CAP bytes, and whoever asks for the card's memory is told of such a card.

    Unsloth sizes its tiles by the free memory, and those of its loss by the card's whole (unsloth_zoo/fused_losses/fused_linear.py).
    """
    import torch

    if not torch.cuda.is_available():
        return
    total, properties, memory = torch.cuda.mem_get_info()[1], torch.cuda.get_device_properties, torch.cuda.mem_get_info
    torch.cuda.set_per_process_memory_fraction(min(CAP / total, 1.0))

    def small_memory(device: Any = None) -> tuple[int, int]:
        free, _ = memory(device)
        return max(min(free, CAP - torch.cuda.memory_reserved(device)), 0), min(CARD, total)

    class Small:
        def __init__(self, real: Any) -> None:
            self._real, self.total_memory = real, min(CARD, real.total_memory)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

    torch.cuda.mem_get_info = torch.cuda.memory.mem_get_info = small_memory
    torch.cuda.get_device_properties = lambda device=None: Small(properties(device))


def attention_backend() -> str:
    """What computes packed attention under Unsloth. Ends the bench where that is one call for each tweet: no fair figure."""
    if not has_card():
        return "SDPA on a CPU"
    import torch
    from unsloth.utils import attention_dispatch

    chosen, older = attention_dispatch.select_attention_backend(use_varlen=True), torch.cuda.get_device_capability() < BF16
    if chosen == attention_dispatch.SDPA and (older or attention_dispatch._TORCH_VARLEN_ATTN is None):
        sys.exit(f"no kernel for packed tweets on this card: in a fresh clone, {SETUP[older]} installs one")
    return chosen


def main() -> None:
    """One try, in this fresh process; its result is the last line."""
    passed = json.loads(sys.argv[1])
    with tempfile.TemporaryDirectory() as compiled:
        # As the product sets it for a run, and the same for all ways.
        prepare_environment(Path(compiled))
        make_the_card_small()
        bench = Bench(passed["tiny"], Path(passed["models"]), Path(passed["results"]), time.monotonic() + passed["left"])
        module, name = passed["work"]
        result = _within_memory(getattr(importlib.import_module(module), name), bench, passed["arguments"])
    print("\n" + json.dumps(result))


if __name__ == "__main__":
    # As the module that the parts import, not as __main__: one Bench.
    importlib.import_module("bench.gpu.shared").main()

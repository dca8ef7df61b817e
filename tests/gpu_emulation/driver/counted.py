"""Counts the memory of runs on the emulated card:  python -m gpu_emulation.driver.counted CELLS.json OUT.jsonl

A process of its own (the driver is preloaded). CELLS.json is a list of cells of one model, which the product's own code loads. For
each cell it is trained as the probe does, validated, and writes samples; OUT.jsonl gets a line with the peaks of every phase, the last one
also with what is left on the card when the model is gone.
"""

import ctypes
import json
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gpu_emulation.driver.cell import STEPS, Cell

FIRST = "first micro-batch"
DOCUMENT = 50
"""Tokens of a document in a pack, about: as a tweet with its prompt."""


def run(cells: list[Cell], out: Path) -> None:
    """Sets the card up, loads the model once, goes through the cells; each appends a JSON line to `out`.

    All need the same model: Unsloth never lets go of all of one, so that a second would be counted with what the first has left.
    """
    import torch

    from tweetstyle.hardware.gpu import DISPLAY
    from tweetstyle.model.base import read_base_model
    from tweetstyle.plan.memory import CUDA_CONTEXT
    from tweetstyle.train import trainer as product

    assert len({cell.loads() for cell in cells}) == 1, "one process loads one model"
    first, model, load = cells[0], None, {}
    DRIVER.fake_card(ctypes.c_size_t(round(first.card_gib * 2**30)), ctypes.c_size_t(CUDA_CONTEXT + DISPLAY), first.enforced)
    for cell in cells:
        peaks: dict[str, dict[str, int]] = dict(load)
        line: dict[str, Any] = asdict(cell) | {"peaks": peaks, "out_of_memory": None}
        try:
            if model is None:
                with counting(peaks, "load"):
                    model = product.load_model(read_base_model(Path(cell.base)), cell.model, cell.settings)
                load = dict(peaks)
            else:
                product.begin_again(model[0], None)
            line["embeddings_in_ram"] = model[0].get_input_embeddings().weight.device.type == "cpu"
            _train(cell, *model, peaks)
        except torch.OutOfMemoryError as error:
            line["out_of_memory"] = {"phase": next(reversed(peaks)), "said": str(error).split(" GPU ")[0]}
        if cell is cells[-1]:
            model = None
            product.release_after_training()
            line["left"] = torch.cuda.memory_reserved()
        with out.open("a") as stream:
            stream.write(json.dumps(line) + "\n")


def _train(cell: Cell, loaded: Any, tokenizer: Any, peaks: dict[str, dict[str, int]]) -> None:
    """A few steps over the longest packs by the product's trainer, and after the last one the other phases, as in a run."""
    from datasets import Dataset
    from transformers import TrainerCallback
    from transformers.trainer_utils import SaveStrategy

    from tweetstyle.train import trainer as product
    from tweetstyle.train.probe import longest_packs

    training = cell.settings
    packs = cell.batch * training.gradient_accumulation_steps
    documents = _documents(cell.max_length * packs * (STEPS + 1))
    with tempfile.TemporaryDirectory() as directory:
        config = product.sft_config(training, Path(directory))
        config.save_strategy = SaveStrategy.NO
        trainer = product.build_trainer(loaded, tokenizer, config, documents[: max(4 * packs, 20)])
        assert all(product.signs_of_packing(trainer).values())
        trainer.train_dataset = Dataset.from_dict(longest_packs(documents, cell.max_length, STEPS * packs))

        class Phases(TrainerCallback):
            def on_substep_end(self, args, state, control, **_) -> None:
                """What is reserved by now decides whether Unsloth takes a second staging buffer."""
                if not peaks[FIRST]:
                    _note(peaks, FIRST)

            def on_step_end(self, args, state, control, model, **_) -> None:
                if state.global_step < STEPS:
                    return
                _note(peaks, "training")
                for phase in cell.phases:
                    with counting(peaks, phase):
                        OTHER_PHASES[phase](model)

        trainer.add_callback(Phases())
        product.release_memory()
        peaks[FIRST] = {}
        with counting(peaks, "training", note=False):
            trainer.train()
    trainer.optimizer = trainer.lr_scheduler = None


def _documents(tokens: int) -> list[Any]:
    from tweetstyle.dataset.examples import Document

    chance, documents, made = random.Random(0), [], 0
    while made < tokens:
        ids = [chance.randrange(300) for _ in range(max(8, round(chance.gauss(DOCUMENT, 0.3 * DOCUMENT))))]
        documents.append(Document(ids, list(ids), len(ids)))
        made += len(ids)
    return documents


def _validate(model: Any) -> None:
    """Forty tweets of 64 tokens, of which 20 are the prompt."""
    from tweetstyle.dataset.examples import Document
    from tweetstyle.train.validation import score

    score(model, [Document([1] * 64, [-100] * 20 + [1] * 44, 64)] * 40, 0)


def _write_samples(model: Any) -> None:
    from unittest.mock import patch

    from tweetstyle.inference import generate as generation
    from tweetstyle.recipe import Training
    from tweetstyle.train.validation import SAMPLING

    draw, count = generation.draw, Training().samples

    def drawn(logits: Any, recent: Any, *others: Any) -> list[int]:
        """Nothing computes, so that the logits are whatever is in memory: what is drawn from them may be no token, and is not taken."""
        draw(logits, recent, *others)
        return [1] * len(recent)

    # No end token among the tokens: each sample is as long as one may get.
    with patch.object(generation, "draw", drawn):
        generation.generate(model, [[1] * 30] * count, SAMPLING, [-1], [(42, row) for row in range(count)])


OTHER_PHASES = {"validation": _validate, "samples": _write_samples}


@contextmanager
def counting(peaks: dict[str, dict[str, int]], phase: str, *, note: bool = True) -> Iterator[None]:
    """Notes the peak inside the block under peaks[phase], an entry made as the block begins."""
    import torch

    torch.cuda.reset_peak_memory_stats()
    DRIVER.fake_reset_peak()
    peaks[phase] = {}
    yield
    if note:
        _note(peaks, phase)


def _note(peaks: dict[str, dict[str, int]], phase: str) -> None:
    import torch

    peaks[phase] = {
        "allocated": torch.cuda.max_memory_allocated(),
        "reserved": torch.cuda.max_memory_reserved(),
        "driver": figures()["most"],
    }


# -- the emulation ---------------------------------------------------------------------------------------------

DRIVER = ctypes.CDLL("libcuda.so.1")


def figures() -> dict[str, int]:
    """What the driver counted: bytes of the card in use and at most, pinned bytes at most, kernels launched, allocations refused."""
    values = (ctypes.c_size_t * 5)()
    DRIVER.fake_figures(values)
    return dict(zip(("used", "most", "pinned", "launches", "refused"), values, strict=True))


def check_emulation() -> None:
    """Raises AssertionError where this process does not run on the emulated card, or the driver does not count what torch takes."""
    import torch

    assert hasattr(DRIVER, "fake_figures"), f"{DRIVER._name} is not the emulated driver: LD_PRELOAD is {os.environ.get('LD_PRELOAD')}"
    assert torch.cuda.get_device_name() == "Emulated card", torch.cuda.get_device_name()
    torch.cuda.empty_cache()
    before, allocated = figures(), torch.cuda.memory_allocated()
    tensor = torch.empty(2**30, dtype=torch.uint8, device="cuda")
    taken = figures()
    assert torch.cuda.memory_allocated() - allocated == 2**30, "torch's allocator does not count"
    assert taken["used"] >= torch.cuda.memory_reserved() >= 2**30, f"the driver counted {taken['used']:,} bytes"
    tensor.fill_(1)
    assert figures()["launches"] > taken["launches"], "no kernel reached the emulated driver"
    del tensor
    torch.cuda.empty_cache()
    assert figures()["used"] <= before["used"], "the driver was not given back what torch let go"


def without_counts_from_the_card() -> None:
    """Replaces two functions of unsloth_zoo that read from the card how many of its numbers are of some kind: there are none."""
    import torch
    import unsloth_zoo.fused_losses.fused_linear as fused_linear
    import unsloth_zoo.tokenizer_utils as tokenizer_utils

    def keep_index(targets, mask, vocabulary, ignored):
        """All targets but the first of each document."""
        kept = max(targets.numel() - targets.numel() // DOCUMENT, 1)
        return torch.arange(kept, device=targets.device), kept

    fused_linear._keep_index = keep_index
    original = tokenizer_utils.fix_untrained_tokens
    for module in list(sys.modules.values()):
        if vars(module).get("fix_untrained_tokens") is original:
            module.fix_untrained_tokens = lambda *_, **__: None


def main() -> None:
    cells, out = (Path(argument) for argument in sys.argv[1:])
    os.environ |= {"HF_HUB_OFFLINE": "1", "UNSLOTH_DISABLE_STATISTICS": "1", "TOKENIZERS_PARALLELISM": "false"}
    import unsloth  # noqa: F401  before trl, transformers and peft

    check_emulation()
    without_counts_from_the_card()
    run([Cell(**settings) for settings in json.loads(cells.read_text())], out)


if __name__ == "__main__":
    main()

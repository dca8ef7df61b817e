"""Counts the memory of trainings: the product's own code loads a model, trains it as the probe does, validates, and writes samples."""

import random
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bench.memory.cell import STEPS, Cell
from bench.memory.counting import Peaks, card_of, check_emulation, counting, note, out_of_memory
from tweetstyle.dataset.examples import Document

FIRST = "first micro-batch"
DOCUMENT = 50
"""Tokens of a document in a pack, about: as a tweet with its prompt."""


def _no_gradient(*_: Any, **__: Any) -> None:
    raise RuntimeError("not before the fork")


WITHOUT_GRADIENTS = patch("torch.Tensor.backward", _no_gradient)


def prepare(directory: Path) -> None:
    """Before Unsloth is imported, which computes a gradient that it can do without (unsloth_zoo/temporary_patches/moe_fused_swiglu.py).

    With a card, autograd has threads after its first gradient, and refuses to compute in a fork.
    """
    WITHOUT_GRADIENTS.start()


def count(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each cell with the peaks of every phase, the last one also with the bytes that torch keeps when the model is gone.

    All need the same model, which is loaded once: Unsloth never lets go of all of one, so that a second would be counted with what the
    first has left.
    """
    import torch

    from tweetstyle.hardware.gpu import DISPLAY
    from tweetstyle.plan.memory import CUDA_CONTEXT

    WITHOUT_GRADIENTS.stop()
    # The card that Unsloth looked at when it was imported has no state that a fork could harm.
    torch.cuda._is_in_bad_fork = lambda: False
    check_emulation()
    without_counts_from_the_card()
    todo = [Cell(**cell) for cell in cells]
    assert len({cell.loads() for cell in todo}) == 1, "one process loads one model"
    card_of(todo[0].card_gib, CUDA_CONTEXT + DISPLAY, todo[0].enforced)
    return _count(todo)


def _count(cells: list[Cell]) -> list[dict[str, Any]]:
    import torch

    from tweetstyle.model.base import read_base_model
    from tweetstyle.train import trainer as product

    model, load, lines = None, {}, []
    for cell in cells:
        peaks: Peaks = dict(load)
        lines.append(line := asdict(cell) | {"peaks": peaks, "out_of_memory": None})
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
            line["out_of_memory"] = out_of_memory(peaks, error)
    model = None
    product.release_after_training()
    line["left"] = torch.cuda.memory_reserved()
    return lines


def _train(cell: Cell, loaded: Any, tokenizer: Any, peaks: Peaks) -> None:
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
                    note(peaks, FIRST)

            def on_step_end(self, args, state, control, model, **_) -> None:
                if state.global_step < STEPS:
                    return
                note(peaks, "training")
                for phase, work in (("validation", _validate), ("samples", _write_samples)):
                    with counting(peaks, phase):
                        work(model)

        trainer.add_callback(Phases())
        product.release_memory()
        peaks[FIRST] = {}
        with counting(peaks, "training", noted=False):
            trainer.train()
    trainer.optimizer = trainer.lr_scheduler = None


def _documents(tokens: int) -> list[Document]:
    chance, documents, made = random.Random(0), [], 0
    while made < tokens:
        ids = [chance.randrange(300) for _ in range(max(8, round(chance.gauss(DOCUMENT, 0.3 * DOCUMENT))))]
        documents.append(Document(ids, list(ids), len(ids)))
        made += len(ids)
    return documents


def _validate(model: Any) -> None:
    """Forty tweets of 64 tokens, of which 20 are the prompt."""
    from tweetstyle.train.validation import score

    score(model, [Document([1] * 64, [-100] * 20 + [1] * 44, 64)] * 40, 0)


def _write_samples(model: Any) -> None:
    from tweetstyle.inference import generate as generation
    from tweetstyle.recipe import Training
    from tweetstyle.train.validation import SAMPLING

    count = Training().samples
    # No end token among the tokens: each sample is as long as one may get.
    with patch.object(generation, "draw", drawn_as(1)):
        generation.generate(model, [[1] * 30] * count, SAMPLING, [-1], [(42, row) for row in range(count)])


def drawn_as(token: int) -> Any:
    """`draw` at its largest, whose result is not taken: nothing computes, so that the logits are whatever is in memory.

    On them depends which rows the likeliest tokens decide, and how many tokens are sorted for the others: here no row, and all tokens.
    """
    from tweetstyle.inference import generate as generation

    draw = generation.draw

    def undecided(logits: Any, recent: Any, *_: Any) -> list[None]:
        return [None] * len(recent)

    def drawn(logits: Any, recent: Any, *others: Any) -> list[int]:
        with patch.multiple(generation, LIKELIEST=logits.shape[1], _among_the_first=undecided):
            draw(logits, recent, *others)
        return [token] * len(recent)

    return drawn


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

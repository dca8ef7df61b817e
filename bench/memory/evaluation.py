"""Counts the memory of what follows a training:  python -m bench.memory.evaluation CELL

A process without Unsloth, as in a run, beside the one that trained, which still holds its CUDA context and what Unsloth keeps. The
trained model is loaded by the product's own code for each phase: as it is measured when the training ends, scored, and lets write.
CELL is JSON; the last line that is printed is the cell with the peaks of every phase.
"""

import gc
import json
import os
import random
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bench.memory.cell import Cell
from bench.memory.counting import Peaks, card_of, check_emulation, counting, out_of_memory
from bench.memory.training import drawn_as

TOKENS, PROMPT = 64, 20
"""Of a tweet with its prompt, and of the prompt."""
DOCUMENTS, EXAMPLES = 60, 20
"""Tweets that are scored, and tweets that the base model is shown (recipe: evaluation.examples)."""


def count(cell: Cell) -> dict[str, Any]:
    """Goes through the phases of the cell."""
    import torch

    from tweetstyle.model.base import read_base_model

    base, peaks = read_base_model(Path(cell.base)), Peaks()
    line: dict[str, Any] = asdict(cell) | {"peaks": peaks, "out_of_memory": None}
    try:
        for phase, work in PHASES.items():
            gc.collect()
            torch.cuda.empty_cache()
            with tempfile.TemporaryDirectory() as directory, counting(peaks, phase):
                work(base, Path(cell.adapter), cell.method, Path(directory))
    except torch.OutOfMemoryError as error:
        line["out_of_memory"] = out_of_memory(peaks, error)
    return line


def _documents(count: int) -> list[Any]:
    """Tweets that have their prompt in common."""
    from tweetstyle.model.tokenizer import Encoded

    chance = random.Random(0)
    prompt = [chance.randrange(300) for _ in range(PROMPT)]
    return [Encoded(prompt + [chance.randrange(300) for _ in range(TOKENS - PROMPT)], PROMPT) for _ in range(count)]


def _measure(base: Any, adapter: Path, method: str, directory: Path) -> None:
    """As when a training ends and the adapter's scale is chosen, of two: nothing computes, so that losses cannot choose how many are tried.

    The digests of the 4-bit weights are left out: they are computed in RAM.
    """
    import numpy as np

    from tweetstyle.dataset.held_out import HeldOut
    from tweetstyle.inference.likelihood import TunedModel
    from tweetstyle.train import final_scores

    def of_two(nats_at: Callable[[float], Any], sample: HeldOut) -> final_scores.AdapterScale:
        for scale in (1.0, 1.2):
            nats_at(scale)
        return final_scores.AdapterScale()

    documents = _documents(DOCUMENTS)
    validation = HeldOut([], documents, np.ones(DOCUMENTS), 0)
    with patch("tweetstyle.model.nf4.record", lambda model: {}), patch.object(final_scores, "choose_scale", of_two):
        tuned = TunedModel(base, adapter, method)
        final_scores._measure(tuned, "bfloat16", documents, documents, directory / "imatrix.gguf", validation)


def _score(base: Any, adapter: Path, method: str, directory: Path) -> None:
    from tweetstyle.inference.likelihood import Reading, TunedModel, score_readings

    documents = _documents(DOCUMENTS)
    shown = Reading(documents, _shown())
    score_readings(TunedModel(base, adapter, method), {"prompt": Reading(documents), "examples": shown}, {"prompt": Reading(documents)})


def _write(base: Any, adapter: Path, method: str, directory: Path) -> None:
    """One batch by the tuned model, and one by the base model that is shown tweets, each as long as an answer may get.

    Nothing computes, so that the end of an answer is not seen on the card, and what was written is no text.
    """
    from tweetstyle.evaluate import samples
    from tweetstyle.evaluate.baselines import Examples, ModelPair
    from tweetstyle.inference import generate as generation
    from tweetstyle.prompt.template import build_template
    from tweetstyle.recipe import Sampling

    template, sampling = build_template("text", "x", base.tokens), Sampling()
    asked = {who: [samples.WritingPrompt(number, None, "Tweet", "x") for number in range(64)] for who in (samples.TUNED, samples.EXAMPLES)}
    writing = samples.Writing(ModelPair(base, adapter, method, template), Examples(1, _shown()), sampling, 42, {})
    files = {who: samples.AnswerFile(directory / f"{who}.jsonl", "x") for who in asked}

    def unequal(base: Any, template: Any, prompts: Any, beginning: Any) -> list[list[int]]:
        """Of unequal length, as prompts are."""
        return [[*beginning, *(7 * number + place for place in range(PROMPT - number % 4))] for number in range(64)]

    with (
        patch.object(generation, "draw", drawn_as(7)),
        patch.object(samples, "as_read", return_value=""),
        patch.object(samples, "prompt_ids", unequal),
    ):
        samples._write_by_models(writing, asked, {who: [0] for who in asked}, files)


def _shown() -> list[int]:
    return [id for document in _documents(EXAMPLES) for id in document.ids]


PHASES: dict[str, Callable[[Any, Path, str, Path], None]] = {"measuring": _measure, "scoring": _score, "tweets": _write}


def main() -> None:
    from tweetstyle.hardware.gpu import DISPLAY
    from tweetstyle.plan.memory import CUDA_CONTEXT

    cell = Cell(**json.loads(sys.argv[1]))
    # Before torch asks: the evaluation takes the size of its batches from it. A context is this process's, one the training's.
    card_of(cell.card_gib, 2 * CUDA_CONTEXT + cell.left + DISPLAY, cell.enforced)
    # The allocator is set up as the training's process leaves it to its children (unsloth_zoo/__init__.py).
    os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "PYTORCH_ALLOC_CONF": "expandable_segments:True"}
    check_emulation()
    print("\n" + json.dumps(count(cell)))


if __name__ == "__main__":
    main()

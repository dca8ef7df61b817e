"""The probe's steps, carried out by the run's own trainer."""

from __future__ import annotations

# isort: off
from tweetstyle.train.trainer import CPU, build_trainer, release_memory, sft_config
import torch
from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.trainer_utils import SaveStrategy
# isort: on

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tweetstyle.dataset.examples import Document
from tweetstyle.hardware import wsl
from tweetstyle.recipe import Training
from tweetstyle.train.callback import PhaseKeeper, peak_memory
from tweetstyle.train.out_of_memory import STEP, VALIDATION
from tweetstyle.train.probe import COUNTED, MOST_STEPS, Measured, longest_packs, probe_training


def few_steps(
    loaded: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    training: Training,
    documents: list[Document],
    directory: Path,
    clock: StepClock | None = None,
) -> Measured:
    """A few real steps over the longest packs, timed, with their peak of memory. Leaves the model changed: begin_again.

    clock: ends the probe when enough steps are counted; where memory runs out its `phase` says in what.
    """
    clock = clock or StepClock()
    few = probe_training(training)
    config = sft_config(few, directory)
    config.save_strategy = SaveStrategy.NO
    packs = few.per_device_train_batch_size * few.gradient_accumulation_steps
    trainer = build_trainer(loaded, tokenizer, config, documents[:packs])
    trainer.train_dataset = Dataset.from_dict(longest_packs(documents, few.max_length, MOST_STEPS * packs))
    trainer.add_callback(clock)
    release_memory()
    if not CPU:
        torch.cuda.reset_peak_memory_stats()
    with clock.watching_triton():
        trainer.train()
    if wsl.card_is_full():
        # WSL raises no such error itself: what does not fit is moved to RAM.
        raise torch.OutOfMemoryError(f"CUDA out of memory: more than {wsl.FULL:.0%} of the card is taken, and WSL moves the rest to RAM")
    peak = peak_memory() if CPU else torch.cuda.max_memory_allocated()
    reserved = None if CPU else torch.cuda.max_memory_reserved()
    return Measured(clock.seconds, clock.counted, packs * few.max_length, peak, reserved)


class StepClock(PhaseKeeper):
    """The seconds of each optimizer step, the card's work included; after the last one scores a batch, as a validation does.

    counted: how many of the last steps ran after compilation had settled: packs of other lengths can compile a kernel again.
    """

    def __init__(self, score: Callable[[Any], object] = lambda model: None) -> None:
        self.score = score
        self.seconds: list[float] = []
        self.counted = 0
        self._since, self._compiled, self._by_triton = 0.0, 0, 0

    def on_step_begin(self, args, state, control, **others) -> None:
        super().on_step_begin(args, state, control, **others)
        self._since, self._compiled = self._now(), self._compilations()

    def on_step_end(self, args, state, control, **_) -> None:
        self.seconds.append(self._now() - self._since)
        settled = self._compilations() == self._compiled and len(self.seconds) > 1
        self.counted = self.counted + 1 if settled else 0
        if self.counted == COUNTED:
            control.should_training_stop = True

    def on_train_end(self, args, state, control, model, **_) -> None:
        self.phase = VALIDATION
        self.score(model)
        self.phase = STEP

    @contextmanager
    def watching_triton(self) -> Iterator[None]:
        """Inside the block the kernels that Triton compiles are counted; where no library has imported it there are none."""
        knobs = getattr(sys.modules.get("triton"), "knobs", None)
        if knobs is None:
            yield
            return
        before = knobs.compilation.listener

        def count(**compiled: Any) -> None:
            self._by_triton += 1
            if before:
                before(**compiled)

        knobs.compilation.listener = count
        try:
            yield
        finally:
            knobs.compilation.listener = before

    def _compilations(self) -> int:
        """Kernels of Triton and graphs of torch.compile so far."""
        from torch._dynamo.utils import counters

        return self._by_triton + counters["stats"]["unique_graphs"]

    @staticmethod
    def _now() -> float:
        if not CPU:
            torch.cuda.synchronize()
        return time.perf_counter()

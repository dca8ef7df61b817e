"""The probe's steps, carried out by the run's own trainer. Imports unsloth."""

from __future__ import annotations

# isort: off
from tweetstyle.fit.trainer import CPU, build_trainer, release_memory, sft_config
import torch
from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback
from transformers.trainer_utils import SaveStrategy
# isort: on

import time
from pathlib import Path

from tweetstyle.fit.callback import peak_memory
from tweetstyle.fit.documents import Document
from tweetstyle.fit.probe import Measured, longest_packs, probe_training
from tweetstyle.recipe import Training


def few_steps(
    loaded: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, training: Training, documents: list[Document], directory: Path
) -> Measured:
    """probe.STEPS real steps over the longest packs, timed, with their peak of memory. Leaves the model changed: begin_again."""
    few = probe_training(training)
    config = sft_config(few, directory)
    config.save_strategy = SaveStrategy.NO
    packs = few.per_device_train_batch_size * few.gradient_accumulation_steps
    trainer = build_trainer(loaded, tokenizer, config, documents[:packs])
    trainer.train_dataset = Dataset.from_dict(longest_packs(documents, few.max_length, few.max_steps * packs))
    clock = StepClock()
    trainer.add_callback(clock)
    release_memory()
    if not CPU:
        torch.cuda.reset_peak_memory_stats()
    trainer.train()
    peak = peak_memory() if CPU else torch.cuda.max_memory_allocated()
    return Measured(clock.seconds, packs * few.max_length, peak, None if CPU else torch.cuda.max_memory_reserved())


class StepClock(TrainerCallback):
    """The seconds of each optimizer step, the card's work included."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._since = 0.0

    def on_step_begin(self, args, state, control, **_) -> None:
        self._since = self._now()

    def on_step_end(self, args, state, control, **_) -> None:
        self.seconds.append(self._now() - self._since)

    @staticmethod
    def _now() -> float:
        if not CPU:
            torch.cuda.synchronize()
        return time.perf_counter()

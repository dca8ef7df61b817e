"""tune: a short training with each learning rate, from the same weights on the same packs."""

from __future__ import annotations

# isort: off
# First: it imports unsloth, which must come before transformers.
from tweetstyle.locale import _
from tweetstyle.train import trainer as unsloth_trainer
from transformers import TrainerCallback, TrainerControl, TrainerState
from transformers.trainer_utils import SaveStrategy
# isort: on

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tweetstyle.console import as_rate
from tweetstyle.dataset.examples import Document
from tweetstyle.progress import TrainingProgress
from tweetstyle.recipe import Training
from tweetstyle.train import failures
from tweetstyle.train.failures import LOADING, STEP, OutOfMemory, within_memory
from tweetstyle.train.inputs import FitInputs, check_packed
from tweetstyle.train.validation import losses_by_document


@dataclass(frozen=True)
class ShortTrainings:
    """What is trained on, and the validation documents that are scored after each training. directory: for the libraries' files."""

    inputs: FitInputs
    documents: list[Document]
    held_out: list[Document]
    directory: Path


def train_with_each(
    short: ShortTrainings, rates: Iterable[float], keep: Callable[[float, np.ndarray | None], None], progress: TrainingProgress
) -> None:
    """Loads the model once, and trains it from its first weights with each rate.

    Args:
        rates: the next one is taken when `keep` has been called for the one before.
        keep: called with a rate and the nats of each held-out document, float64 [n]; None where the loss became NaN or infinite.

    Raises:
        TweetstyleError: memory ran out.
    """
    inputs = short.inputs
    unsloth_trainer.check_device(inputs.model)
    progress.phase(_("loading the base model"))
    loaded = within_memory(partial(unsloth_trainer.load_model, inputs.base, inputs.model, inputs.training))
    if isinstance(loaded, OutOfMemory):
        raise _too_large(inputs, loaded, LOADING)
    model, tokenizer = loaded
    first = unsloth_trainer.trained_weights(model)
    for rate in rates:
        training = inputs.training.model_copy(update={"learning_rate": rate})
        nats = within_memory(partial(_train, short, training, model, tokenizer, progress))
        if isinstance(nats, OutOfMemory):
            raise _too_large(inputs, nats, STEP)
        keep(rate, nats)
        unsloth_trainer.begin_again(model, first)
    unsloth_trainer.release_after_training()


def _train(short: ShortTrainings, training: Training, model: Any, tokenizer: Any, progress: TrainingProgress) -> np.ndarray | None:
    config = unsloth_trainer.sft_config(training, short.directory)
    config.save_strategy, config.logging_steps = SaveStrategy.NO, 1
    trainer = unsloth_trainer.build_trainer(model, tokenizer, config, short.documents)
    check_packed(unsloth_trainer.signs_of_packing(trainer))
    watch = _Watch(progress, as_rate(training.learning_rate))
    trainer.add_callback(watch)
    trainer.train()
    progress.phase(_("validating"))
    nats = losses_by_document(model, short.held_out, short.inputs.base.pad_id)
    return nats if watch.finite and np.isfinite(nats).all() else None


class _Watch(TrainerCallback):
    """Shows the steps, and ends a training that diverged."""

    def __init__(self, progress: TrainingProgress, rate: str) -> None:
        self.progress, self.rate, self.finite = progress, rate, True

    def on_train_begin(self, args, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.progress.start(0, state.max_steps)

    def on_log(self, args, state: TrainerState, control: TrainerControl, logs: dict[str, float], **others: Any) -> None:
        if "loss" not in logs:
            return
        self.finite = math.isfinite(logs["loss"])
        if not self.finite:
            control.should_training_stop = True
        self.progress.phase(_("training with {rate}", rate=self.rate), _("loss {loss:.3f}", loss=logs["loss"]))
        self.progress.advance(1)


def _too_large(inputs: FitInputs, why: OutOfMemory, phase: str) -> Exception:
    return failures.does_not_fit(inputs.base, inputs.model, inputs.training, unsloth_trainer.card_memory(), why, phase)

"""Loads the model, probes, trains, and retries with half the batch."""

# isort: off
# First: it imports unsloth, which must come before transformers.
from tweetstyle.locale import _
from tweetstyle.train import trainer as unsloth_trainer
import torch
from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.trainer_utils import SaveStrategy
# isort: on

import json
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from tweetstyle.dataset.examples import Document
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import complete_file
from tweetstyle.model.nf4 import record
from tweetstyle.plan.memory import duration
from tweetstyle.plan.probe import PROBE, REMEMBERED, decisive_settings, in_words, read_probe, remembered
from tweetstyle.plan.schedule import usual_rate
from tweetstyle.progress import TrainingProgress
from tweetstyle.recipe import Training
from tweetstyle.train import failures, probe
from tweetstyle.train.callback import (
    PinnedMemoryWatch,
    RunKeeper,
    StepClock,
    Validation,
    peak_memory,
    saves_before_it_stops,
)
from tweetstyle.train.checkpoints import Checkpoint, resume_point
from tweetstyle.train.failures import LOADING, STEP, OutOfMemory, within_memory
from tweetstyle.train.inputs import FitRun, check_packed
from tweetstyle.train.validation import largest_batch, sample_writer, score


def run_session(run: FitRun, newest: Checkpoint | None, progress: TrainingProgress) -> int | None:
    """Trains from a checkpoint or the base model on. Leaves no model in memory.

    Returns the step at which the run was interrupted, None where it came to its end.
    """
    unsloth_trainer.check_device(run.model)
    stopped_at = _Session(run, progress).until_it_ends(newest)
    unsloth_trainer.release_after_training()
    return stopped_at


class _Session:
    """The loaded model, and the settings under which it fits: the recipe's, or with a smaller batch."""

    def __init__(self, run: FitRun, progress: TrainingProgress) -> None:
        self.run, self.progress = run, progress
        self.training = remembered(run.directory, run.training)
        if self.training != run.training:
            values = {"batch": in_words(self.training), "file": run.directory / REMEMBERED}
            progress.say(_("continuing with {batch}, because memory ran out before ({file})", **values))
        progress.phase(_("loading the base model"))
        loaded = within_memory(partial(unsloth_trainer.load_model, run.base, run.model, run.training))
        if isinstance(loaded, OutOfMemory):
            unsloth_trainer.release_memory()
            raise self._end(loaded, LOADING)
        self.loaded, self.tokenizer = loaded
        if run.model.method == "qlora":
            # Digests of the 4-bit weights, by which those made again for the export are recognised.
            with complete_file(run.directory / "nf4.json") as stream:
                json.dump(record(self.loaded), stream, indent=1)

    def until_it_ends(self, newest: Checkpoint | None) -> int | None:
        initial = unsloth_trainer.trained_weights(self.loaded)
        self._probe(initial, newest)
        while True:
            keeper = self._keeper()
            ended = within_memory(partial(self._train, newest, keeper))
            if not isinstance(ended, OutOfMemory):
                return ended
            newest = resume_point(self.run.directory, self.run.metrics, self.progress.say)
            self._back_off(ended, keeper.phase, newest, None if newest else initial)

    def _probe(self, initial: dict[str, Any], newest: Checkpoint | None) -> None:
        """Measures, and halves the batch until it fits. Leaves the model, and all that is random, as it was before."""
        run = self.run
        device, card = unsloth_trainer.device_name(), not unsloth_trainer.CPU
        settings = decisive_settings(run.base.path, run.model, self.training)
        if not probe.is_due(read_probe(run.directory), self.training, settings, device, card=card):
            return
        while True:
            self.progress.phase(_("probing memory and speed"))
            clock = StepClock(partial(score, documents=largest_batch(run.held_out), pad_id=run.base.pad_id))
            steps = partial(few_steps, self.loaded, self.tokenizer, self.training, run.documents, run.directory, clock)
            measured = within_memory(steps)
            if not isinstance(measured, OutOfMemory):
                break
            self._back_off(measured, clock.phase, newest, initial)
        unsloth_trainer.begin_again(self.loaded, initial)
        seen = probe.probe_of(measured, run.base, run.model, self.training, device, card=unsloth_trainer.card_memory())
        with complete_file(run.directory / PROBE) as stream:
            json.dump(asdict(seen), stream, indent=1)
        self.progress.say(_("probe, {measured}", measured=seen.in_words()))
        hours = run.plan.tokens * run.plan.epochs / seen.tokens_per_second / 3600
        self.progress.say(_("training will take about {time}, plus validation", time=duration(hours)))

    def _back_off(self, why: OutOfMemory, phase: str, newest: Checkpoint | None, weights: dict[str, Any] | None) -> None:
        """Continues with half the batch, here and when resumed. Raises TweetstyleError where that does not help."""
        unsloth_trainer.begin_again(self.loaded, weights)
        print(f"out of memory in {phase} with {in_words(self.training)}: {why.message}", file=sys.stderr)
        smaller = failures.with_half_the_batch(self.training) if phase == STEP else None
        if smaller is None:
            raise self._end(why, phase)
        self.training = smaller
        failures.remember(self.run.directory, smaller, why)
        batch = {"batch": smaller.per_device_train_batch_size, "accumulation": smaller.gradient_accumulation_steps}
        self.run.metrics.append({"step": newest.step if newest else 0, "out_of_memory": why.message} | batch | {"seconds": 0.0})
        values = {"phase": _(phase), "batch": in_words(smaller)}
        self.progress.say(_("out of memory in {phase}: continuing with {batch}, as many packs per step", **values))

    def _end(self, why: OutOfMemory, phase: str) -> TweetstyleError:
        return failures.does_not_fit(self.run.base, self.run.model, self.training, unsloth_trainer.card_memory(), why, phase)

    def _train(self, newest: Checkpoint | None, keeper: RunKeeper) -> int | None:
        run, training, progress = self.run, self.training, self.progress
        config = unsloth_trainer.sft_config(training, run.directory)
        progress.phase(_("packing"))
        trainer = unsloth_trainer.build_trainer(self.loaded, self.tokenizer, config, run.documents)
        check_packed(unsloth_trainer.signs_of_packing(trainer))
        trainer.add_callback(keeper)
        trainer.add_callback(PinnedMemoryWatch(progress.say))
        values = {"device": unsloth_trainer.device_in_words(config), "packs": run.plan.steps.packs, "steps": run.plan.steps.steps}
        progress.say(_("{device}; {packs} packs, {steps} steps", **values))
        if newest:
            progress.say(_("resuming from {checkpoint}", checkpoint=newest.path.name))
        with saves_before_it_stops(keeper):
            trainer.train(resume_from_checkpoint=str(newest.path) if newest else None)
        return trainer.state.global_step if keeper.interrupted_by and not keeper.finished else None

    def _keeper(self) -> RunKeeper:
        run = self.run
        samples = sample_writer(run.base, run.template, self.training, *run.splits) if self.training.samples else None
        validation = Validation(partial(score, documents=run.held_out, pad_id=run.base.pad_id), samples, run.validated)
        usual = usual_rate(run.model.method, run.base.config["hidden_size"])
        return RunKeeper(self.training, run.directory, run.metrics, validation, self.progress, usual)


# -- the probe's steps --------------------------------------------------------------------------------------


def few_steps(
    loaded: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    training: Training,
    documents: list[Document],
    directory: Path,
    clock: StepClock | None = None,
) -> probe.Measured:
    """A few real steps over the longest packs, timed, with their peak of memory. Leaves the model changed: begin_again.

    clock: where memory runs out, its `phase` says in what.
    """
    clock = clock or StepClock()
    few = probe.probe_training(training)
    config = unsloth_trainer.sft_config(few, directory)
    config.save_strategy = SaveStrategy.NO
    packs = few.per_device_train_batch_size * few.gradient_accumulation_steps
    trainer = unsloth_trainer.build_trainer(loaded, tokenizer, config, documents[:packs])
    trainer.train_dataset = Dataset.from_dict(probe.longest_packs(documents, few.max_length, probe.STEPS * packs))
    trainer.add_callback(clock)
    unsloth_trainer.release_memory()
    if not unsloth_trainer.CPU:
        torch.cuda.reset_peak_memory_stats()
    trainer.train()
    peak = peak_memory() if unsloth_trainer.CPU else torch.cuda.max_memory_allocated()
    reserved = None if unsloth_trainer.CPU else torch.cuda.max_memory_reserved()
    return probe.Measured(clock.seconds, packs * few.max_length, peak, reserved)

"""Loads the model, probes, trains, and retries with half the batch."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tweetstyle.errors import TweetstyleError
from tweetstyle.plan.memory import duration, hours
from tweetstyle.plan.probe import REMEMBERED, decisive_settings, in_words, read_probe, remembered
from tweetstyle.plan.schedule import usual_rate
from tweetstyle.recipe import Training
from tweetstyle.train import out_of_memory as backoff
from tweetstyle.train import probe
from tweetstyle.train import trainer as unsloth_trainer
from tweetstyle.train.callback import RunKeeper, one_message_where_the_disk_fails, saves_before_it_stops
from tweetstyle.train.card_watch import CardWatch
from tweetstyle.train.checkpoints import Checkpoint, resume_point
from tweetstyle.train.checks import check_packed
from tweetstyle.train.out_of_memory import OutOfMemory, within_memory
from tweetstyle.train.probe_steps import StepClock, few_steps
from tweetstyle.train.progress import TrainingProgress
from tweetstyle.train.samples import sample_writer
from tweetstyle.train.scoring import largest_batch, score

if TYPE_CHECKING:
    from tweetstyle.train.inputs import FitInputs


def run_session(run: FitInputs, newest: Checkpoint | None, progress: TrainingProgress) -> int | None:
    """Gives back the step at which the run was interrupted, or None where it came to its end. Leaves no model in memory.

    Raises TweetstyleError for what the machine cannot do and where a batch of 1 does not fit.
    """
    unsloth_trainer.check_device(run.model, run.training)
    stopped_at = _Session(run, progress).until_it_ends(newest)
    unsloth_trainer.release_after_training()
    return stopped_at


class _Session:
    """The loaded model, and the settings under which it fits: the recipe's, or with a smaller batch."""

    def __init__(self, run: FitInputs, progress: TrainingProgress) -> None:
        self.run, self.progress = run, progress
        self.training = remembered(run.directory, run.training)
        if self.training != run.training:
            progress.say(f"{in_words(self.training)}, after an earlier out of memory ({run.directory / REMEMBERED})")
        progress.phase("loading the base model")
        loaded = within_memory(partial(unsloth_trainer.load_model, run.base, run.model, run.training))
        if isinstance(loaded, OutOfMemory):
            unsloth_trainer.release_memory()
            raise self._end(loaded, backoff.LOADING)
        self.loaded, self.tokenizer = loaded
        if run.model.method == "qlora":
            _write_down_four_bits(self.loaded, run.directory)

    def until_it_ends(self, newest: Checkpoint | None) -> int | None:
        beginning = unsloth_trainer.trained_weights(self.loaded)
        self._probe(beginning, newest)
        while True:
            keeper = _keeper(self.run, self.training, self.progress)
            ended = within_memory(partial(self._train, newest, keeper))
            if not isinstance(ended, OutOfMemory):
                return ended
            newest = resume_point(self.run.directory, self.run.metrics, self.progress.say)
            self._back_off(ended, keeper.phase, newest, None if newest else beginning)

    def _probe(self, beginning: dict[str, Any], newest: Checkpoint | None) -> None:
        """Measures, and halves the batch until it fits. Leaves the model, and all that is random, as if it had not been."""
        run = self.run
        device, card = unsloth_trainer.device_name(), not unsloth_trainer.CPU
        settings = decisive_settings(run.base.path, run.model, self.training)
        if not probe.is_due(read_probe(run.directory), self.training, settings, device, card=card):
            return
        while True:
            self.progress.phase("probing memory and speed")
            clock = StepClock(partial(score, documents=largest_batch(run.held_out), pad_id=run.base.pad_id))
            steps = partial(few_steps, self.loaded, self.tokenizer, self.training, run.documents, run.directory, clock)
            measured = within_memory(steps)
            if not isinstance(measured, OutOfMemory):
                break
            self._back_off(measured, clock.phase, newest, beginning)
        unsloth_trainer.begin_again(self.loaded, beginning)
        seen = probe.probe_of(measured, run.base, run.model, self.training, device, card=unsloth_trainer.card_memory())
        probe.write_probe(run.directory, seen)
        self.progress.say(probe.in_words(seen))
        taken = hours(round(run.plan.tokens * run.plan.epochs), seen.tokens_per_second)
        self.progress.say(f"training will take about {duration(taken)}, and validation comes on top")

    def _back_off(self, why: OutOfMemory, phase: str, newest: Checkpoint | None, weights: dict[str, Any] | None) -> None:
        """Half the batch from here on, written down, said and remembered. Raises TweetstyleError where that cures nothing."""
        unsloth_trainer.begin_again(self.loaded, weights)
        print(f"out of memory in {phase} with {in_words(self.training)}: {why.said}", file=sys.stderr)
        smaller = backoff.with_half_the_batch(self.training) if phase == backoff.STEP else None
        if smaller is None or why.pinned:
            raise self._end(why, phase)
        self.training = smaller
        backoff.remember(self.run.directory, smaller, why)
        self.run.metrics.append(backoff.as_line(newest.step if newest else 0, smaller, why))
        self.progress.say(f"out of memory in {phase}: continuing with {in_words(smaller)}, as many packs per step")

    def _end(self, why: OutOfMemory, phase: str) -> TweetstyleError:
        if why.pinned:
            return backoff.no_pinned_memory(why, phase)
        return backoff.does_not_fit(self.run.base, self.run.model, self.training, unsloth_trainer.card_memory(), why, phase)

    def _train(self, newest: Checkpoint | None, keeper: RunKeeper) -> int | None:
        run, training, progress = self.run, self.training, self.progress
        config = unsloth_trainer.sft_config(training, run.directory)
        progress.phase("packing")
        trainer = unsloth_trainer.build_trainer(self.loaded, self.tokenizer, config, run.documents)
        check_packed(unsloth_trainer.signs_of_packing(trainer), len(trainer.train_dataset), run.plan.packs)
        trainer.add_callback(keeper)
        trainer.add_callback(CardWatch(progress.say))
        progress.say(f"{unsloth_trainer.device_in_words(config)}; {run.plan.packs} packs, {run.plan.steps} steps")
        if newest:
            progress.say(f"resuming from {newest.path.name}")
        with saves_before_it_stops(keeper), one_message_where_the_disk_fails(keeper):
            trainer.train(resume_from_checkpoint=str(newest.path) if newest else None)
        return trainer.state.global_step if keeper.interrupted_by and not keeper.finished else None


def _keeper(run: FitInputs, training: Training, progress: TrainingProgress) -> RunKeeper:
    validate = partial(score, documents=run.held_out, pad_id=run.base.pad_id)
    write = sample_writer(run.base, run.template, training, *run.splits) if training.samples else None
    usual = usual_rate(run.model.method, run.base.config["hidden_size"])
    return RunKeeper(training, run.directory, run.metrics, validate, progress, write, run.validated, usual)


def _write_down_four_bits(loaded: object, directory: Path) -> None:
    """directory/nf4.json: digests of the 4-bit weights, by which those made again for the export are recognised."""
    from tweetstyle.files import complete_file
    from tweetstyle.model.nf4 import record

    with complete_file(directory / "nf4.json") as stream:
        json.dump(record(loaded), stream, indent=1)

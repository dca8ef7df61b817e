"""Between steps: display, metrics, validation, early stopping, checkpoints."""

import math
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState

from tweetstyle.console import as_rate
from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import N_, _, _n
from tweetstyle.plan.schedule import one_digit
from tweetstyle.progress import TrainingProgress
from tweetstyle.recipe import Training
from tweetstyle.statistics.metrics import BITS_PER_BYTE, no_better_than_untrained, stops_as_worse, untrained_bits
from tweetstyle.train.checkpoints import prune, seal
from tweetstyle.train.failures import OPTIMIZER, SAVING, STEP, VALIDATION, OutOfMemory, within_memory
from tweetstyle.train.metrics import Metrics
from tweetstyle.train.validation import Score

STOPPING = (signal.SIGINT, signal.SIGTERM)


class PhaseKeeper(TrainerCallback):
    """Knows what is being done, so that an out-of-memory error can be named and cured."""

    phase = STEP

    def on_step_begin(self, args, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.phase = STEP

    def on_pre_optimizer_step(self, args, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.phase = OPTIMIZER

    on_optimizer_step = on_step_begin


class StepClock(PhaseKeeper):
    """The seconds of each optimizer step, the card's work included; after the last one it scores a batch, as a validation does."""

    def __init__(self, score: Callable[[Any], object] = lambda model: None) -> None:
        self.score = score
        self.seconds: list[float] = []
        self._began = 0.0

    def on_step_begin(self, args, state: TrainerState, control: TrainerControl, **others: Any) -> None:
        super().on_step_begin(args, state, control, **others)
        self._began = self._now()

    def on_step_end(self, args, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.seconds.append(self._now() - self._began)

    def on_train_end(self, args, state: TrainerState, control: TrainerControl, model: Any, **_: Any) -> None:
        self.phase = VALIDATION
        self.score(model)
        self.phase = STEP

    @staticmethod
    def _now() -> float:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return time.perf_counter()


@dataclass(frozen=True)
class Validation:
    """What a validation does. samples: (model, step) → the metrics line of written tweets; done: called when its lines are written."""

    score: Callable[[Any], Score]
    samples: Callable[[Any, int], dict[str, Any]] | None = None
    done: Callable[[], None] = lambda: None


class RunKeeper(PhaseKeeper):
    """Keeps one run's records. Everything it decides follows from the metrics so far, so a resumed run decides the same.

    The Trainer's own evaluation is off: its eval_loss is a mean of batch means, and bits per byte need the exact sum.
    Validation happens in on_log, which comes after a step's loss is known and before its checkpoint is written; that of the untrained
    model before the first step.
    """

    def __init__(
        self,
        training: Training,
        directory: Path,
        metrics: Metrics,
        validation: Validation,
        progress: TrainingProgress,
        usual_rate: float = 1e-4,
    ) -> None:
        self.training, self.directory, self.metrics = training, directory, metrics
        self.validation, self.progress, self.usual_rate = validation, progress, usual_rate
        self.interrupted_by: signal.Signals | None = None
        self._due = self.finished = False
        self._clock, self._tokens = time.perf_counter(), 0

    # -- the Trainer's events -------------------------------------------------------------------------------

    def on_train_begin(self, args, state: TrainerState, control: TrainerControl, model: Any, **others: Any) -> None:
        self._clock, self._tokens = time.perf_counter(), state.num_input_tokens_seen
        if state.global_step == 0 and untrained_bits(self.metrics.lines) is None:
            self.progress.phase(_("validating the untrained model"))
            line = self._score(model, 0)
            self.progress.say(_("untrained: {bits:.4f} bits per byte on the validation tweets", bits=line[BITS_PER_BYTE]))
        self.progress.start(state.global_step, state.max_steps)

    def on_step_end(self, args, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.finished = state.global_step >= state.max_steps
        every, left = self.training.eval_steps, state.max_steps - state.global_step
        # Within the last quarter of a period the validation of the end says the same.
        self._due = self.finished or (state.global_step % every == 0 and 4 * left >= every)
        if self.interrupted_by:
            control.should_save = control.should_training_stop = True
        if self._due or control.should_save:
            # A checkpoint without its line would leave the losses since the last one out of metrics.jsonl after a resume.
            control.should_log = True

    def on_log(self, args, state: TrainerState, control: TrainerControl, logs: dict[str, float], model: Any, **_: Any) -> None:
        if "loss" not in logs:
            return
        _check_finite(logs["loss"], state.global_step)
        tokens, seconds = state.num_input_tokens_seen, self._elapsed()
        line = {"step": state.global_step, "epoch": round(state.epoch, 6)}
        line |= {name: logs[name] for name in ("loss", "learning_rate", "grad_norm")}
        line |= {"tokens": tokens, "tokens_per_second": (tokens - self._tokens) / seconds, "seconds": seconds}
        line["memory_gib"] = round(peak_memory() / 2**30, 3)
        self._tokens = tokens
        self.metrics.append(line)
        self.progress.step(state.global_step, line["loss"], line["tokens_per_second"])
        if self._due:
            self._validate(state, control, model)
        if self.interrupted_by:
            control.should_save = control.should_training_stop = True
        if control.should_save:
            # The Trainer writes it right after on_log.
            self.phase = SAVING

    def on_save(self, args, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        # TRL's model card would say nothing of this run.
        (self.directory / "README.md").unlink(missing_ok=True)
        self.metrics.sync()
        checkpoint = self.directory / f"checkpoint-{state.global_step}"
        seal(checkpoint, state.global_step, finished=self.finished)
        # A run that stops here keeps every checkpoint: which to remove is decided when it has ended.
        if self.metrics.best() and not (self.finished or self.interrupted_by):
            prune(self.directory, self.metrics.best()["step"], self.training.save_total_limit)

    # -- parts ----------------------------------------------------------------------------------------------

    def _validate(self, state: TrainerState, control: TrainerControl, model: Any) -> None:
        self.progress.phase(_("validating"))
        bits_per_byte = self._score(model, state.global_step)[BITS_PER_BYTE]
        self._check_better_than_untrained(bits_per_byte, state.global_step)
        best = self.metrics.best()["step"] == state.global_step
        patience = self.training.early_stopping_patience
        if patience and self.metrics.without_better() >= patience:
            self.finished = control.should_training_stop = True
        # The best validation always has its checkpoint, independent of save_steps.
        control.should_save = control.should_save or best or self.finished
        if self.validation.samples:
            self._write_samples(model, state.global_step)
        self.validation.done()
        self._report(state, bits_per_byte, best=best and not no_better_than_untrained(self.metrics.lines))

    def _report(self, state: TrainerState, bits: float, *, best: bool) -> None:
        values = {"step": state.global_step, "bits": bits, "steps": state.max_steps}
        if best:
            self.progress.say(_("step {step}: {bits:.4f} bits per byte on the validation tweets, the best so far", **values))
        else:
            self.progress.say(_("step {step}: {bits:.4f} bits per byte on the validation tweets", **values))
        if self.finished and state.global_step < state.max_steps:
            text = _n(
                "early stopping at step {step:,} of {steps:,}: the last validation was no better",
                "early stopping at step {step:,} of {steps:,}: no better validation in the last {count}",
                self.training.early_stopping_patience,
                **values,
            )
            self.progress.say(text)

    def _write_samples(self, model: Any, step: int) -> None:
        """Samples are optional: if memory runs out, the run continues without them."""
        self.progress.phase(_("writing samples"))
        written = within_memory(partial(self.validation.samples, model, step))
        if isinstance(written, OutOfMemory):
            why = written.message
            self.progress.say(_("out of memory while writing samples at step {step}: left out ({why})", step=step, why=why))
            return
        self.metrics.append({"step": step} | written | {"seconds": self._elapsed()})

    def _score(self, model: Any, step: int) -> dict[str, Any]:
        """The validation line of a step, which is appended to the metrics."""
        self.phase = VALIDATION
        score = self.validation.score(model)
        _check_finite(score.nll, step)
        line = {"step": step, BITS_PER_BYTE: score.bits_per_byte, "eval_loss": score.loss, "seconds": self._elapsed()}
        self.metrics.append(line)
        return line

    def _check_better_than_untrained(self, bits_per_byte: float, step: int) -> None:
        """Ends a run that makes the model worse from the start; one that was better once ends by early stopping, with its best state."""
        if not stops_as_worse(self.metrics.lines):
            return
        rate = self.training.learning_rate
        values = {"bits": bits_per_byte, "step": step, "untrained": untrained_bits(self.metrics.lines), "rate": as_rate(rate)}
        what = _(
            "the training makes the model worse: {bits:.3f} bits per byte on the validation tweets at step {step}, "
            "{untrained:.3f} untrained, with learning_rate {rate}",
            **values,
        )
        smaller = as_rate(one_digit(min(self.usual_rate, rate / 5)))
        hint = _("write a smaller training.learning_rate: {rate}; the next run starts from the base model", rate=smaller)
        raise TweetstyleError(what, where="training.learning_rate", hint=hint)

    def _elapsed(self) -> float:
        before, self._clock = self._clock, time.perf_counter()
        return self._clock - before


def peak_memory() -> int:
    """Bytes: the most that this process has held so far, of the card's memory (reserved by torch) or, without one, of the machine's.

    From /proc and not from getrusage, whose figure a child inherits from its parent.
    """
    if torch.cuda.is_available():
        return torch.cuda.max_memory_reserved()
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def _check_finite(loss: float, step: int) -> None:
    if not math.isfinite(loss):
        hint = _("write a smaller training.learning_rate, or a larger training.warmup_ratio")
        raise TweetstyleError(_("the training loss is NaN or infinite at step {step}", step=step), where="training", hint=hint)


@contextmanager
def saves_before_it_stops(keeper: RunKeeper) -> Iterator[None]:
    """Inside the block Ctrl-C and SIGTERM end the run after the current step, with a checkpoint; a second one ends it at once."""

    shown = _("stopping after this step"), _("Ctrl-C again: at once")

    def stop(number: int, frame: object) -> None:
        keeper.interrupted_by = signal.Signals(number)
        # Only what the bar's own thread will show: writing here could interrupt a write to the same stream.
        keeper.progress.phase(*shown)
        signal.signal(number, before[number])

    before = {number: signal.signal(number, stop) for number in STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


PAGEABLE = N_(
    "the system gives Unsloth no pinned memory for the activations that it moves to RAM (WSL2 limits it), so each step is slower. "
    "gradient_checkpointing: true keeps them on the card, if there is room"
)


class PinnedMemoryWatch(TrainerCallback):
    """Says once where Unsloth got no pinned memory, which WSL2 limits."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say, self.reported = say, False

    def on_log(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        unsloth = sys.modules.get("unsloth_zoo.gradient_checkpointing")
        if not self.reported and not getattr(unsloth, "PINNED_MEMORY_AVAILABLE", True):
            self.reported = True
            self.say(_(PAGEABLE))

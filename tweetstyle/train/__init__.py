"""fit: trains, resumes, and leaves the best weights in final_model/."""

import json
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from tweetstyle.console import rich_console, say
from tweetstyle.dataset.examples import Document, read_documents, read_held_out
from tweetstyle.dataset.held_out import HeldOut
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import complete_file
from tweetstyle.locale import N_, _
from tweetstyle.plan.schedule import effective_schedule
from tweetstyle.train.checkpoints import Checkpoint
from tweetstyle.train.inputs import FitInputs, FitPlan, FitRun, check_documents, check_held_out, check_model

NOTHING_LEARNED = N_(
    "the untrained model has {untrained:.4f} bits per byte, the best validation {best:.4f}: "
    "final_model/ has learned nothing that helps on new tweets"
)


def plan_fit(inputs: FitInputs) -> FitPlan:
    """The plan of a run, by the same tokens and the same packing. Imports no torch, and reads no validation tweets.

    Raises TweetstyleError for what `fit` refuses about the data.
    """
    return _read(inputs)[1]


def fit(inputs: FitInputs, directory: Path, validated: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Trains and leaves the best weights in directory/final_model/.

    Writes checkpoint-N/, metrics.jsonl, log.txt (the libraries' output), train_output.json, and final_model/ complete or not at
    all. Resumes from the newest complete checkpoint in `directory`, which must belong to the same settings and data. After Ctrl-C or
    SIGTERM the current step is finished and a checkpoint written. Where memory runs out, the batch is halved (backoff.json).
    validated: called after each validation.

    Returns what the run did, as fit.json keeps it. best_step: the step whose weights are in final_model/; seconds: training and validation,
    all sessions; memory_bytes: the most held, of the card's memory or, without one, of the machine's; plan: steps of the whole schedule;
    schedule: Schedule.as_facts, {} where the recipe's own settings were carried out.
    Raises TweetstyleError for an interruption and for what ends a training; the same call resumes from the newest checkpoint.
    """
    from tweetstyle.train.checkpoints import resume_point
    from tweetstyle.train.metrics import Metrics

    documents, plan = _read(inputs)
    validation = inputs.splits[1]
    held_out = read_held_out(inputs.base, inputs.template, validation, inputs.training.max_length)
    check_held_out(held_out, str(validation))
    directory.mkdir(parents=True, exist_ok=True)
    metrics = Metrics(directory / "metrics.jsonl")
    given = vars(inputs) | {"training": plan.schedule.training}
    run = FitRun(**given, documents=documents, held_out=held_out, plan=plan, directory=directory, metrics=metrics, validated=validated)
    newest = resume_point(directory, metrics)
    if not (newest and newest.finished):
        _train(run, newest)
    return _finish(run)


def train_rates(
    inputs: FitInputs, sample: HeldOut, rates: Iterator[float], keep: Callable[[float, np.ndarray | None], None], directory: Path
) -> None:
    """A short training with each learning rate; `inputs` has its other settings, and nothing of it is kept but its scores.

    Args:
        sample: the validation tweets.
        rates: the next one is taken when `keep` has been called for the one before; Unsloth is loaded when there is a first.
        keep: called with a rate and the nats of each tweet, float64 [n]; None where the training diverged.
        directory: for log.txt.
    """
    if (first := next(rates, None)) is None:
        return
    from tweetstyle.progress import TrainingProgress
    from tweetstyle.train.library_output import libraries_output_to, prepare_environment

    documents = _read(inputs)[0]
    sizes = sample.bytes.astype(int).tolist()
    held = [Document(of.ids, of.labels, size) for of, size in zip(sample.documents, sizes, strict=True)]
    prepare_environment(directory)
    with libraries_output_to(directory / "log.txt") as screen, TrainingProgress(_("loading Unsloth"), stream=screen) as progress:
        from tweetstyle.train.rates import ShortTrainings, train_with_each

        train_with_each(ShortTrainings(inputs, documents, held, directory), chain([first], rates), keep, progress)


def _read(inputs: FitInputs) -> tuple[list[Document], FitPlan]:
    """The training documents, checked, and the plan of a run over them."""
    base, training, train = inputs.base, inputs.training, inputs.splits[0]
    end = base.tokenizer.end_id(inputs.template)
    check_model(base, end)
    documents = read_documents(base, inputs.template, train, training.max_length)
    check_documents(documents, end, str(train))
    lengths, tweets = [len(document.ids) for document in documents], sum(document.tweets for document in documents)
    schedule = effective_schedule(training, lengths, tweets, inputs.model.method, base.config["hidden_size"])
    return documents, FitPlan(schedule, tweets, sum(lengths), cut=sum(document.ids[-1] != end for document in documents))


def _train(run: FitRun, newest: Checkpoint | None) -> None:
    from tweetstyle.progress import TrainingProgress
    from tweetstyle.train.library_output import libraries_output_to, prepare_environment

    prepare_environment(run.directory)
    log = run.directory / "log.txt"
    with (
        libraries_output_to(log) as screen,
        TrainingProgress(_("loading Unsloth"), stream=screen) as progress,
    ):
        from tweetstyle.train.session import run_session

        if "tensorboard" in run.training.report_to:
            from tweetstyle.train.event_files import EventFiles

            run.metrics.show_in(EventFiles(run.directory / "tensorboard"))
        stopped_at = run_session(run, newest, progress)
    if stopped_at:
        what = _("stopped at step {step} of {steps}; checkpoint-{step} is complete", step=stopped_at, steps=run.plan.steps.steps)
        raise TweetstyleError(what, where=str(run.directory), hint=_("run the same command again to resume"))


def _finish(run: FitRun) -> dict[str, Any]:
    from tweetstyle.statistics.metrics import BITS_PER_BYTE, no_better_than_untrained, untrained_bits
    from tweetstyle.train.checkpoints import complete_checkpoints, prune, write_final_model
    from tweetstyle.train.metrics import as_table, meaning, train_output

    directory, metrics = run.directory, run.metrics
    checkpoints = complete_checkpoints(directory)
    best = metrics.best()
    if no_better_than_untrained(metrics.lines):
        figures = {"untrained": untrained_bits(metrics.lines), "best": best[BITS_PER_BYTE]}
        say(f"          {_(NOTHING_LEARNED, **figures)}", fg="yellow")
    chosen = next(checkpoint for checkpoint in checkpoints if checkpoint.step == best["step"])
    write_final_model(run.base, run.model.method, chosen, directory / "final_model")
    state = json.loads((checkpoints[-1].path / "trainer_state.json").read_text(encoding="utf-8"))
    output = train_output(metrics, state, len(run.documents))
    with complete_file(directory / "train_output.json") as stream:
        json.dump(vars(output) | {"meaning": meaning(output, "en")}, stream, indent=2)
    prune(directory, best["step"], run.training.save_total_limit)
    rich_console(stderr=True).print(as_table(output))
    figures = output.metrics
    return {
        "steps": output.global_step,
        "epochs": figures["epoch"],
        "tokens": figures["num_input_tokens_seen"],
        "train_loss": output.training_loss,
        "best_step": best["step"],
        "bits_per_byte": figures["eval_bits_per_byte"],
        "seconds": figures["train_runtime"],
        "tokens_per_second": figures["train_tokens_per_second"],
        "memory_bytes": metrics.memory_bytes(),
        "plan": {"steps": run.plan.steps.steps},
        "schedule": run.plan.schedule.as_facts(),
        "final_model": str(directory / "final_model"),
    }

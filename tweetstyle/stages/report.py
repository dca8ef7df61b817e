"""Writes a run's report after each stage, while it trains, and after errors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tweetstyle.console import say_of_stage
from tweetstyle.errors import TweetstyleError
from tweetstyle.hardware.machine import installed_versions
from tweetstyle.locale import _, current_language
from tweetstyle.locale.libraries import reason

if TYPE_CHECKING:
    from tweetstyle.report.files import RunFiles, State
    from tweetstyle.run import Run

DECIDING = (
    "tweetstyle", "torch", "unsloth", "trl", "transformers", "peft", "bitsandbytes", "datasets", "xllamacpp", "gguf", "scikit-learn",
)  # fmt: skip
"""Packages named in the report, with which a run can be made again."""
BEFORE_A_RUN = ("prepare", "playback")
"""Stages that are not of one run: others may share what they write."""
UNWRITABLE = (OSError, TweetstyleError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""Why a page cannot be written: the disk, or a file that it shows and that is damaged."""


def report(run: Run, state: State | None = None) -> Path:
    """Writes model/NAME/report.html and returns its path. state: the stage in progress, or the one that failed."""
    from tweetstyle.report import write_report

    return write_report(_files(run), run.language, state)


def update_report(run: Run, state: State | None = None) -> Path | None:
    """The same beside other work, which it never ends: what prevents it is printed. None where there is no run yet."""
    if not (run.recipe.run_directory / "run.json").is_file():
        return None
    try:
        return report(run, state)
    except UNWRITABLE as error:
        say_of_stage(_("the report could not be updated: {error}", error=reason(error)), fg="yellow")
        return None


@contextmanager
def stage_in_report(run: Run, stage: str) -> Iterator[None]:
    """The report shows the stage in progress, then its result or its error. The error is raised again."""
    from tweetstyle.report.files import State

    if stage not in (*BEFORE_A_RUN, "fit"):  # fit writes its own first page: the existing one may be another run's
        update_report(run, State(stage, datetime.now()))
    try:
        yield
    except BaseException as error:
        if path := update_report(run, State(stage, datetime.now(), error=_in_words(error))):
            say_of_stage(_("measured so far: {path}", path=path))
        raise
    if stage not in BEFORE_A_RUN:
        update_report(run)


@contextmanager
def training_in_report(run: Run) -> Iterator[Callable[[], None]]:
    """Rewrites the report every minute while the block trains, and whenever the function that it gives is called.

    In a thread, so that the page is rewritten also while a step takes long: an old page is that of a process that was killed.
    """
    from tweetstyle.report.files import REWRITTEN_EVERY, State

    due, ended = threading.Event(), threading.Event()

    def keep() -> None:
        while not ended.is_set():
            due.wait(REWRITTEN_EVERY)
            due.clear()
            if not ended.is_set():
                update_report(run, State("fit", datetime.now(), training=True))

    if path := update_report(run, State("fit", datetime.now(), training=True)):
        say_of_stage(_("report, updated while it trains: {path}", path=path))
    writer = threading.Thread(target=keep, name="report", daemon=True)
    writer.start()
    try:
        yield due.set
    finally:
        ended.set()
        due.set()
        writer.join()
    update_report(run, State("fit", datetime.now()))


def verdict(run: Run) -> list[str]:
    """The three answers on what was measured, in the command's language; none where nothing was evaluated."""
    from tweetstyle.report import read_run
    from tweetstyle.wording.verdict import answers

    read = read_run(_files(run))
    if not read.evaluation:
        return []
    return [" ".join(sentences) for sentences in answers(read.evaluation, read.metrics, current_language(), unfinished=not read.ended)]


def _files(run: Run) -> RunFiles:
    from tweetstyle.report import RunFiles

    recipe, text = run.recipe, run.path.read_text(encoding="utf-8")
    return RunFiles(recipe.run_directory, recipe.data.processed, recipe.export_directory, text, installed_versions(DECIDING))


def _in_words(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "Ctrl-C"
    return str(error) if isinstance(error, TweetstyleError) else f"{type(error).__name__}: {error}"

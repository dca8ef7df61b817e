"""Runs work in a fresh process, because Unsloth rewrites transformers in this one."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess
from typing import TypeVar

from tweetstyle.console import ignore_syntax_warnings
from tweetstyle.errors import TweetstyleError

Result = TypeVar("Result")
ENDED = (
    "run the same command again: completed work is kept. If it happens again, free -h shows whether memory ran out, and nvidia-smi "
    "whether the card is still there"
)


def run_in_clean_process(work: Callable[..., Result], *arguments: object) -> Result:
    """work(*arguments), here or in a process of its own; both can be sent there, and what comes back too.

    Raises TweetstyleError where that process is ended: by the system, which has no memory left, or by a library whose card failed.
    """
    if "unsloth" not in sys.modules:
        return work(*arguments)
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, fresh, initializer=_begin) as pool:
        try:
            return pool.submit(work, *arguments).result()
        except KeyboardInterrupt:
            # Ctrl-C in a terminal reaches the child too; a signal to this process alone does not.
            for child in multiprocessing.active_children():
                child.terminate()
            raise
        except BrokenProcessPool as error:
            if sys.stderr.isatty():
                print(file=sys.stderr)  # Behind the progress bar that the child could not remove.
            what = "the process that loads the model without the training's libraries ended before its work was done"
            raise TweetstyleError(what, hint=ENDED) from error


def _begin() -> None:
    """At Ctrl-C the child exits without a traceback, and this process reports it; without a parent it would keep the card's memory."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    ignore_syntax_warnings()
    exit_with_parent()


def exit_with_parent() -> None:
    """Makes this process, which multiprocessing started, exit as soon as its parent is gone, for example killed for its memory.

    A thread waits for the parent's end of a pipe to close, which works with every start method and on every system. Linux's
    PR_SET_PDEATHSIG would depend on which thread of the parent started the process, and with `forkserver` on another process.
    """

    def wait(parent: BaseProcess) -> None:
        parent.join()
        os._exit(1)

    if parent := parent_process():
        threading.Thread(target=wait, args=(parent,), daemon=True).start()

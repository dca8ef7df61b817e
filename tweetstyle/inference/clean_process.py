"""Runs work in a fresh process, because Unsloth rewrites transformers in this one."""

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
from tweetstyle.locale import N_, _

Result = TypeVar("Result")
ENDED = N_("run the same command again: completed work is kept. free -h shows whether memory ran out, nvidia-smi whether the card is there")


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
            what = _("the process that loads the model without the training's libraries ended before its work was done")
            raise TweetstyleError(what, hint=_(ENDED)) from error


def _begin() -> None:
    """Makes the child exit at Ctrl-C without a traceback, and as soon as its parent is gone, for example killed for its memory.

    A thread waits for the parent: PR_SET_PDEATHSIG would depend on the thread of the parent that started the process.
    """

    def exit_after(parent: BaseProcess) -> None:
        parent.join()
        os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    ignore_syntax_warnings()
    threading.Thread(target=exit_after, args=(parent_process(),), daemon=True).start()

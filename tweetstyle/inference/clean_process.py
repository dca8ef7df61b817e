"""Runs work in a fresh process, because Unsloth rewrites transformers in this one."""

import gc
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
from pathlib import Path
from typing import TypeVar

from tweetstyle.console import ignore_syntax_warnings
from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import N_, _

Result = TypeVar("Result")
ENDED = N_("run the same command again: completed work is kept. free -h shows whether memory ran out, nvidia-smi whether the card is there")


_kept: list[ProcessPoolExecutor] = []
"""The process, where it has been needed: importing the libraries again would take 10 s of a processor."""


def run_in_clean_process(work: Callable[..., Result], *arguments: object) -> Result:
    """work(*arguments), here or in a process of its own, which is kept; both can be sent there, and what comes back too.

    Raises TweetstyleError where that process is ended: by the system, which has no memory left, or by a library whose card failed.
    """
    if "unsloth" not in sys.modules:
        return work(*arguments)
    if not _kept:
        _check_guard()
        _kept.append(ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=_begin))
    try:
        return _kept[0].submit(_work_and_release, work, *arguments).result()
    except KeyboardInterrupt:
        # Ctrl-C in a terminal reaches the child too; a signal to this process alone does not.
        for child in multiprocessing.active_children():
            child.terminate()
        end_clean_process()
        raise
    except BrokenProcessPool as error:
        end_clean_process()
        if sys.stderr.isatty():
            print(file=sys.stderr)  # Behind the progress bar that the child could not remove.
        what = _("the process that loads the model without the training's libraries ended before its work was done")
        raise TweetstyleError(what, hint=_(ENDED)) from error


def end_clean_process() -> None:
    """Ends the kept process, for what needs its memory."""
    while _kept:
        _kept.pop().shutdown()


def _check_guard() -> None:
    """Raises TweetstyleError where this program is a script that the new process would run again from its beginning."""
    script = Path(getattr(sys.modules["__main__"], "__file__", None) or "")
    if script.suffix == ".py" and script.is_file() and "__main__" not in script.read_text(encoding="utf-8", errors="replace"):
        what = _("the work needs a new process, and Python would run this script in it again, from its first line")
        hint = _('put what the script does under: if __name__ == "__main__":')
        raise TweetstyleError(what, where=str(script), hint=hint)


def _work_and_release(work: Callable[..., Result], *arguments: object) -> Result:
    """The work, after which its models are gone from RAM and card."""
    try:
        return work(*arguments)
    finally:
        gc.collect()
        if (torch := sys.modules.get("torch")) and torch.cuda.is_initialized():
            torch.cuda.empty_cache()


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

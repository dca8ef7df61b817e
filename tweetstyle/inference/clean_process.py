"""Work in a fresh process, where training has imported Unsloth into this one: it rewrites transformers in place."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from tweetstyle.errors import TweetstyleError
from tweetstyle.inference.child_process import exit_with_parent
from tweetstyle.screen import ignore_syntax_warnings

Result = TypeVar("Result")
ENDED = (
    "run the same command again: what is finished is not done again. Where it happens again, free -h shows whether memory ran out "
    "(sudo dmesg | grep -i 'killed process' names what the system ended for it), and nvidia-smi whether the card is still there"
)


def apart_from_unsloth(work: Callable[..., Result], *arguments: object) -> Result:
    """work(*arguments), here or in a process of its own; both can be sent there, and what comes back too.

    Raises TweetstyleError where that process is ended: by the system, which has no memory left, or by a library whose card failed.
    """
    if "unsloth" not in sys.modules:
        return work(*arguments)
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, fresh, initializer=_begin) as pool:
        try:
            return pool.submit(work, *arguments).result()
        except BrokenProcessPool as error:
            if sys.stderr.isatty():
                print(file=sys.stderr)  # Behind the progress bar that the child could not remove.
            what = "the process that was to load the model apart from the training's libraries ended before its work did"
            raise TweetstyleError(what, hint=ENDED) from error


def _begin() -> None:
    """At Ctrl-C the child exits without a traceback, and this process reports it; without a parent it would keep the card's memory."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    ignore_syntax_warnings()
    exit_with_parent()

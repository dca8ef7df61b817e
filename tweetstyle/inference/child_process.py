"""Child processes that exit with the process that started them."""

from __future__ import annotations

import os
import threading
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess


def exit_with_parent() -> None:
    """Makes this process, which multiprocessing started, exit as soon as its parent is gone, for example killed for its memory.

    A thread waits for the parent's end of a pipe to close, which works with every start method and on every system. Linux's
    PR_SET_PDEATHSIG would depend on which thread of the parent started the process, and with `forkserver` on another process.
    """
    if parent := parent_process():
        threading.Thread(target=_exit_after, args=(parent,), daemon=True).start()


def _exit_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)

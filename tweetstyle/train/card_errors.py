"""One message for an error of the card, Triton, Inductor or bitsandbytes."""

from __future__ import annotations

import re
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tweetstyle.errors import TweetstyleError
from tweetstyle.files import complete_file
from tweetstyle.train.out_of_memory import is_out_of_memory

REPORT, LOG = "card-failure.txt", "log.txt"
SIGNS = ("CUDA error", "CUDA driver error", "Triton Error [CUDA]", "CUBLAS_STATUS_", "CUDNN_STATUS_", "NVML_")
"""How a RuntimeError says that the card, or its driver, failed: torch's own class for it (AcceleratorError) not every library raises."""
MEMORY_HINT = (
    "close other programs that use memory of the card (nvidia-smi lists them; ollama stop NAME) or of the machine (free -h), then run the "
    "same command again: completed work is kept"
)
LIBRARIES = {"triton": "Triton", "torch/_inductor": "Inductor", "torch/_dynamo": "torch.compile", "bitsandbytes": "bitsandbytes"}
"""Directories in site-packages whose code compiles kernels for the card, or computes on it by code of its own."""
SITE, STANDARD_LIBRARY = "/site-packages/", sysconfig.get_paths()["stdlib"]
HINT = (
    "completed work is kept: the same command resumes from there (a training from its newest checkpoint). "
    "First check that nvidia-smi still shows the card; if it does not, restart the machine. "
    "If it fails again, sudo dmesg | grep Xid names the fault (heat, power, an overclocked card)"
)


@contextmanager
def one_message_where_the_card_fails(directory: Path) -> Iterator[None]:
    """Inside the block an error of CUDA, one that Triton, Inductor or bitsandbytes raises, and memory that ran out become TweetstyleError;
    the traceback is kept in directory/card-failure.txt.

    Also one that was met while it was handled, or taken for something else: what is done with a card that failed fails too.
    A process whose card failed cannot use it again (CUDA C++ programming guide, error checking: sticky errors), so nothing is
    tried again here. The training itself sees to memory that runs out: what comes here is another stage's.
    """
    try:
        yield
    except Exception as error:
        first = next((met for met in _chain(error) if _is_the_cards(met)), None)
        if first is not None:
            what, hint = f"the card failed: {_first_line(first)}", HINT
        elif is_out_of_memory(error):
            what, hint = f"out of memory: {_first_line(error)}", MEMORY_HINT
        elif library := _failed_library(error):
            what = f"{library}, which compiles or computes for the card, failed: {type(error).__name__}: {_first_line(error)}"
            hint = f"tweetstyle doctor checks the usual reasons (compiler, versions); the libraries' own messages: {directory / LOG}"
        else:
            raise
        raise TweetstyleError(what, where=_kept(directory, error), hint=hint) from error


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__


def _failed_library(error: BaseException) -> str | None:
    """The one of LIBRARIES in whose code an error was raised; None of an error of our own or of other code."""
    if isinstance(error, TweetstyleError):
        return None
    for met in _chain(error):
        frames = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(met.__traceback__)]
        if type(met).__name__ == "_RemoteTraceback":  # A child process sends its traceback as text.
            frames = re.findall(r'^ *File "(.+?)", line', str(met), re.MULTILINE)
        # Triton calls the C compiler through the standard library: that one's frames say nothing.
        own = [name for name in frames if SITE in name or not name.startswith((STANDARD_LIBRARY, "<"))]
        package = own[-1].rpartition(SITE)[2] if own and SITE in own[-1] else ""
        if found := next((name for prefix, name in LIBRARIES.items() if package.startswith(f"{prefix}/")), None):
            return found
    return None


def _chain(error: BaseException) -> list[BaseException]:
    """An error with those that it was raised from, or while handling."""
    found: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in found:
        found.append(at)
        at = at.__cause__ or at.__context__
    return found


def _kept(directory: Path, error: BaseException) -> str:
    """Where the traceback was written; an error in writing it must not hide the card's failure."""
    try:
        with complete_file(directory / REPORT) as stream:
            stream.write("".join(traceback.format_exception(error)))
    except (OSError, TweetstyleError) as unwritten:
        return f"{directory} (its traceback could not be kept: {getattr(unwritten, 'what', unwritten)})"
    return str(directory / REPORT)


def _is_the_cards(error: BaseException) -> bool:
    if not isinstance(error, RuntimeError) or is_out_of_memory(error):
        return False
    return type(error).__name__ == "AcceleratorError" or any(sign in str(error) for sign in SIGNS)

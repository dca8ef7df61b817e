"""A card that fails while it computes: told in one message, with the libraries' own words kept."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tweetstyle.errors import TweetstyleError
from tweetstyle.files import complete_file

REPORT = "card-failure.txt"
SIGNS = ("CUDA error", "CUDA driver error", "Triton Error [CUDA]", "CUBLAS_STATUS_", "CUDNN_STATUS_", "NVML_")
"""How a RuntimeError says that the card, or its driver, failed: torch's own class for it (AcceleratorError) not every library raises."""
OF_MEMORY = ("out of memory", "STATUS_ALLOC_FAILED")
HINT = (
    "nothing that was finished is lost: the same command goes on from there (a training from its newest checkpoint). "
    "Look first whether nvidia-smi still shows the card; where it does not, restart the machine. "
    "Where it fails again, sudo dmesg | grep Xid names the fault (heat, power, an overclocked card)"
)


@contextmanager
def one_message_where_the_card_fails(directory: Path) -> Iterator[None]:
    """Inside the block an error of CUDA raises TweetstyleError; the traceback is kept in directory/card-failure.txt.

    Also one that was met while it was handled, or taken for something else: what is done with a card that failed fails too.
    A process whose card failed cannot use it again (CUDA C++ programming guide, error checking: sticky errors), so nothing is
    tried again here. Memory that ran out is no failure of the card: what works in the block sees to it.
    """
    try:
        yield
    except (RuntimeError, TweetstyleError) as error:
        first = next((met for met in _chain(error) if _is_the_cards(met)), None)
        if first is None:
            raise
        said = str(first).strip().split("\n")[0]
        raise TweetstyleError(f"the card failed: {said}", where=_kept(directory, error), hint=HINT) from error


def _chain(error: BaseException) -> list[BaseException]:
    """An error with those that it was raised from, or while handling."""
    found: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in found:
        found.append(at)
        at = at.__cause__ or at.__context__
    return found


def _kept(directory: Path, error: BaseException) -> str:
    """Where the traceback now stands; where it cannot, the reason must not hide that the card failed."""
    try:
        with complete_file(directory / REPORT) as stream:
            stream.write("".join(traceback.format_exception(error)))
    except (OSError, TweetstyleError) as unwritten:
        return f"{directory} (its traceback could not be kept: {getattr(unwritten, 'what', unwritten)})"
    return str(directory / REPORT)


def _is_the_cards(error: BaseException) -> bool:
    said = str(error)
    if not isinstance(error, RuntimeError) or any(sign in said for sign in OF_MEMORY):
        return False
    return type(error).__name__ == "AcceleratorError" or any(sign in said for sign in SIGNS)

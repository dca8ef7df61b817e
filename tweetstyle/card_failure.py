"""A card that fails while it computes: told in one message, with the libraries' own words kept."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tweetstyle.errors import TweetstyleError
from tweetstyle.files import complete_file

REPORT = "card-failure.txt"
SIGNS = ("CUDA error", "CUDA driver error", "CUBLAS_STATUS_", "CUDNN_STATUS_", "NVML_")
"""How a RuntimeError says that the card, or its driver, failed: torch's own class for it (AcceleratorError) not every library raises."""
HINT = (
    "nothing that was finished is lost: the same command goes on from there (a training from its newest checkpoint). "
    "Look first whether nvidia-smi still shows the card; where it does not, restart the machine. "
    "Where it fails again, sudo dmesg | grep Xid names the fault (heat, power, an overclocked card)"
)


@contextmanager
def one_message_where_the_card_fails(directory: Path) -> Iterator[None]:
    """Inside the block an error of CUDA raises TweetstyleError; the traceback is kept in directory/card-failure.txt.

    A process whose card failed cannot use it again (CUDA C++ programming guide, error checking: sticky errors), so nothing is
    tried again here. Memory that ran out is no failure of the card: what works in the block sees to it.
    """
    try:
        yield
    except RuntimeError as error:
        if not _is_the_cards(error):
            raise
        directory.mkdir(parents=True, exist_ok=True)
        with complete_file(directory / REPORT) as stream:
            stream.write("".join(traceback.format_exception(error)))
        said = str(error).strip().split("\n")[0]
        raise TweetstyleError(f"the card failed: {said}", where=str(directory / REPORT), hint=HINT) from error


def _is_the_cards(error: RuntimeError) -> bool:
    said = str(error)
    return "out of memory" not in said and (type(error).__name__ == "AcceleratorError" or any(sign in said for sign in SIGNS))

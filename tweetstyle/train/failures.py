"""One message for memory that runs out, a card that fails and a disk that is full."""

import errno
import json
import re
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

from tweetstyle.console import size
from tweetstyle.errors import TweetstyleError, causes
from tweetstyle.files import complete_file
from tweetstyle.hardware.disk import free_bytes
from tweetstyle.hardware.gpu import Card
from tweetstyle.locale import N_, _
from tweetstyle.locale.libraries import reason
from tweetstyle.model.base import BaseModel
from tweetstyle.plan.advice import batches_of_the_same_step, sizes_that_fit, what_to_change
from tweetstyle.plan.memory import plan_memory
from tweetstyle.plan.probe import REMEMBERED, SmallerBatch
from tweetstyle.recipe import Model, Training

MEMORY_SIGNS = ("out of memory", "STATUS_ALLOC_FAILED", "DefaultCPUAllocator")
"""Signs of out of memory in a RuntimeError: torch.OutOfMemoryError, cuBLAS, cuDNN, and torch's allocator of RAM."""
LOADING, STEP, OPTIMIZER = N_("loading the base model"), N_("a training step"), N_("the optimizer's step")
VALIDATION, SAVING = N_("the validation"), N_("saving a checkpoint")
"""What a run is doing. Only a training step takes less memory with a smaller batch."""
MARGIN = 0.1
"""Share of the planned memory by which a recipe that ran out of memory has to become smaller, at least."""
REPORT, LOG = "card-failure.txt", "log.txt"
CARD_SIGNS = ("CUDA error", "CUDA driver error", "Triton Error [CUDA]", "CUBLAS_STATUS_", "CUDNN_STATUS_", "NVML_")
"""How a RuntimeError says that the card, or its driver, failed: torch's own class for it (AcceleratorError) not every library raises."""
MEMORY_HINT = N_(
    "close other programs that use memory of the card (nvidia-smi lists them; ollama stop NAME) or of the machine (free -h), then run the "
    "same command again: completed work is kept"
)
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
WRITERS_SIGNS = ("inline_container", "PytorchStreamWriter", "iostream error")
"""torch's own words for a file that it could not write: it keeps the system's reason to itself."""
LIBRARIES = {"triton": "Triton", "torch/_inductor": "Inductor", "torch/_dynamo": "torch.compile", "bitsandbytes": "bitsandbytes"}
"""Directories in site-packages whose code compiles kernels for the card, or computes on it by code of its own."""
SITE, STANDARD_LIBRARY = "/site-packages/", sysconfig.get_paths()["stdlib"]
HINT = N_(
    "completed work is kept: the same command resumes from there (a training from its newest checkpoint). "
    "First check that nvidia-smi still shows the card; if it does not, restart the machine. "
    "If it fails again, sudo dmesg | grep Xid names the fault (heat, power, an overclocked card)"
)

T = TypeVar("T")


@dataclass(frozen=True)
class OutOfMemory:
    """What the allocator says, in one line."""

    message: str


def within_memory(work: Callable[[], T]) -> T | OutOfMemory:
    """The result of `work`, or OutOfMemory. The error's traceback, which holds the failed step's tensors, is gone by then."""
    try:
        return work()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return OutOfMemory(_first_line(error))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means out of memory: the card's or the machine's, in whichever library."""
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and any(sign in str(error) for sign in MEMORY_SIGNS))


def with_half_the_batch(training: Training) -> Training | None:
    """The same optimizer steps in smaller parts: half the batch, or less where it does not divide the step. None of batch 1."""
    batch, accumulation = next(batches_of_the_same_step(training, training.per_device_train_batch_size // 2), (0, 0))
    smaller = {"per_device_train_batch_size": batch, "gradient_accumulation_steps": accumulation}
    return training.model_copy(update=smaller) if batch else None


def remember(directory: Path, training: Training, why: OutOfMemory) -> None:
    """Writes directory/backoff.json, so that the batch that did not fit is not tried again by a resumed run."""
    smaller = SmallerBatch(training.per_device_train_batch_size, training.gradient_accumulation_steps, why.message)
    with complete_file(directory / REMEMBERED) as stream:
        json.dump(asdict(smaller), stream, indent=1)


def does_not_fit(
    base: BaseModel, model: Model, training: Training, card: Card | None, why: OutOfMemory, phase: str = STEP
) -> TweetstyleError:
    """The end: what the card has, who else holds it, and what to write instead, cheapest first. card: None of a CPU.

    phase: what was being done; after a training step the batch is 1 already.
    """
    pack = _("one pack of {length:,} tokens at batch 1", length=training.max_length)
    what = _("out of memory for {what}", what=pack if phase == STEP else _(phase))
    if card is None:
        hint = _("write a shorter training.max_length, use a smaller base model, or close other programs (free -h)")
        return TweetstyleError(f"{what} ({why.message})", where="training", hint=hint)
    values = {"total": size(card.total), "others": size(card.others)}
    what = _("{what}; the card has {total}, of which other programs hold {others}", what=what, **values)
    # The plan may have said that it fits: what is proposed has to be smaller than that, too.
    smaller = replace(card, training_only=True)
    planned = plan_memory(base.config, model, training, card=smaller)
    smaller = replace(smaller, unused=max(card.total - planned.card + int(MARGIN * planned.tensors), 0))
    if phase not in (STEP, LOADING):
        # Nothing of the batch is held any more.
        hint = _("write training.optim: paged_adamw_8bit, a smaller model.lora.r, or model.method: qlora")
    elif changes := what_to_change(base.config, model, training, smaller):
        hint = _("write instead:") + "".join(f"\n     {change}" for change in changes)
    else:
        names = ", ".join(sizes_that_fit(model, training, smaller)) or _("none of the usual ones fits")
        hint = _("use a smaller base model ({names})", names=names)
    if why.message.startswith("CUDA error"):
        pinned = _("if the card has free memory, pinned memory ran out, which WSL2 limits: gradient_checkpointing: true does without")
        hint += f";\n     {pinned}"
    if card.others > MARGIN * card.total:
        hint = _("close other programs on the card (nvidia-smi lists them), or {hint}", hint=hint)
    return TweetstyleError(f"{what} ({why.message})", where="training", hint=hint)


@contextmanager
def one_message_for_failures(directory: Path) -> Iterator[None]:
    """Inside the block an error of CUDA, of a full disk, one that Triton, Inductor or bitsandbytes raises, and memory that ran out become
    TweetstyleError; but for the disk's, the traceback is kept in directory/card-failure.txt.

    A process whose card failed cannot use it again (CUDA C++ programming guide, error checking: sticky errors), so nothing is
    tried again here.
    """
    try:
        yield
    except Exception as error:
        first = next((met for met in causes(error) if _is_the_cards(met)), None)
        if first is not None:
            what, hint = _("the card failed: {error}", error=_first_line(first)), _(HINT)
        elif is_out_of_memory(error):
            what, hint = _("out of memory: {error}", error=_first_line(error)), _(MEMORY_HINT)
        elif isinstance(error, TweetstyleError):
            raise
        elif _is_the_disks(error):
            free = size(free_bytes(directory))
            hint = _("check the disk ({free} free) and run the same command again: completed work is kept", free=free)
            why = next((reason(met) for met in causes(error) if isinstance(met, OSError)), _first_line(error))
            raise TweetstyleError(_("could not write: {error}", error=why), where=str(directory), hint=hint) from error
        elif library := _failed_library(error):
            values = {"library": library, "error": f"{type(error).__name__}: {_first_line(error)}"}
            what = _("{library}, which compiles or computes for the card, failed: {error}", **values)
            hint = _("tweetstyle doctor checks the usual causes (compiler, versions); the libraries' messages: {log}", log=directory / LOG)
        else:
            raise
        with complete_file(directory / REPORT) as stream:
            stream.write("".join(traceback.format_exception(error)))
        raise TweetstyleError(what, where=str(directory / REPORT), hint=hint) from error


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__


def _failed_library(error: BaseException) -> str | None:
    """The one of LIBRARIES in whose code an error was raised; None of other code."""
    for met in causes(error):
        frames = re.findall(r'^ *File "(.+?)", line', "".join(traceback.format_exception(met, chain=False)), re.MULTILINE)
        # Triton calls the C compiler through the standard library: that one's frames say nothing.
        own = [frame for frame in frames if SITE in frame or not frame.startswith((STANDARD_LIBRARY, "<"))]
        package = own[-1].partition(SITE)[2] if own else ""
        if found := next((name for prefix, name in LIBRARIES.items() if package.startswith(f"{prefix}/")), None):
            return found
    return None


def _is_the_cards(error: BaseException) -> bool:
    if not isinstance(error, RuntimeError) or is_out_of_memory(error):
        return False
    return type(error).__name__ == "AcceleratorError" or any(sign in str(error) for sign in CARD_SIGNS)


def _is_the_disks(error: BaseException) -> bool:
    """Whether a file could not be written: by Python, or by torch, safetensors and tokenizers, whose own errors are no OSError."""
    chain = causes(error)
    return any(isinstance(met, OSError) and met.errno in DISK_ERRORS for met in chain) or any(
        sign in str(met) for met in chain for sign in (*WRITERS_SIGNS, *(f"(os error {number})" for number in DISK_ERRORS))
    )

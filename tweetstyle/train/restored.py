"""The checks before a checkpoint is resumed. Imports torch and transformers."""

from __future__ import annotations

import pickle
import re
import struct
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from transformers import TrainerState
from transformers.trainer_pt_utils import safe_globals

from tweetstyle.errors import TweetstyleError
from tweetstyle.model.pickles import pickled
from tweetstyle.train.checkpoints import Checkpoint, sealed_steps

STATES = {"optimizer.pt": {"state", "param_groups"}, "scheduler.pt": {"last_epoch"}, "rng_state.pth": {"python", "numpy", "cpu"}}
"""The pickles that the Trainer resumes from, with keys of each."""
ARGUMENTS = "training_args.bin"
"""One more that the Trainer writes beside them, and that nothing reads."""
OF_BAD_BYTES = (
    pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError, AssertionError,
    ArithmeticError, OSError, MemoryError, struct.error,
)  # fmt: skip
"""What torch's unpickler of weights raises of bytes that are none: the first where it refuses them, the others where it stumbles."""


def check_restorable(checkpoint: Checkpoint) -> None:
    """Refuses a checkpoint that is sealed and yet holds what no training leaves. Nothing in it is carried out.

    The states are pickles, and read as data (torch.load, weights_only), their tensors not at all. A pickle under a name that the Trainer
    would look for is refused unread. Raises TweetstyleError, with what to delete.
    """
    path = checkpoint.path
    for name in pickled(path):
        if name not in STATES and name != ARGUMENTS:
            raise _forged(path, name, "is a pickle that no training leaves there")
    for name, keys in STATES.items():
        if why := _why_no_state(path / name, keys):
            raise _forged(path, name, why)
    weights = [name for name in checkpoint.files if name.endswith(".safetensors")]
    for name in weights:
        if not _is_safetensors(path / name):
            raise _forged(path, name, "is no safetensors file")
    if not weights:
        raise _forged(path, "*.safetensors", "is not there")
    if not _is_at(path / "trainer_state.json", checkpoint.step):
        raise _forged(path, "trainer_state.json", f"is not the Trainer's at step {checkpoint.step}")


def _why_no_state(path: Path, keys: set[str]) -> str | None:
    if not path.is_file():
        return "is not there"
    try:
        with safe_globals():
            # Mapped, not read: of an 8B model's optimizer only the pickle is checked.
            content = torch.load(str(path), map_location="cpu", weights_only=True, mmap=True)
    except OF_BAD_BYTES as error:
        called = re.search(r"GLOBAL (\S+)", str(error))
        return f"is a program that would call {called[1]}; it was not run" if called else "cannot be read as data; nothing in it was run"
    return None if isinstance(content, dict) and keys <= content.keys() else "holds other things than a training leaves there"


def _is_safetensors(path: Path) -> bool:
    try:
        with safe_open(path, "pt") as stored:
            return bool(stored.keys())
    except SafetensorError:
        return False


def _is_at(path: Path, step: int) -> bool:
    try:
        return TrainerState.load_from_json(str(path)).global_step == step
    except (OSError, ValueError, TypeError, AttributeError):
        return False


def _forged(path: Path, name: str, why: str) -> TweetstyleError:
    before = [step for step in sealed_steps(path.parent) if f"checkpoint-{step}" != path.name]
    then = f"it resumes from checkpoint-{before[-1]}, or from an earlier one" if before else "it starts again"
    what = f"{name} {why}. The checkpoint's seal fits it all the same: something other than this program wrote both"
    hint = f"find out what did; then rm -r {path}, and run the same command again: {then}"
    return TweetstyleError(what, where=str(path), hint=hint)

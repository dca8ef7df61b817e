"""What the libraries read when they are imported: it keeps them off the network (docs/privacy.md says what each would send)."""

from __future__ import annotations

import os

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "UNSLOTH_DISABLE_STATISTICS": "1",
    "UNSLOTH_USE_MODELSCOPE": "0",
}
"""Set in every process of ours, whatever the user's environment says: a run needs nothing that is not on the disk."""


def keep_offline() -> None:
    """Sets it. Called at the doors, before anything can import a library that reads it once and for all."""
    os.environ.update(OFFLINE)


def without_triton_in_torch() -> None:
    """torch 2.14 computes some products by Triton, which needs a C compiler; evaluation is plain torch and gains nothing by it
    (github.com/pytorch/pytorch/issues/196977).
    """
    os.environ["TORCH_DISABLE_NATIVE_JIT"] = "1"

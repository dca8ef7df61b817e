"""EMULATED_CARD_FAULT=KIND:N: what happens in the N-th backward pass through attention of this process.

With a model of one layer that is its N-th micro-batch, those of a probe included.
out-of-memory   torch.OutOfMemoryError, as the allocator raises it
card-failure    torch.AcceleratorError, as of a kernel that died
kill            SIGKILL of this process
"""

import os
import signal

import torch

from emulated_card.card import record

_count = 0


def in_backward():
    global _count
    _count += 1
    kind, _, number = os.environ.get("EMULATED_CARD_FAULT", "").partition(":")
    if not kind or _count != int(number):
        return
    record("fault", kind, "in backward pass", number)
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "out-of-memory":
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 64.00 MiB. (emulated fault)")
    raise torch.AcceleratorError("CUDA error: unspecified launch failure (emulated fault)")

"""An emulated NVIDIA card: torch, Triton and bitsandbytes behave as on one RTX 3060, and compute on the CPU.

For tests of code that takes another path on a card (Unsloth, TRL, PEFT, accelerate), with real numbers, on tiny models. Started by
`sitecustomize.py` in the directory above, so that every child process has it too; tests/support/emulated_card.py sets the environment.

card       what the card is, and the count of its memory
faults     out of memory, a card that fails, a kill: at a chosen micro-batch
tensors    CPU tensors with a mark "on the card"; devices that do not match raise, as on a card
attention  torch's varlen flash attention, by a reference
cuda       torch.cuda's answers, autocast, and which attention kernel SDPA takes
kernels    Triton kernels, unmodified, in Triton's interpreter
four_bits  bitsandbytes' CUDA functions, in numpy
bfloat16, narrow_rows   what Triton's interpreter needs

Not emulated: torch.compile (off), Triton's compiler, CUDA kernels, asynchronous copies, the allocator's reserve, speed.
Made for torch 2.14, Triton 3.8, bitsandbytes 0.50, Unsloth 2026.10. tests/gpu_emulation/
test_emulated_card.py fails where other versions undo it.
"""

import importlib
import os
import sys

from emulated_card.imports import AfterImport


def install() -> None:
    """Before torch is imported. Each library is changed as soon as it has been imported."""
    os.environ["TRITON_INTERPRET"] = "1"
    os.environ["TORCHDYNAMO_DISABLE"] = "1"
    # Unsloth's own Triton kernel for 4-bit weights, instead of bitsandbytes': some minutes a step in the interpreter.
    os.environ["UNSLOTH_BNB_TRITON"] = "0"
    hooks = {
        "torch": ("tensors", "cuda"),
        "triton": ("kernels",),
        "triton.runtime.interpreter": ("bfloat16",),
        "bitsandbytes.cextension": ("four_bits",),
        "unsloth.kernels.rms_layernorm": ("narrow_rows",),
    }
    sys.meta_path.insert(0, AfterImport({name: _changed_by(parts) for name, parts in hooks.items()}))


def _changed_by(parts):
    def change(module):
        for part in parts:
            importlib.import_module(f"emulated_card.{part}").change(module)

    return change

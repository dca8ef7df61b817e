"""An emulated NVIDIA card: torch, Triton and bitsandbytes behave as on one RTX 3060, and compute on the CPU.

For tests of code that takes another path on a card (Unsloth, TRL, PEFT, accelerate), with real numbers, on tiny models. Started by
`sitecustomize.py` in the directory above, so that every child process has it too; tests/support/emulated_card.py sets the environment.

card       what the card is, and the count of its memory
tensors    CPU tensors with a mark "on the card"; devices that do not match raise, as on a card
attention  torch's varlen flash attention, by a reference; out of memory, a card that fails, a kill: at a chosen micro-batch
cuda       torch.cuda's answers, autocast, and which attention kernel SDPA takes
kernels    Triton kernels, unmodified, in Triton's interpreter
four_bits  bitsandbytes' CUDA functions, in numpy
bfloat16   its arithmetic in Triton's interpreter

Not emulated: torch.compile (off), Triton's compiler, CUDA kernels, asynchronous copies, the allocator's reserve, speed.
Made for torch 2.14, Triton 3.8, bitsandbytes 0.50, Unsloth 2026.10. tests/gpu_emulation/
test_emulated_card.py fails where other versions undo it.
"""

import importlib.abc
import importlib.util
import os
import sys


class AfterImport(importlib.abc.MetaPathFinder):
    """hooks: module name → function of the module, called once, after its code has run for the first time."""

    def __init__(self, hooks):
        self.hooks = dict(hooks)

    def find_spec(self, name, path=None, target=None):
        if name not in self.hooks:
            return None
        hook = self.hooks.pop(name)  # while the other finders are asked
        spec = importlib.util.find_spec(name)
        self.hooks[name] = hook
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            if hook := self.hooks.pop(name, None):
                hook(module)

        spec.loader.exec_module = exec_module
        return spec


def install():
    """Before torch is imported. Each library is changed as soon as it has been imported."""
    # UNSLOTH_BNB_TRITON: its own Triton kernel for 4-bit weights, instead of bitsandbytes', takes some minutes a step in the interpreter.
    os.environ |= {"TRITON_INTERPRET": "1", "TORCHDYNAMO_DISABLE": "1", "UNSLOTH_BNB_TRITON": "0"}
    hooks = {
        "torch": _changed_by("tensors", "cuda"),
        "triton": _changed_by("kernels"),
        "triton.runtime.interpreter": _changed_by("bfloat16"),
        "bitsandbytes.cextension": _changed_by("four_bits"),
        # Unsloth calculates narrow rows 64 at a time where the bits are those of the kernel for one row; in the interpreter numpy adds in
        # another order. Row by row, they would be most of a test's time.
        "unsloth.kernels.rms_layernorm": lambda module: setattr(module, "_multirow_self_check", lambda *_: True),
    }
    sys.meta_path.insert(0, AfterImport(hooks))


def _changed_by(*parts):
    def change(module):
        for part in parts:
            importlib.import_module(f"emulated_card.{part}").change(module)

    return change

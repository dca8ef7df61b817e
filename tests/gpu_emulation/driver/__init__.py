"""A CUDA driver without a card, over which PyTorch's own allocator counts the memory of a full-size model.

`build` compiles fake_cuda.c and gives the environment of a process that is to use it; `python -m gpu_emulation.driver.counted` is
that process, in which the product's own training runs, and `gpu_emulation.driver.counted_later` the one after it, without Unsloth, in
which the product evaluates and checks the export. What is real: the allocator, autograd, Triton's compiler and
launcher, bitsandbytes, Unsloth, TRL, and the product's own code. What is not: no kernel computes, so every number on the card is
zero or garbage, and time means nothing. The card is one of sm_86 (an RTX 3060).
"""

from gpu_emulation.driver.build import build_driver, card_environment
from gpu_emulation.driver.cell import Cell
from gpu_emulation.driver.hollow import SHAPES, write_hollow_adapter, write_hollow_base

__all__ = ["SHAPES", "Cell", "build_driver", "card_environment", "write_hollow_adapter", "write_hollow_base"]

"""A CUDA driver without a card, over which PyTorch's own allocator counts the memory of a full-size model (bench/memory).

`build_driver` compiles fake_cuda.c; `card_environment` is that of a process that is to use it. The card is one of sm_86 (an RTX 3060).
"""

from gpu_emulation.driver.build import build_driver, card_environment

__all__ = ["build_driver", "card_environment"]

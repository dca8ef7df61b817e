"""Counts the memory of a full-size model over a CUDA driver without a card (tests/gpu_emulation/driver). bench/gpu_memory.py has the grid.

cell        one setting whose memory is counted
hollow      base models and adapters of full size that take no disk
counting    the driver's figures, and whether this process runs on it
forks       a process on it that has imported Unsloth once
training    the product's own training over a cell, validated, with samples
evaluation  what follows it in a process without Unsloth: the evaluation, the export's check

What is real: the allocator, autograd, Triton's compiler and launcher, bitsandbytes, Unsloth, TRL, and the product's own code. What is
not: no kernel computes, so every number on the card is zero or garbage, and time means nothing.
"""

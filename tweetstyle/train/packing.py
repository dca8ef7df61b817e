"""How many packs TRL's best-fit-decreasing packing makes, and how many steps follow: arithmetic for the plan, without torch."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Sequence

from tweetstyle.recipe import Training

MAP_BATCH = 1000
"""Documents that datasets.Dataset.map hands to the packer at a time (its batch_size): packs do not cross such a batch."""


def pack_count(lengths: Sequence[int], max_length: int) -> int:
    """Packs of at most `max_length` tokens for documents of these lengths (tokens), in the order of the file.

    Best fit decreasing (trl.data_utils.pack_dataset, strategy "bfd"; arXiv 2404.10830): the longest document first, each
    into the fullest pack that still holds it. Longer documents count as cut at `max_length`, empty ones are left out.
    """
    return sum(_pack_batch(lengths[i : i + MAP_BATCH], max_length) for i in range(0, len(lengths), MAP_BATCH))


def _pack_batch(lengths: Sequence[int], max_length: int) -> int:
    packs, spaces = 0, []
    for length in sorted((min(n, max_length) for n in lengths if n), reverse=True):
        place = bisect_left(spaces, length)
        if place == len(spaces):
            packs += 1
            space = max_length
        else:
            space = spaces.pop(place)
        if space > length:
            insort(spaces, space - length)
    return packs


def step_count(packs: int, training: Training) -> tuple[int, int]:
    """(optimizer steps of the run, of one epoch), as transformers' Trainer counts them: a last smaller batch is a step too."""
    batches = math.ceil(packs / training.per_device_train_batch_size)
    in_epoch = max(1, math.ceil(batches / training.gradient_accumulation_steps))
    if training.max_steps > 0:
        return training.max_steps, in_epoch
    return math.ceil(training.num_train_epochs * in_epoch), in_epoch

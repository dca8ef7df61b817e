"""The probe: a few real steps at the longest pack. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Any

from tweetstyle.dataset.examples import Document
from tweetstyle.hardware.gpu import Card
from tweetstyle.hardware.machine import installed_versions
from tweetstyle.model.base import BaseModel
from tweetstyle.plan.memory import plan_memory
from tweetstyle.plan.probe import Probe, decisive_settings
from tweetstyle.recipe import Model, Training

STEPS, COUNTED = 5, 2
"""Optimizer steps of the probe, and how many of the fastest its speed is of: others make the optimizer's states or compile kernels."""
SETTLED = 1.1
"""How much longer than the fastest step the second fastest may take; more, and kernels were still compiled in all others but one."""
LIBRARIES = ("torch", "unsloth", "unsloth_zoo", "trl", "transformers", "peft", "bitsandbytes", "xformers", "triton")


@dataclass(frozen=True)
class Measured:
    """seconds: of each optimizer step; tokens: of one step; bytes as in Probe."""

    seconds: list[float]
    tokens: int
    peak_bytes: int
    reserved_bytes: int | None


def probe_training(training: Training) -> Training:
    """The recipe's settings for the probe: steps of at most two batches, since the second one adds to gradients that are there already."""
    accumulation = min(training.gradient_accumulation_steps, 2)
    return training.model_copy(update={"max_steps": STEPS, "gradient_accumulation_steps": accumulation, "logging_steps": STEPS})


def longest_packs(documents: Sequence[Document], max_length: int, count: int) -> dict[str, list[list[int]]]:
    """`count` packs of exactly `max_length` tokens, of the documents in turn, in the columns that TRL's packing makes.

    A document that no longer fits is cut: the kernels see tweets of real lengths, and no pack of the run can be longer.
    """
    packs: list[dict[str, list[int]]] = []
    endless = cycle([document for document in documents if document.ids])
    for _pack in range(count):
        packs.append(pack := {"input_ids": [], "labels": [], "seq_lengths": []})
        while (left := max_length - len(pack["input_ids"])) > 0:
            document = next(endless)
            pack["input_ids"] += document.ids[:left]
            pack["labels"] += document.labels[:left]
            pack["seq_lengths"].append(min(len(document.ids), left))
    return {name: [pack[name] for pack in packs] for name in packs[0]}


def probe_of(measured: Measured, base: BaseModel, model: Model, training: Training, device: str, *, card: Card | None) -> Probe:
    """Measured and predicted side by side. training: the recipe's settings with the batch that was probed; card: that it was probed on."""
    fastest = sorted(measured.seconds)[:COUNTED]
    return Probe(
        tokens_per_second=measured.tokens * len(fastest) / sum(fastest),
        peak_bytes=measured.peak_bytes,
        predicted_bytes=plan_memory(base.config, model, training, card=card).tensors if card else None,
        reserved_bytes=measured.reserved_bytes,
        device=device,
        settings=decisive_settings(base.path, model, training),
        versions=installed_versions(LIBRARIES),
        steps=len(measured.seconds),
        settled=fastest[-1] <= SETTLED * fastest[0],
    )


def is_due(known: Probe | None, training: Training, settings: dict[str, Any], device: str, *, card: bool) -> bool:
    """Whether to probe: set by the recipe (auto: with a card), and not measured already under the same settings, libraries and device."""
    if training.probe == "never" or (training.probe == "auto" and not card):
        return False
    if known is None:
        return True
    now = replace(known, settings=settings, device=device, versions=installed_versions(LIBRARIES))
    return now != known

"""How strongly the adapter is added to the base: chosen on validation tweets."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tweetstyle.dataset.held_out import HeldOut, clusters
from tweetstyle.recipe import Evaluation
from tweetstyle.statistics.intervals import Interval, choose

SCALES = (0.8, 0.9, 1.0, 1.2, 1.4)
AS_TRAINED = 1.0


@dataclass(frozen=True)
class AdapterScale:
    """chosen: what the adapter is multiplied by, besides alpha / r. Of those tried: bits per byte of the validation tweets, and what they
    save against 1, by the scale as text (JSON has no other keys)."""

    chosen: float = AS_TRAINED
    bits_per_byte: dict[str, float] = field(default_factory=dict)
    gains: dict[str, Interval] = field(default_factory=dict)


def choose_scale(nats_at: Callable[[float], np.ndarray], sample: HeldOut) -> AdapterScale:
    """The scale that predicts the validation tweets best where that counts, else 1.

    From 1 towards the better side, scale by scale, until it gets worse: most often two scales are tried. The loss of one adapter has
    one lowest point along its scale, near which it is a parabola.

    Args:
        nats_at: scale → losses of the sample's tweets, float [n].
    """
    nats = {AS_TRAINED: nats_at(AS_TRAINED)}

    def loss(scale: float) -> float:
        if scale not in nats:
            nats[scale] = nats_at(scale)
        return nats[scale].sum()

    middle = SCALES.index(AS_TRAINED)
    for side in (SCALES[middle:], SCALES[middle::-1]):
        for before, scale in zip(side, side[1:], strict=False):
            if loss(scale) >= loss(before):
                break
    choice = choose(nats, AS_TRAINED, sample.bytes, clusters(sample.tweets), **Evaluation().bootstrap)
    bits = {str(scale): float(of.sum() / (math.log(2) * sample.bytes.sum())) for scale, of in sorted(nats.items())}
    return AdapterScale(choice.chosen, bits, {str(scale): gain for scale, gain in sorted(choice.gains.items())})

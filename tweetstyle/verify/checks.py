"""One check of the gate: figures, limits, verdict."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tweetstyle.dataset.held_out import HeldOut, clusters
from tweetstyle.recipe import Evaluation
from tweetstyle.statistics.intervals import bootstrap_t
from tweetstyle.wording.words import Note, Say

BITS_LIMITS = {"f32": 0.005, "f16": 0.005, "bf16": 0.01, "q8_0": 0.02, "q6_k": 0.04, "q5_k_m": 0.2, "q4_k_m": 0.12}
"""Bits per byte that a GGUF may lose against the model as it was trained, at the interval's upper end.

Measured on the demo's tuned SmolLM2-135M, which had learned 0.92: 0.0000, 0.0000, 0.0011, 0.0031, 0.0101, 0.0695, 0.0260. A larger model
loses less, a wrong weight costs whole nats. A qlora model computes in bfloat16 when it is scored as it was trained: up to 0.0023, where
llama.cpp's f16 held the very same weights."""


@dataclass(frozen=True)
class GateCheck:
    """name: tokens, tokens in Ollama, training or stop; type: of the GGUF that was checked.

    passed: None where it could not be made; why then says so, as it says what failed. limits: figure → the most that it may be.
    """

    name: str
    type: str
    passed: bool | None
    figures: dict[str, float | int | str]
    limits: dict[str, float] = field(default_factory=dict)
    why: list[Note] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        return {True: "passed", False: "failed", None: "not made"}[self.passed]

    @property
    def reason(self) -> str:
        """`why` in English."""
        return Say("en").notes(self.why)


def within(name: str, type: str, figures: dict[str, float | int | str], limits: dict[str, float]) -> GateCheck:
    """A check whose figures may not be above their limits; one that is no number is above every limit."""
    above = [key for key, limit in limits.items() if not figures[key] <= limit]
    why = [Note("above", {"figure": key, "value": figures[key], "limit": limits[key]}) for key in above]
    return GateCheck(name, type, not above, figures, limits, why)


def training_loss(type: str, nats: np.ndarray, as_trained: np.ndarray, sample: HeldOut, evaluation: Evaluation) -> GateCheck:
    """Bits per byte that a GGUF loses against the model as it was trained.

    Args:
        type: of the GGUF.
        nats: float64 [documents], the GGUF's summed losses of the sample.
        as_trained: float64 [documents], the trained model's.
        sample: the held-out tweets.
        evaluation: how the interval is made.
    """
    interval = bootstrap_t(
        (nats - as_trained) / np.log(2),
        sample.bytes,
        clusters(sample.tweets),
        confidence=evaluation.confidence,
        resamples=evaluation.bootstrap_resamples,
        seed=evaluation.seed,
    )
    size = sample.bytes.sum() * np.log(2)
    figures = {
        "bits per byte": float(nats.sum() / size),
        "as trained": float(as_trained.sum() / size),
        "lost": interval.estimate,
        "lost at least": interval.estimate if interval.low is None else interval.low,
        "lost at most": interval.estimate if interval.high is None else interval.high,
        "confidence": interval.confidence,
        "clusters": interval.clusters,
        "tweets": len(sample.documents),
    }
    return within("training", type, figures, {"lost at most": BITS_LIMITS[type]})

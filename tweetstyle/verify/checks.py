"""One check of the gate: figures, limits, verdict."""

from __future__ import annotations

from dataclasses import dataclass, field

from tweetstyle.wording.words import Note, Say

TYPES = ("f32", "f16", "bf16", "q8_0", "q6_k", "q5_k_m", "q4_k_m")

KL_LIMITS = dict(zip(TYPES, (1e-5, 1e-4, 1e-3, 0.03, 0.07, 0.4, 0.3), strict=True))
"""Mean Kullback-Leibler divergence in nats of a GGUF's predictions from those of the weights it was made of.

Measured on the demo's tuned SmolLM2-135M: 7.4e-7, 3.7e-6, 2.3e-4, 4.9e-3, 1.35e-2, 0.115, 0.059. The limits are from four to
thirty times that: a larger model loses less, a wrong weight costs whole nats."""

BITS_LIMITS = dict(zip(TYPES, (0.005, 0.005, 0.01, 0.02, 0.04, 0.2, 0.12), strict=True))
"""Bits per byte that a GGUF may lose against the model as it was trained, at the interval's upper end.

Measured on the demo's tuned SmolLM2-135M, which had learned 0.92: 0.0000, 0.0000, 0.0011, 0.0031, 0.0101, 0.0695, 0.0260. A qlora
model computes in bfloat16 when it is scored as it was trained: up to 0.0023, where llama.cpp's f16 held the very same weights."""


@dataclass(frozen=True)
class GateCheck:
    """name: tokens, tokens in Ollama, conversion, training or stop; type: of the GGUF that was checked.

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

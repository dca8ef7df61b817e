"""Losses of documents under a base and a tuned model, as the evaluation reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tweetstyle.inference.likelihood import Reading, TunedModel, score_readings
from tweetstyle.model.base import BaseModel
from tweetstyle.model.tokenizer import Encoded


@dataclass(frozen=True)
class Scored:
    """Negative log-likelihoods in nats, float64 [n], in the order of the documents."""

    base: np.ndarray
    tuned: np.ndarray


def score(
    base: BaseModel,
    final_model: Path,
    method: str,
    documents: Sequence[Encoded],
    advance: Callable[[int], None] = lambda tokens: None,
) -> Scored:
    alike = {"": Reading(documents)}
    by_base, by_tuned = score_readings(TunedModel(base, final_model, method), alike, alike, advance)
    return Scored(by_base[""], by_tuned[""])

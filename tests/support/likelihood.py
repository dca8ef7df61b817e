"""Losses of documents under a base and a tuned model, as the evaluation reads them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tweetstyle.inference.likelihood import Reading, TunedModel, score_readings
from tweetstyle.model.base import BaseModel
from tweetstyle.model.tokenizer import Encoded


@dataclass(frozen=True)
class Scored:
    """Negative log-likelihoods in nats, float64 [n], in the order of the documents."""

    base: np.ndarray
    tuned: np.ndarray


def score(base: BaseModel, final_model: Path, method: str, documents: Sequence[Encoded]) -> Scored:
    alike = {"": Reading(documents)}
    by_base, by_tuned = score_readings(TunedModel(base, final_model, method), alike, alike)
    return Scored(by_base[""], by_tuned[""])


def plain_sums(model: Any, documents: Sequence[Encoded]) -> list[float]:
    """What the transformers documentation does: labels with -100 on the prompt, loss times the number of labels.

    model: a model, or its directory.
    """
    import torch
    from transformers import AutoModelForCausalLM

    if isinstance(model, Path):
        model = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    sums = []
    with torch.no_grad():
        for document in documents:
            loss = model(input_ids=torch.tensor([document.ids]), labels=torch.tensor([document.labels])).loss
            sums.append(loss.item() * sum(label != -100 for label in document.labels[1:]))
    return sums

"""What a training is made of, and the plan that it follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tweetstyle.dataset.examples import Document
from tweetstyle.model.base import BaseModel
from tweetstyle.plan.schedule import Schedule
from tweetstyle.prompt.template import Template
from tweetstyle.recipe import Model, Training

if TYPE_CHECKING:
    from tweetstyle.train.metrics import Metrics


@dataclass(frozen=True)
class FitPlan:
    """What a run will do. tokens: of one epoch; fill: share of the packs' room that tokens take; cut: tweets beyond max_length.

    schedule: the settings that are carried out, the recipe's own or, where those cannot learn, adapted ones.
    """

    schedule: Schedule
    tweets: int
    tokens: int
    cut: int
    packs: int
    fill: float
    epochs: float
    steps_per_epoch: int
    steps: int
    checkpoints: int


@dataclass(frozen=True)
class FitInputs:
    """What a run is made of."""

    base: BaseModel
    template: Template
    model: Model
    training: Training
    documents: list[Document]
    held_out: list[Document]
    plan: FitPlan
    directory: Path
    metrics: Metrics
    splits: tuple[Path, Path]
    validated: Callable[[], None]

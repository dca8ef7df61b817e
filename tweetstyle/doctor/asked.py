"""What a run asks of the machine, in plain values: computed from the recipe by who knows it, read by the checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tweetstyle.model.base import BaseModel
from tweetstyle.prompt.template import Template
from tweetstyle.recipe import Model, Training


@dataclass(frozen=True)
class Room:
    """Bytes that a run may write beneath a directory, which need not exist yet; why: what for."""

    directory: Path
    bytes: int
    why: str = ""


@dataclass(frozen=True)
class Asked:
    """Bytes. base, template: None where one of them is not whole or refused: what is planned is then by the model's shape alone.
    card: planned at the peak of a step, without what others hold; card_least: the tensors of that peak and CUDA's context alone;
    ram: what the largest part takes of the machine's memory, part → bytes. newest_tweet: seconds since 1970, where tweets have been
    prepared.
    """

    base: BaseModel | None
    template: Template | None
    model: Model
    training: Training
    parameters: int
    card: int
    card_least: int
    ram: Mapping[str, int]
    rooms: tuple[Room, ...]
    files: tuple[Path, ...]
    newest_tweet: int | None = None

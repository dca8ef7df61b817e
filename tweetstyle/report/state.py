"""What a run was doing as its report was written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

REWRITTEN_EVERY = 60.0
"""Seconds between two versions of the page while the training is at work."""
STALE_MINUTES = 10
"""A page of a training that is older than this has nobody any more who rewrites it: the process was killed."""


@dataclass(frozen=True)
class State:
    """A stage at work, or the stage in which a run ended.

    at: local time of writing. training: whether the training itself is at work, so that the page is rewritten and reloads itself.
    error: what ended the stage; None while it is at work. started: when the current command began the stage; None: at `at`.
    """

    stage: str
    at: datetime
    training: bool = False
    error: str | None = None
    started: datetime | None = None

    @property
    def time(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S}"

    @property
    def start(self) -> str:
        return f"{self.started or self.at:%Y-%m-%d %H:%M:%S}"


def now() -> datetime:
    return datetime.now()

"""What a run left on disk, read for its report."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tweetstyle.files import read_back
from tweetstyle.plan.probe import read_probe
from tweetstyle.statistics.metrics import read_metrics


@dataclass(frozen=True)
class RunFiles:
    """run: model/<run>; processed: what prepare wrote; export: export/<run>; recipe_text: as the recipe is written; versions: by name."""

    run: Path
    processed: Path
    export: Path
    recipe_text: str
    versions: dict[str, str]


@dataclass(frozen=True)
class Read:
    """The files' content, {} or [] for one that is missing or damaged.

    talks: whether the run's tweets answer messages; begins: whether their prompts hold their own first words; played: the playback
    that its messages are of, {} where another has been since.
    """

    name: str
    evaluation: dict[str, Any]
    metrics: list[dict[str, Any]]
    output: dict[str, Any]
    fit: dict[str, Any]
    probe: dict[str, Any]
    prepared: dict[str, Any]
    gate: dict[str, Any]
    talks: bool
    begins: bool
    played: dict[str, Any]
    manifests: dict[str, dict[str, Any]]

    @property
    def ended(self) -> bool:
        """Whether the training has ended, though fit may still measure its model. A train_output.json from before steps that are
        trained again does not count."""
        last_step = max((line["step"] for line in self.metrics if "loss" in line), default=None)
        return bool(self.fit) or (last_step is not None and self.output.get("global_step") == last_step)


@dataclass(frozen=True)
class _Stage:
    """A stage's manifest, as far as it goes."""

    settings: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _TrainOutput:
    global_step: int
    metrics: dict[str, int | float]


@dataclass(frozen=True)
class _Gate:
    verdict: dict[str, list[str]] | str
    checks: list[dict[str, Any]]
    versions: dict[str, str] = field(default_factory=dict)


def read_run(files: RunFiles) -> Read:
    """manifests: stage → manifest, of those stages that are complete."""
    paths = {
        "prepare": files.processed / "manifest.json",
        "fit": files.run / "fit.json",
        "evaluate": files.run / "evaluate.json",
        "export": files.export / "manifest.json",
    }
    manifests = {stage: found for stage, path in paths.items() if (found := _fields(path, _Stage))}
    message = _message(manifests)
    talks = message == "playback"
    return Read(
        name=files.run.name,
        evaluation=read_back(files.run / "evaluation.json", dict[str, Any]) or {},
        metrics=read_metrics(files.run / "metrics.jsonl"),
        output=_fields(files.run / "train_output.json", _TrainOutput),
        fit=manifests.get("fit", {}),
        probe=vars(probe) if (probe := read_probe(files.run)) else {},
        prepared=manifests.get("prepare", {}).get("facts", {}),
        gate=_fields(files.export / "parity.json", _Gate),
        talks=talks,
        begins=message == "first-words",
        played=_played(_fields(files.processed / "playback.json", _Stage), manifests.get("fit", {})) if talks else {},
        manifests=manifests,
    )


def _message(manifests: dict[str, dict[str, Any]]) -> str | None:
    """The recipe's prompt.message as the run was trained; before that, as its tweets were prepared. Runs can share what prepare and
    playback wrote."""
    of = manifests.get("fit") or manifests.get("prepare", {})
    return of.get("settings", {}).get("prompt", {}).get("message")


def _played(played: dict[str, Any], fit: dict[str, Any]) -> dict[str, Any]:
    """{} where the run was trained on other messages than these."""
    name = "messages-train.jsonl"
    read = [digest for path, digest in fit.get("inputs", {}).items() if path.rpartition("/")[2] == name]
    return {} if read and read != [played.get("outputs", {}).get(name)] else played


def _fields(path: Path, content: type) -> dict[str, Any]:
    """The fields of a file's content, {} where it is missing or damaged."""
    found = read_back(path, content)
    return {} if found is None else vars(found)


REWRITTEN_EVERY = 60.0
"""Seconds between two versions of the page during a training."""
STALE_MINUTES = 10
"""A page of a training that is older than this is no longer rewritten: the process was killed."""


@dataclass(frozen=True)
class State:
    """A stage in progress, or the stage in which a run ended.

    at: local time of writing. training: whether the training itself is in progress, so that the page is rewritten and reloads itself.
    error: what ended the stage; None while it is in progress. started: when the current command began the stage; None: at `at`.
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

"""What a run left on disk, read for its report."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tweetstyle.files import read_object
from tweetstyle.plan.probe import read_probe
from tweetstyle.statistics.metrics import read_evaluation, read_metrics

MESSAGES = "messages-train.jsonl"
REWRITTEN_EVERY = 60.0
"""Seconds between two versions of the page during a training."""
STALE_MINUTES = 10
"""A page of a training that is older than this is no longer rewritten: the process was killed."""


@dataclass(frozen=True)
class State:
    """A stage in progress, or the stage in which a run ended.

    at: local time of writing. training: whether the training itself is in progress, so that the page is rewritten and reloads itself.
    error: what ended the stage; None while it is in progress.
    """

    stage: str
    at: datetime
    training: bool = False
    error: str | None = None


@dataclass(frozen=True)
class RunFiles:
    """run: model/<run>; processed: what prepare wrote; export: export/<run>; recipe_text: as the recipe is written; versions: by name."""

    run: Path
    processed: Path
    export: Path
    recipe_text: str
    versions: dict[str, str]


@dataclass(frozen=True)
class RunContent:
    """The files' content, {} or [] for one that is missing or damaged.

    manifests: of the stages that are complete; message: the recipe's prompt.message; played: the playback that its messages are of,
    {} where another has been since.
    """

    name: str
    evaluation: dict[str, Any]
    metrics: list[dict[str, Any]]
    output: dict[str, Any]
    probe: dict[str, Any]
    gate: dict[str, Any]
    message: str | None
    played: dict[str, Any]
    manifests: dict[str, dict[str, Any]]

    @property
    def fit(self) -> dict[str, Any]:
        return self.manifests.get("fit", {})

    @property
    def ended(self) -> bool:
        """Whether the training has ended, though fit may still measure its model. A train_output.json from before steps that are
        trained again does not count."""
        last_step = max((line["step"] for line in self.metrics if "loss" in line), default=None)
        return bool(self.fit) or (last_step is not None and self.output.get("global_step") == last_step)


def read_run(files: RunFiles) -> RunContent:
    """Runs can share what prepare and playback wrote: how the run was trained decides, and before that how its tweets were prepared."""
    paths = {
        "prepare": files.processed / "manifest.json",
        "fit": files.run / "fit.json",
        "evaluate": files.run / "evaluate.json",
        "export": files.export / "manifest.json",
    }
    manifests = {stage: found for stage, path in paths.items() if (found := read_object(path))}
    played, fit = read_object(files.processed / "playback.json"), manifests.get("fit", {})
    read = [digest for path, digest in fit.get("inputs", {}).items() if Path(path).name == MESSAGES]
    of_another_playback = read and read != [played.get("outputs", {}).get(MESSAGES)]
    return RunContent(
        name=files.run.name,
        evaluation=read_evaluation(files.run),
        metrics=read_metrics(files.run / "metrics.jsonl"),
        output=read_object(files.run / "train_output.json"),
        probe=vars(probe) if (probe := read_probe(files.run)) else {},
        gate=read_object(files.export / "parity.json"),
        message=(fit or manifests.get("prepare", {})).get("settings", {}).get("prompt", {}).get("message"),
        played={} if of_another_playback else played,
        manifests=manifests,
    )

"""What a run left on disk, read for its report. Every file may be absent: a run that is going on has few of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


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
    """The files' content, {} or [] for one that is missing or half written.

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


def read_run(files: RunFiles) -> Read:
    """manifests: stage → manifest, of those stages that are complete."""
    paths = {
        "prepare": files.processed / "manifest.json",
        "fit": files.run / "fit.json",
        "evaluate": files.run / "evaluate.json",
        "export": files.export / "manifest.json",
    }
    manifests = {stage: found for stage, path in paths.items() if (found := _json(path))}
    message = _message(manifests)
    talks = message == "playback"
    return Read(
        name=files.run.name,
        evaluation=_json(files.run / "evaluation.json"),
        metrics=_lines(files.run / "metrics.jsonl"),
        output=_json(files.run / "train_output.json"),
        fit=manifests.get("fit", {}),
        probe=_json(files.run / "probe.json"),
        prepared=manifests.get("prepare", {}).get("facts", {}),
        gate=_json(files.export / "parity.json"),
        talks=talks,
        begins=message == "first-words",
        played=_played(_json(files.processed / "playback.json"), manifests.get("fit", {})) if talks else {},
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


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _lines(path: Path) -> list[dict[str, Any]]:
    """Up to the first line that a kill left unfinished."""
    lines = []
    if path.is_file():
        for text in path.read_text(encoding="utf-8").splitlines():
            try:
                lines.append(json.loads(text))
            except ValueError:
                break
    return lines

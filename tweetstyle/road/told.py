"""What is told of a run at its end, of all that stands: the report and the verdict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tweetstyle.installed import installed_versions

if TYPE_CHECKING:
    from tweetstyle.road import Road

DECIDING = (
    "tweetstyle",
    "torch",
    "unsloth",
    "trl",
    "transformers",
    "peft",
    "bitsandbytes",
    "datasets",
    "xllamacpp",
    "gguf",
    "scikit-learn",
)
"""Packages named in the report, with which a run can be made again."""


def report(road: Road, *, live: bool) -> Path:
    """model/NAME/report.html, of what stands. live: the training is still going on, and the page loads itself again."""
    from tweetstyle.report import RunFiles, write_report

    recipe = road.recipe
    files = RunFiles(
        recipe.run_directory,
        recipe.data.processed,
        recipe.export_directory,
        road.path.read_text(encoding="utf-8"),
        installed_versions(DECIDING),
    )
    return write_report(files, recipe.language, live=live)


def verdict(road: Road) -> list[str]:
    """The three answers on what was measured, in the recipe's language; none where nothing was evaluated."""
    from tweetstyle.report import RunFiles, read_run, verdict

    recipe = road.recipe
    read = read_run(RunFiles(recipe.run_directory, recipe.data.processed, recipe.export_directory, "", {}))
    return verdict(read.evaluation, read.metrics, recipe.language, unfinished=not read.fit) if read.evaluation else []

"""Which training stands in model/NAME: run.json says what made it, and one of the same goes on with it."""

from __future__ import annotations

import json
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from tweetstyle.errors import TweetstyleError
from tweetstyle.files import complete_file, read_back
from tweetstyle.manifest import settings_digest
from tweetstyle.plan.disk import NOTHING, Standing
from tweetstyle.screen import say

if TYPE_CHECKING:
    from tweetstyle.road import Road

MARK = "run.json"
NO_WEIGHTS_DEPEND_ON = ("save_total_limit", "logging_steps", "samples", "probe")
"""Training settings that may change between an interruption and its resumption."""


def fit_identity(road: Road) -> str:
    """Digest of all that decides the weights: a run of the same goes on, one of another is set aside."""
    stage = road.stages["fit"]
    training = {k: v for k, v in stage.settings["training"].items() if k not in NO_WEIGHTS_DEPEND_ON}
    return settings_digest([stage.settings | {"training": training}, stage.inputs()])


def identity_in(directory: Path) -> str | None:
    """The identity of the run in a directory, None where there is no run. Raises TweetstyleError where its file is damaged."""
    mark = directory / MARK
    if not mark.is_file():
        return None
    found = read_back(mark, dict[str, str])
    if found is None or "identity" not in found:
        what = "damaged: it says which settings and data this training is of"
        hint = f"if they have not changed since, remove the file, and the training resumes; otherwise rename {directory} to keep it"
        raise TweetstyleError(what, where=str(mark), hint=hint)
    return found["identity"]


def set_aside_other_run(directory: Path, identity: str | None) -> None:
    """Renames a run made from other settings or data, so that its checkpoints are neither resumed nor lost."""
    mark = directory / MARK
    # Without the mark the directory is not a run of ours: it is left as it is.
    if mark.is_file() and (identity is None or identity_in(directory) != identity):
        number = 1
        while (aside := directory.with_name(f"{directory.name}-old-{number}")).exists():
            number += 1
        directory.rename(aside)
        say(f"          the earlier run now stands in {aside}")
    if identity is not None and not mark.is_file():
        with complete_file(mark) as stream:
            json.dump({"identity": identity}, stream)


def ready_to_fit(road: Road) -> bool:
    """Whether the stages before the training are current."""
    return not any(stage.why_stale() for stage in takewhile(lambda stage: stage.name != "fit", road.stages.values()))


def standing(road: Road) -> Standing:
    """What of a run stands, and is not written again by what is to be carried out."""
    from tweetstyle.train.checkpoints import has_ended

    if road.trains_anew or not ready_to_fit(road):
        return NOTHING
    if road.stages["fit"].why_stale() is None:
        exported = not road.exports or (not road.exports_anew and road.stages["export"].why_stale() is None)
        return Standing(prepared=True, ended=True, trained=True, exported=exported)
    run = road.recipe.run_directory
    if identity_in(run) != fit_identity(road):
        return Standing(prepared=True)
    written, ended = sum(f.stat().st_size for f in run.rglob("*") if f.is_file()), has_ended(run)
    # Before a training an export that would not fit is told, whoever carries it out; after it, only to who asks for one.
    return Standing(prepared=True, run=written, ended=ended, exported=ended and not road.exports)

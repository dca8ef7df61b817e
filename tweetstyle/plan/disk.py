"""What a run writes to which disk, and whether it fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tweetstyle.errors import TweetstyleError
from tweetstyle.hardware.disk import DiskUse, check_disk, missing_by_disk, observe_places
from tweetstyle.model.base import BaseConfig, BaseModel
from tweetstyle.model.config import read_shape
from tweetstyle.model.hub import known_model
from tweetstyle.plan.tensors import trained_parameters
from tweetstyle.recipe import Data, Recipe
from tweetstyle.sources import open_archive

OPTIMIZER_BYTES = 8
"""Bytes of optimizer state a trained parameter: two moments in fp32. In 8 bits it is less, but a CPU has no such optimizer."""
STILL_TO_COME = "base model, still to come"


@dataclass(frozen=True)
class ExistingOutputs:
    """What exists of a run and is not written again.

    prepared: the tweets; run: bytes that an interrupted training has written; ended: its last checkpoint, so that only the final model
    may still be missing; trained: that too; exported: the export, or none is needed.
    """

    prepared: bool = False
    run: int = 0
    ended: bool = False
    trained: bool = False
    exported: bool = False


NO_OUTPUTS = ExistingOutputs()


def written_to(recipe: Recipe) -> tuple[Path, ...]:
    """The directories of a run, wherever their disks are."""
    return (recipe.run_directory, recipe.export_directory, recipe.data.processed)


def disk_needed(recipe: Recipe, base: BaseConfig | BaseModel) -> dict[str, int]:
    """Bytes that a run may write, by what for. Checkpoints: weights in fp32 and optimizer state, one more than are kept.

    The base model where it is not there yet or not whole: as 16 bits a weight. Prepared data where the archive is there.
    """
    from tweetstyle.plan.export import room_needed

    shape = read_shape(base.config)
    trained = trained_parameters(shape, recipe.model)
    needed = {}
    if isinstance(base, BaseConfig) and not base.whole and (to_come := max(2 * shape.parameters - base.bytes_there, 0)):
        needed[STILL_TO_COME] = to_come
    bases = 2 if recipe.model.method == "qlora" and recipe.export.merge_base == "auto" else 1
    if archive := _archive_bytes(recipe.data):
        needed["prepared data"] = 3 * archive
    return needed | {
        "checkpoints": trained * (4 + OPTIMIZER_BYTES) * (recipe.training.save_total_limit + 1),
        "final model": trained * 4,
        "export": sum(room_needed(base, recipe.export, bases).values()),
    }


def _archive_bytes(data: Data) -> int:
    """0 where the archive is not there: what reads it says so."""
    if not all(path.exists() for path in data.source):
        return 0
    return open_archive(data.source, data.separator).size


def disk_uses(recipe: Recipe, base: BaseConfig | BaseModel, existing: ExistingOutputs = NO_OUTPUTS) -> tuple[DiskUse, ...]:
    """`disk_needed` by the directories that it goes to, without what exists. An older export is kept until the new one is complete, so it
    makes no room."""
    needed = disk_needed(recipe, base)
    checkpoints, final = needed.pop("checkpoints"), needed.pop("final model")
    run_left = final if existing.ended else max(checkpoints + final - existing.run, 0)
    needed["checkpoints and final model"] = 0 if existing.trained else run_left
    needed |= {why: 0 for why, done in (("prepared data", existing.prepared), ("export", existing.exported)) if done}
    directories = {"prepared data": recipe.data.processed, "export": recipe.export_directory, STILL_TO_COME: _comes_to(base)}
    return tuple(DiskUse(directories.get(why, recipe.run_directory), count, why) for why, count in needed.items())


def _comes_to(base: BaseConfig | BaseModel) -> Path:
    """Where the base model is, or will be by the command that fetches it."""
    known = None if base.path.is_dir() else known_model(base.path)
    return known.directory if known else base.path


def bytes_missing(rooms: Sequence[DiskUse]) -> int:
    """What is to be freed, of all disks together."""
    return sum(missing_by_disk(observe_places(room.directory for room in rooms), rooms))


def refuse_too_small_a_disk(recipe: Recipe, base: BaseConfig | BaseModel, existing: ExistingOutputs) -> None:
    """Raises TweetstyleError where doctor's check fails, in its words."""
    rooms = disk_uses(recipe, base, existing)
    directories = (*written_to(recipe), *(room.directory for room in rooms))
    for check in check_disk(observe_places(dict.fromkeys(directories)), rooms):
        if check.state == "fail":
            raise TweetstyleError(check.seen, hint=check.do)

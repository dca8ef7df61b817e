"""Free space by disk, and whether what will be written fits."""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tweetstyle.console import size
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import existing_parent
from tweetstyle.hardware.check import Check, fail, ok, warn
from tweetstyle.locale import N_, _, each_part

RESERVE = 256 * 2**20
"""Bytes that stay free beside what was planned: a disk filled to its last byte stops the desktop too."""


@dataclass(frozen=True)
class DiskUse:
    """Bytes that a run may write beneath a directory, which need not exist yet; why: what for."""

    directory: Path
    bytes: int
    why: str = ""


@dataclass(frozen=True)
class DirectorySpace:
    """Where a directory lies. device: equal for directories that share their free bytes; writable: whether one may write there."""

    device: int
    free: int
    writable: bool


def free_bytes(path: Path) -> int:
    """Of the disk where a path is, or will be."""
    return shutil.disk_usage(existing_parent(path)).free


def observe_places(directories: Iterable[Path]) -> dict[Path, DirectorySpace]:
    parents = {directory: existing_parent(directory) for directory in directories}
    return {
        directory: DirectorySpace(parent.stat().st_dev, free_bytes(parent), os.access(parent, os.W_OK | os.X_OK))
        for directory, parent in parents.items()
    }


def check_disk(places: Mapping[Path, DirectorySpace], uses: Sequence[DiskUse]) -> Iterator[Check]:
    """One check a disk: what goes to different disks is not added up."""
    for directories, free, on_it in _uses_by_disk(places, uses):
        name, needed = N_("disk"), sum(use.bytes for use in on_it)
        values = {"free": size(free), "directories": ", ".join(map(str, directories)), "needed": size(needed)}
        seen = _("{free} free for {directories}", **values)
        if needed:
            seen = _("{free} free for {directories}; the run may write {needed}", **values)
        if needed > free:
            parts = ", ".join(f"{each_part(use.why)} {size(use.bytes)}" for use in on_it if use.bytes > 0)
            hint = _(
                "free {missing} more, or keep fewer checkpoints (training.save_total_limit) or types (export.types)",
                missing=size(needed - free),
            )
            yield fail(name, _("the disk is too small: {seen}: {parts}", seen=seen, parts=parts), hint)
        elif needed + RESERVE > free:
            yield warn(name, seen, _("that leaves next to nothing: free some more"))
        else:
            yield ok(name, seen)


def require_free_space(uses: Sequence[DiskUse], directories: Iterable[Path] = ()) -> None:
    """Raises TweetstyleError where the check of a disk fails, in its words. directories: further ones that are written to."""
    places = observe_places(dict.fromkeys([*directories, *(use.directory for use in uses)]))
    for check in check_disk(places, uses):
        if check.state == "fail":
            raise TweetstyleError(check.seen, hint=check.do)


def bytes_missing(uses: Sequence[DiskUse]) -> int:
    """What is to be freed before a run, of all disks together."""
    disks = _uses_by_disk(observe_places(use.directory for use in uses), uses)
    return sum(max(sum(use.bytes for use in on_it) - free, 0) for _, free, on_it in disks)


def _uses_by_disk(places: Mapping[Path, DirectorySpace], uses: Sequence[DiskUse]) -> Iterator[tuple[list[Path], int, list[DiskUse]]]:
    """The directories of each disk, its free bytes, and what is written there."""
    for device in dict.fromkeys(place.device for place in places.values()):
        on_it = {directory: place.free for directory, place in places.items() if place.device == device}
        yield list(on_it), next(iter(on_it.values())), [use for use in uses if use.directory in on_it]

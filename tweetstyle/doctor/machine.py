"""Disk, memory, rights and clock: what is observed of the machine, and whether it is enough."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tweetstyle.doctor.asked import Asked, Room
from tweetstyle.doctor.check import Check, fail, gib, ok, warn
from tweetstyle.files import existing_parent
from tweetstyle.hardware.ram import machine_memory
from tweetstyle.sizes import size

CLOCK_SLACK = 5 * 60
"""Seconds by which another machine's clock may be ahead of this one's: files come from disks in the network too."""
RESERVE = 256 * 2**20
"""Bytes that stay free beside what was planned: a disk filled to its last byte stops the desktop too."""


@dataclass(frozen=True)
class Place:
    """Where a directory lies. device: equal for directories that share their free bytes; writable: whether one may write there."""

    device: int
    free: int
    writable: bool


@dataclass(frozen=True)
class MachineState:
    """places: directory → where it lies; total_ram, available_ram: bytes, the latter None where the system does not tell; now and newest:
    seconds since 1970, and which file or tweet is the newest that the run reads."""

    places: Mapping[Path, Place]
    total_ram: int
    available_ram: int | None
    now: float
    newest: float
    newest_of: str


def observe_machine(directories: Iterable[Path], files: Iterable[Path], newest_tweet: int | None = None) -> MachineState:
    """files: those whose dates the clock is held against; those that are missing are left out."""
    places = observe_places(directories)
    total, available = machine_memory()
    dated = [(file.stat().st_mtime, str(file)) for file in [Path(__file__), *files] if file.exists()]
    if newest_tweet is not None:
        dated.append((newest_tweet, "the newest tweet"))
    newest, newest_of = max(dated)
    return MachineState(places, total, available, time.time(), newest, newest_of)


def observe_places(directories: Iterable[Path]) -> dict[Path, Place]:
    return {directory: _place(directory) for directory in directories}


def _place(directory: Path) -> Place:
    parent = existing_parent(directory)
    effective = os.access in os.supports_effective_ids
    writable = os.access(parent, os.W_OK | os.X_OK, effective_ids=effective)
    return Place(parent.stat().st_dev, shutil.disk_usage(parent).free, writable)


def check_machine(state: MachineState, asked: Asked | None) -> list[Check]:
    """disk, memory, write rights, clock."""
    return [*check_disk(state.places, asked.rooms if asked else ()), _ram(state, asked.ram if asked else {}), _rights(state), _clock(state)]


def check_disk(places: Mapping[Path, Place], rooms: Sequence[Room]) -> Iterator[Check]:
    """One check a disk: what goes to different disks is not added up."""
    for directories, free, on_it in _by_disk(places, rooms):
        needed = sum(room.bytes for room in on_it)
        seen = f"{size(free)} free for {', '.join(map(str, directories))}"
        if needed:
            seen += f"; the run may write {size(needed)}"
        if needed > free:
            parts = ", ".join(f"{room.why} {size(room.bytes)}" for room in on_it if room.bytes > 0)
            do = f"free {size(needed - free)} more, or keep fewer checkpoints (training.save_total_limit) or types (export.types)"
            yield fail("disk", f"the disk is too small: {seen}: {parts}", do)
        elif not rooms and free < RESERVE:
            yield fail("disk", seen, "a run ends before its first checkpoint there: make room")
        elif needed + RESERVE > free:
            yield warn("disk", seen, "that leaves next to nothing: free some more")
        else:
            yield ok("disk", seen)


def missing_by_disk(places: Mapping[Path, Place], rooms: Sequence[Room]) -> list[int]:
    """Bytes to be freed before a run, of each disk that has too little room."""
    missing = (sum(room.bytes for room in on_it) - free for _, free, on_it in _by_disk(places, rooms))
    return [count for count in missing if count > 0]


def _by_disk(places: Mapping[Path, Place], rooms: Sequence[Room]) -> Iterator[tuple[list[Path], int, list[Room]]]:
    """The directories of each disk, its free bytes, and what is written there."""
    for device in dict.fromkeys(place.device for place in places.values()):
        on_it = {directory: place.free for directory, place in places.items() if place.device == device}
        yield list(on_it), next(iter(on_it.values())), [room for room in rooms if room.directory in on_it]


def _ram(state: MachineState, ram: Mapping[str, int]) -> Check:
    name = "memory"
    seen = "unknown" if state.available_ram is None else f"{gib(state.available_ram)} of {gib(state.total_ram)} available"
    if not ram:
        return ok(name, seen)
    part, needed = max(ram.items(), key=lambda item: item[1])
    seen += f"; the run may take {gib(needed)} ({part})"
    if needed > state.total_ram:
        smaller = "write a smaller per_device_train_batch_size or max_length" if part == "training" else "write fewer export.types"
        return fail(name, seen, f"{smaller}, take a smaller base model, or a machine with more memory")
    if state.available_ram is not None and needed > state.available_ram:
        return warn(name, seen, "close other programs before it comes to that, or the machine will swap")
    return ok(name, seen)


def _rights(state: MachineState) -> Check:
    name = "write rights"
    if closed := [str(directory) for directory, place in state.places.items() if not place.writable]:
        do = f"check owner and mode: ls -ld {_shown(existing_parent(Path(closed[0])))}; or a read-only disk"
        return fail(name, f"no right to write to {', '.join(closed)}", do)
    return ok(name, ", ".join(map(str, state.places)))


def _shown(path: Path) -> Path:
    """As a person would write it: from here, where it lies beneath."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _clock(state: MachineState) -> Check:
    name, now = "clock", _day(state.now)
    if state.newest > state.now + CLOCK_SLACK:
        what = f"it says {now}, but {state.newest_of} is of {_day(state.newest)}"
        return warn(name, what, "set the clock (timedatectl set-ntp true): dates in the reports would be wrong")
    return ok(name, now)


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")

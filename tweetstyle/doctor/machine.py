"""Disk, memory, permissions, clock and network settings of this machine."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tweetstyle.files import existing_parent
from tweetstyle.hardware.check import Check, fail, gib, ok, warn
from tweetstyle.hardware.disk import Place, check_disk, observe_places
from tweetstyle.hardware.gpu import machine_memory
from tweetstyle.offline import OFFLINE, NoAddress, is_loopback, parse_address
from tweetstyle.plan.requirements import RunRequirements

CLOCK_SLACK = 5 * 60
"""Seconds by which another machine's clock may be ahead of this one's: files come from disks in the network too."""


@dataclass(frozen=True)
class MachineState:
    """places: directory → where it lies; total_ram, available_ram: bytes, the latter None where it is not reported; now and newest:
    seconds since 1970, and which file or tweet is the newest that the run reads."""

    places: Mapping[Path, Place]
    total_ram: int
    available_ram: int | None
    now: float
    newest: float
    newest_of: str


def observe_machine(directories: Iterable[Path], files: Iterable[Path], newest_tweet: int | None = None) -> MachineState:
    """files: those whose dates the clock is compared with; those that are missing are left out."""
    places = observe_places(directories)
    total, available = machine_memory()
    dated = [(file.stat().st_mtime, str(file)) for file in [Path(__file__), *files] if file.exists()]
    if newest_tweet is not None:
        dated.append((newest_tweet, "the newest tweet"))
    newest, newest_of = max(dated)
    return MachineState(places, total, available, time.time(), newest, newest_of)


def check_machine(state: MachineState, needs: RunRequirements | None) -> list[Check]:
    """disk, memory, write rights, clock."""
    return [*check_disk(state.places, needs.rooms if needs else ()), _ram(state, needs.ram if needs else {}), _rights(state), _clock(state)]


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
        return warn(name, seen, "close other programs before then, or the machine will swap")
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


def check_network(environment: Mapping[str, str]) -> list[Check]:
    """environment: that of this process, in which the commands have set OFFLINE before anything else."""
    if missing := [name for name, value in OFFLINE.items() if environment.get(name) != value]:
        what = f"the libraries are not kept off the network: {', '.join(missing)}"
        return [warn("offline", what, "run it by its commands, tweetstyle and tweetstyle-fit, which set these"), *_ollama(environment)]
    return [ok("offline", "the libraries are kept off the network, and send no statistics (docs/privacy.md)"), *_ollama(environment)]


def _ollama(environment: Mapping[str, str]) -> list[Check]:
    """OLLAMA_HOST on another machine: this program refuses to contact it, but `ollama create`, typed in the same shell, does not."""
    value = environment.get("OLLAMA_HOST", "")
    try:
        host = parse_address(value)[0] if value.strip() else "localhost"
    except NoAddress as error:
        what = f"OLLAMA_HOST is {value}, not an address that is understood here ({error}): --ollama refuses it"
        return [warn("ollama", what, "set OLLAMA_HOST to host and port alone, as in 127.0.0.1:11434")]
    if is_loopback(host):
        return []
    what = f"OLLAMA_HOST is {value}: ollama create would send the model that learned your tweets there; --ollama refuses to"
    return [warn("ollama", what, "unset OLLAMA_HOST before ollama create, unless that machine is yours")]

"""Cards and memory, from nvidia-smi and /proc/meminfo. Imports no torch."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FIELDS = ("index", "uuid", "name", "driver_version", "memory.total", "memory.free", "compute_cap")
"""`compute_cap` comes last: drivers before 510 do not know it."""
PATIENCE = 30
"""Seconds after which nvidia-smi counts as hung, as it does on a card that fell off the bus; a cold driver takes some to start."""
UNTOLD = "[N/A]"
ON_THE_CPU = "CUDA_VISIBLE_DEVICES= tweetstyle-fit … trains on the CPU all the same"
NVIDIA, DISPLAY_CONTROLLER = "0x10de", "0x03"
"""PCI's number of the vendor, and the beginning of the class of everything that draws or computes."""
PCI = Path("/sys/bus/pci/devices")


@dataclass(frozen=True)
class Gpu:
    """total, free: bytes; capability: CUDA's compute capability, None where the driver is too old to report it."""

    index: int
    uuid: str
    name: str
    total: int
    free: int
    capability: tuple[int, int] | None


@dataclass(frozen=True)
class Process:
    """A program that computes on a card. used: bytes, None where the driver does not report it."""

    pid: int
    name: str
    used: int | None


@dataclass(frozen=True)
class CardState:
    """cards: those that CUDA_VISIBLE_DEVICES leaves visible, first the one that trains; processes: on that one; trouble: nvidia-smi's
    own words where it failed; on_the_bus: whether an NVIDIA card is built in, driver or not; hidden: whether the environment hides all.
    """

    driver: str | None = None
    cards: tuple[Gpu, ...] = ()
    processes: tuple[Process, ...] = ()
    trouble: str | None = None
    on_the_bus: bool = False
    hidden: bool = False


def observe_card(environment: Mapping[str, str], pci: Path = PCI) -> CardState:
    """Runs nvidia-smi, where the environment's PATH has it."""
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    on_the_bus, hidden = _on_the_bus(pci), visible is not None and not _named(visible)
    program = shutil.which("nvidia-smi", path=environment.get("PATH"))
    if program is None:
        return CardState(on_the_bus=on_the_bus, hidden=hidden)
    rows, trouble = _ask(program, "--query-gpu=" + ",".join(FIELDS))
    if trouble and "not a valid field" in trouble:
        rows, trouble = _ask(program, "--query-gpu=" + ",".join(FIELDS[:-1]))
    cards, driver = [], None
    for row in rows:
        card = _card(row)
        if card is None:
            trouble = trouble or " ".join(", ".join(row).split())
            continue
        cards.append(card)
        driver = row[3]
    chosen = _chosen(cards, visible)
    users, _ = _ask(program, "--query-compute-apps=gpu_uuid,pid,process_name,used_memory") if chosen else ([], None)
    processes = tuple(p for row in users if len(row) == 4 and row[0] == chosen[0].uuid and (p := _process(row)))
    return CardState(driver, chosen, processes, trouble, on_the_bus, hidden)


def _ask(program: str, query: str) -> tuple[list[list[str]], str | None]:
    """The rows of nvidia-smi's CSV; and its own words where it failed."""
    try:
        done = subprocess.run(
            [program, query, "--format=csv,noheader,nounits"], capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return [], f"nvidia-smi did not answer in {PATIENCE} seconds"
    except OSError as error:
        return [], f"nvidia-smi cannot be run ({error})"
    if done.returncode:
        return [], " ".join((done.stdout + done.stderr).split()) or f"nvidia-smi ended with {done.returncode}"
    return [[cell.strip() for cell in row] for row in csv.reader(done.stdout.splitlines()) if row], None


def _card(row: list[str]) -> Gpu | None:
    """None for a line that describes no card: a lost card is reported by a sentence between them."""
    try:
        index, uuid, name, _, total, free, *capability = row
        major, minor = (int(part) for part in capability[0].split(".")) if capability else (0, 0)
        return Gpu(int(index), uuid, name, *_memory(total, free), (major, minor) if major else None)
    except ValueError:
        return None


def _memory(total: str, free: str) -> tuple[int, int]:
    """Bytes. A card without memory of its own, which uses the machine's (GB10), is reported as [N/A]."""
    if total != UNTOLD:
        return int(total) * 2**20, int(free) * 2**20
    of_machine, available = machine_memory()
    return of_machine, of_machine if available is None else available


def _process(row: list[str]) -> Process | None:
    _, pid, name, used = row
    return Process(int(pid), name, int(used) * 2**20 if used.isdigit() else None) if pid.isdigit() else None


def _named(visible: str) -> list[str]:
    """The entries of CUDA_VISIBLE_DEVICES up to the first that CUDA would stop at (CUDA programming guide, environment variables)."""
    found = []
    for entry in visible.split(","):
        if not entry.strip() or entry.strip().startswith("-"):
            break
        found.append(entry.strip())
    return found


def _chosen(cards: list[Gpu], visible: str | None) -> tuple[Gpu, ...]:
    if visible is None:
        return tuple(cards)
    found = []
    for entry in _named(visible):
        card = next((c for c in cards if str(c.index) == entry or (entry.startswith("GPU-") and c.uuid.startswith(entry))), None)
        if card is None:
            break
        found.append(card)
    return tuple(found)


def _on_the_bus(pci: Path) -> bool:
    for device in pci.glob("*"):
        try:
            if (device / "vendor").read_text().strip() == NVIDIA and (device / "class").read_text().startswith(DISPLAY_CONTROLLER):
                return True
        except OSError:
            continue
    return False


def machine_memory(meminfo: Path = Path("/proc/meminfo")) -> tuple[int, int | None]:
    """Total and available bytes as Linux reports them (man 5 proc_meminfo); elsewhere the total alone."""
    try:
        rows = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        total, available = (int(rows[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
        return total, available
    except (OSError, ValueError, KeyError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), None


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

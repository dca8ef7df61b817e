"""Cards: what nvidia-smi reports, and the one a run is planned for. No torch."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tweetstyle.hardware.machine import machine_memory
from tweetstyle.hardware.wsl import withheld

FIELDS = ("index", "uuid", "name", "driver_version", "memory.total", "memory.free", "compute_cap")
"""`compute_cap` comes last: drivers before 510 do not know it."""
PATIENCE = 30
"""Seconds after which nvidia-smi counts as hung, as it does on a card that fell off the bus; a cold driver takes some to start."""
UNKNOWN = "[N/A]"
ON_THE_CPU = "CUDA_VISIBLE_DEVICES= tweetstyle-fit … trains on the CPU all the same"
WITHOUT_CARD = "base: model/smollm2-135m-instruct and method: lora (make base-model makes that model)"
"""What a recipe for a machine without a card says."""
GIB = 2**30
DISPLAY = 256 * 2**20
"""What a desktop is assumed to use of a card that is not in this machine."""
REPORTED = {6: 5.8, 8: 7.6, 12: 11.6, 16: 15.6, 24: 23.6}
"""GB of a card as it is sold → GiB that CUDA reports of it: the driver keeps the rest. 12: from 11.5 to 11.76, by card and driver."""
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


@dataclass(frozen=True)
class Card:
    """total: bytes of the card; others: what desktop, driver and other programs hold of it; seen: it is in this machine; assumed: it is
    neither in this machine nor named by anybody; trouble: why one that is built in could not be queried, in nvidia-smi's words;
    training_only: the evaluation and the export are not planned for; unused: bytes that the run has to leave free."""

    total: int
    others: int = DISPLAY
    name: str = "a card"
    seen: bool = False
    trouble: str | None = None
    assumed: bool = False
    training_only: bool = False
    unused: int = 0

    def __str__(self) -> str:
        return f"{self.name}, {self.total / GIB:.1f} GiB" if self.seen else self.name


def named_card(size: float) -> Card:
    """A card that need not be here: of the GB it is sold with (6, 8, 12, 16, 24), for which it reports fewer GiB, or of this many GiB."""
    if (reported := REPORTED.get(size)) is not None:
        return Card(round(reported * GIB), name=f"a card sold as {size:g} GB ({reported:g} GiB)")
    return Card(round(size * GIB), name=f"a card of {size:g} GiB")


def find_card() -> tuple[Card | None, str | None]:
    """The card that a training here would take, as CUDA_VISIBLE_DEVICES chooses; or None, and nvidia-smi's words if it failed."""
    state = observe_card(os.environ)
    if not state.cards:
        return None, None if state.hidden else state.trouble
    gpu = state.cards[0]
    return Card(gpu.total, gpu.total - gpu.free + withheld(gpu.total), gpu.name, seen=True), None


def observe_card(environment: Mapping[str, str], pci: Path = PCI) -> CardState:
    """Runs nvidia-smi, where the environment's PATH has it."""
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    on_the_bus, hidden = _on_the_bus(pci), visible is not None and visible.strip()[:1] in ("", "-")
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
    if total != UNKNOWN:
        return int(total) * 2**20, int(free) * 2**20
    of_machine, available = machine_memory()
    return of_machine, of_machine if available is None else available


def _process(row: list[str]) -> Process | None:
    _, pid, name, used = row
    return Process(int(pid), name, int(used) * 2**20 if used.isdigit() else None) if pid.isdigit() else None


def _chosen(cards: list[Gpu], visible: str | None) -> tuple[Gpu, ...]:
    """Those that CUDA_VISIBLE_DEVICES names, up to the first that is none, as CUDA reads it (CUDA programming guide)."""
    if visible is None:
        return tuple(cards)
    found = []
    for entry in map(str.strip, visible.split(",")):
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

"""Cards: what nvidia-smi reports, which one a run is planned for, limits under WSL2."""

import csv
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tweetstyle.hardware.machine import machine_memory
from tweetstyle.locale import N_, _
from tweetstyle.locale.libraries import reason

FIELDS = ("index", "uuid", "name", "driver_version", "memory.total", "memory.free", "compute_cap")
PATIENCE = 30
"""Seconds after which nvidia-smi counts as hung, as it does on a card that fell off the bus; a cold driver takes some to start."""
UNKNOWN = "[N/A]"
BF16 = (8, 0)
"""Ampere: the first compute capability that computes in bfloat16 (CUDA programming guide, arithmetic instructions)."""
ON_THE_CPU = N_("to train on the CPU: CUDA_VISIBLE_DEVICES= tweetstyle-fit …")
WITHOUT_CARD = N_("base: model/smollm2-135m-instruct and method: lora (make base-model makes that model)")
"""What a recipe for a machine without a card says."""
GIB = 2**30
DISPLAY = 256 * 2**20
"""What a desktop is assumed to use of a card that is not in this machine."""
REPORTED = {6: 5.8, 8: 7.6, 12: 11.6, 16: 15.6, 24: 23.6}
"""GB of a card as it is sold → GiB that CUDA reports of it: the driver keeps the rest. 12: from 11.5 to 11.76, by card and driver."""
PROC_VERSION = Path("/proc/version")
FULL_ON_WSL = 0.95
"""Share of the card from which on WSL may be moving memory to RAM. The rest is room for what drivers and desktop take meanwhile."""
LATE_KERNELS = 384 * 2**20
"""Bytes that CUDA takes for kernels which it loads after the cap was set. An allowance, not measured."""


@dataclass(frozen=True)
class Gpu:
    """total, free: bytes; capability: CUDA's compute capability."""

    index: int
    uuid: str
    name: str
    total: int
    free: int
    capability: tuple[int, int]


@dataclass(frozen=True)
class Process:
    """A program that computes on a card. used: bytes, None where the driver does not report it."""

    pid: int
    name: str
    used: int | None


@dataclass(frozen=True)
class CardState:
    """cards: those that CUDA_VISIBLE_DEVICES leaves visible, first the one that trains; processes: on that one; trouble: nvidia-smi's
    own words where it failed; hidden: whether the environment hides all."""

    driver: str | None = None
    cards: tuple[Gpu, ...] = ()
    processes: tuple[Process, ...] = ()
    trouble: str | None = None
    hidden: bool = False


@dataclass(frozen=True)
class Card:
    """total: bytes of the card; others: what desktop, driver and other programs hold of it; seen: it is in this machine; assumed: it is
    neither in this machine nor named by anybody; training_only: the evaluation and the export are not planned for; unused: bytes that the
    run has to leave free."""

    total: int
    others: int = DISPLAY
    name: str = "a card"
    seen: bool = False
    assumed: bool = False
    training_only: bool = False
    unused: int = 0

    def __str__(self) -> str:
        return _("{name}, {gib:.1f} GiB", name=self.name, gib=self.total / GIB) if self.seen else self.name


def named_card(size: float) -> Card:
    """A card that need not be here: of the GB it is sold with (6, 8, 12, 16, 24), for which it reports fewer GiB, or of this many GiB."""
    if (reported := REPORTED.get(size)) is not None:
        return Card(round(reported * GIB), name=_("a card sold as {size:g} GB ({reported:g} GiB)", size=size, reported=reported))
    return Card(round(size * GIB), name=_("a card of {size:g} GiB", size=size))


def find_card() -> Card | None:
    """The card that a training here would take, as CUDA_VISIBLE_DEVICES chooses."""
    if not (cards := observe_card(os.environ).cards):
        return None
    gpu = cards[0]
    return Card(gpu.total, gpu.total - gpu.free + withheld(gpu.total), gpu.name, seen=True)


def driver_branch(version: str | None) -> int:
    """580 of "580.65.06"; 0 where nvidia-smi has no number, as in "[N/A]"."""
    found = re.match(r"\d+", version or "")
    return int(found[0]) if found else 0


def observe_card(environment: Mapping[str, str]) -> CardState:
    """Runs nvidia-smi, where the environment's PATH has it."""
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    hidden = visible is not None and visible.strip()[:1] in ("", "-")
    program = shutil.which("nvidia-smi", path=environment.get("PATH"))
    if program is None:
        return CardState(hidden=hidden)
    rows, trouble = _query(program, "--query-gpu=" + ",".join(FIELDS))
    cards, driver = [], None
    for row in rows:
        try:
            cards.append(_gpu(row))
            driver = row[3]
        except ValueError:  # A lost card is reported by a sentence between the others' lines.
            trouble = trouble or " ".join(", ".join(row).split())
    visible_cards = _visible(cards, visible)
    users, _ = _query(program, "--query-compute-apps=gpu_uuid,pid,process_name,used_memory") if visible_cards else ([], None)
    # A name may hold a comma, and WSL has no process ids.
    own = [row for row in users if len(row) == 4 and row[0] == visible_cards[0].uuid and row[1].isdigit()]
    processes = tuple(Process(int(pid), name, _mib(used)) for _, pid, name, used in own)
    return CardState(driver, visible_cards, processes, trouble, hidden)


def _query(program: str, query: str) -> tuple[list[list[str]], str | None]:
    """The rows of nvidia-smi's CSV; and its own words where it failed."""
    command = [program, query, "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return [], _("nvidia-smi did not answer in {seconds} seconds", seconds=PATIENCE)
    except OSError as error:
        return [], _("nvidia-smi cannot be run: {error}", error=reason(error))
    if done.returncode:
        return [], " ".join((done.stdout + done.stderr).split()) or _("nvidia-smi ended with exit code {code}", code=done.returncode)
    return [[cell.strip() for cell in row] for row in csv.reader(done.stdout.splitlines()) if row], None


def _gpu(row: list[str]) -> Gpu:
    """Raises ValueError for a line that describes no card."""
    index, uuid, name, _, total, free, capability = row
    # A card without memory of its own, which uses the machine's (GB10), is reported as [N/A].
    memory = machine_memory() if total == UNKNOWN else (int(total) * 2**20, int(free) * 2**20)
    major, minor = map(int, capability.split("."))
    return Gpu(int(index), uuid, name, *memory, (major, minor))


def _mib(used: str) -> int | None:
    return int(used) * 2**20 if used.isdigit() else None


def _visible(cards: list[Gpu], visible: str | None) -> tuple[Gpu, ...]:
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


# -- WSL2, where CUDA spills into RAM instead of running out of memory ----------------------------------------


@cache
def on_wsl() -> bool:
    """Whether this Linux runs under Windows."""
    return "microsoft" in PROC_VERSION.read_text().lower()


def withheld(total: int) -> int:
    """Bytes of a card of `total` bytes that no run uses on WSL, and that a plan counts as used by others; 0 elsewhere."""
    return round((1 - FULL_ON_WSL) * total) if on_wsl() else 0


def cap_card_memory() -> None:
    """On WSL torch raises OutOfMemoryError before the card is full, as CUDA does elsewhere. Before a model is loaded."""
    import torch

    if not (on_wsl() and torch.cuda.is_available()):
        return
    free, total = torch.cuda.mem_get_info()
    outside = total - free - torch.cuda.memory_reserved()
    torch.cuda.set_per_process_memory_fraction(max(FULL_ON_WSL - (outside + LATE_KERNELS) / total, 0.01))

"""Do card, driver and torch go together; does the run fit; who uses the rest?"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePath

from packaging.version import InvalidVersion, Version

from tweetstyle.hardware.card import WITHOUT_CARD
from tweetstyle.hardware.check import Check, fail, gib, ok, warn
from tweetstyle.hardware.gpu import ON_THE_CPU, CardState, Gpu, Process
from tweetstyle.plan.requirements import RunRequirements

LEAST_DRIVER = {11: 450, 12: 525, 13: 580}
"""CUDA's major version → the oldest driver that runs programs built with any of it (docs.nvidia.com/deploy/cuda-compatibility,
minor version compatibility, table 1)."""
OLDEST_CAPABILITY = {11: (3, 5), 12: (5, 0), 13: (7, 5)}
"""CUDA's major version → the oldest compute capability that it compiles for (CUDA toolkit release notes; 13 left out Volta)."""
NEEDS_CUDA = {(8, 6): (11, 1), (8, 9): (11, 8), (9, 0): (11, 8), (10, 0): (12, 8), (12, 0): (12, 8)}
"""Compute capability → the first CUDA that compiles for it (CUDA toolkit release notes)."""
BF16 = (8, 0)
"""Ampere: the first compute capability that computes in bfloat16 (CUDA programming guide, arithmetic instructions)."""
LARGE = 1_000_000_000
"""Parameters from which a training on a CPU is warned of."""
CPU_SPEED, CPU_SPEED_OF = 160, 135_000_000
"""Tokens a second of the demo on 2 cores, and its model's parameters; the time of a token is about proportional to them."""
TOKENS_OF_1000_TWEETS = 50_000
MOSTLY_FREE = 0.9
VARLEN_TORCH = Version("2.12")
"""The first torch with an attention kernel for packed rows; it runs on cards with BF16 (unsloth/utils/attention_dispatch.py)."""
SETUP = {False: "make setup", True: "make setup CARD=turing"}
"""How the environment is made, by whether the card is older than Ampere."""
REINSTALL = "make setup in a fresh clone installs the build of requirements.lock"


def check_card(state: CardState, torch: TorchBuild | None, needs: RunRequirements | None, xformers_cuda: int | None = None) -> list[Check]:
    """driver, torch, compute capability, attention, bfloat16, the card's memory; without a card the first two alone.

    xformers_cuda: the major version of the CUDA that the installed xformers was built for.
    """
    checks = [_driver(state), _torch(state, torch)]
    if not state.cards:
        return [*checks, *(_without_card(needs) if needs and not state.trouble else ())]
    card = state.cards[0]
    attention = _attention(card, torch, xformers_cuda)
    return [*checks, *_capability(card, torch), *attention, _bf16(card, needs), _memory(card, state.processes, needs)]


def _driver(state: CardState) -> Check:
    name = "driver"
    if state.hidden:
        return ok(name, "CUDA_VISIBLE_DEVICES hides every card: training runs on the CPU")
    if state.trouble:
        do = f"restart the machine; nvidia-smi must show the card again ({ON_THE_CPU})"
        return fail(name, f"nvidia-smi finds no usable card: {state.trouble}", do)
    if state.cards:
        more = f", and {len(state.cards) - 1} more, not used" if len(state.cards) > 1 else ""
        return ok(name, f"{state.driver}, {state.cards[0].name}{more}")
    if state.driver:
        what = "CUDA_VISIBLE_DEVICES names a card that is not there"
        return fail(name, what, f"unset it, or write an index that nvidia-smi -L shows ({ON_THE_CPU})")
    if state.on_the_bus:
        what = "an NVIDIA card is built in, but there is no driver (nvidia-smi is not installed)"
        return warn(name, what, "install the driver (Ubuntu: sudo ubuntu-drivers install) and restart; without it the CPU trains")
    return ok(name, "no NVIDIA card: training runs on the CPU")


def _without_card(needs: RunRequirements) -> Iterator[Check]:
    """What a CPU takes too long for, or gains nothing by."""
    if needs.parameters >= LARGE:
        speed = CPU_SPEED * CPU_SPEED_OF / needs.parameters
        size, hours = f"{needs.parameters / 1e9:.1f} billion parameters", TOKENS_OF_1000_TWEETS / speed / 3600
        what = f"{size} without a card: about {speed:.0f} tokens a second, {hours:.1f} hours for each epoch of 1,000 tweets"
        yield warn("base model", what, f"train on a machine with a card, or write {WITHOUT_CARD}", "model.base")
    elif needs.model.method == "qlora":
        what = "qlora without a card: 4 bits save the memory of a card, and cost time and accuracy here"
        yield warn("method", what, "write method: lora", "model.method")


def _torch(state: CardState, torch: TorchBuild | None) -> Check:
    name = "torch"
    if torch is None:
        return fail(name, "torch is not installed, or damaged", REINSTALL)
    built = f"{torch.version}, built for {f'CUDA {torch.cuda}' if torch.cuda else 'the CPU alone'}"
    if not state.cards:
        return ok(name, built)
    if torch.cuda is None:
        what = f"{built}: it cannot use the {state.cards[0].name}, and would train on the CPU"
        return fail(name, what, f"install torch built for CUDA: {REINSTALL} ({ON_THE_CPU})")
    major = torch.cuda_version[0]
    least = LEAST_DRIVER.get(major)
    if least is None:
        return warn(name, f"{built}: which driver it needs is not known here", "see docs.nvidia.com/deploy/cuda-compatibility")
    driver = (state.driver or "").split(".")[0]
    if driver.isdigit() and int(driver) < least:
        what = f"{built}, which needs a driver from {least} on; installed is {state.driver}"
        do = f"update the driver to {least} or later (Ubuntu: sudo ubuntu-drivers install) and restart"
        if int(driver) >= LEAST_DRIVER[12] and major > 12:
            do += f"; or, in a fresh clone, {SETUP[True]}, whose torch is built for CUDA 12"
        return fail(name, what, do)
    return ok(name, built)


def _capability(card: Gpu, torch: TorchBuild | None) -> Iterator[Check]:
    if torch is None or torch.cuda is None or card.capability is None:
        return
    name, cuda, is_ = "compute capability", torch.cuda_version, ".".join(map(str, card.capability))
    oldest = OLDEST_CAPABILITY.get(cuda[0], (0, 0))
    first = max((needed for known, needed in NEEDS_CUDA.items() if known <= card.capability), default=(0, 0))
    if card.capability < oldest:
        what = f"{is_} of the {card.name} is older than CUDA {torch.cuda} compiles for ({'.'.join(map(str, oldest))})"
        yield fail(name, what, f"install torch built for an older CUDA, or train on another card ({ON_THE_CPU})")
    elif cuda < first:
        what = f"{is_} of the {card.name} is newer than torch's CUDA {torch.cuda} knows"
        yield fail(name, what, f"install torch built for CUDA {'.'.join(map(str, first))} or later: {REINSTALL}")
    else:
        yield ok(name, is_)


def _attention(card: Gpu, torch: TorchBuild | None, xformers_cuda: int | None) -> Iterator[Check]:
    """Which kernel keeps packed tweets apart: torch's own since Ampere, xformers' on Turing. Without one each tweet of a row is a call
    of its own, which is slow."""
    if torch is None or torch.cuda is None or card.capability is None or card.capability < OLDEST_CAPABILITY[13]:
        return
    name, older, is_ = "attention", card.capability < BF16, f"{card.name} (compute capability {'.'.join(map(str, card.capability))})"
    do = f"in a fresh clone, {SETUP[older]} installs the packages for this card"
    if not older and _at_least(torch.version, VARLEN_TORCH):
        yield ok(name, "torch's own kernel for packed tweets")
    elif not older:
        yield warn(name, f"torch {torch.version} has no kernel for packed tweets on the {is_}; {VARLEN_TORCH} has", do)
    elif xformers_cuda == torch.cuda_version[0]:
        yield ok(name, "xformers' kernel for packed tweets")
    else:
        there = f"the installed one is built for CUDA {xformers_cuda}" if xformers_cuda else "none is installed"
        what = f"training on the {is_} is slow without an xformers that loads beside torch {torch.version}: {there}"
        yield warn(name, what, do)


def _at_least(there: str, least: Version) -> bool:
    try:
        return Version(there) >= least
    except InvalidVersion:
        return True


def _bf16(card: Gpu, needs: RunRequirements | None) -> Check:
    name = "bfloat16"
    if card.capability is None:
        return warn(name, "the driver is too old to report whether the card has it", "update the driver")
    if card.capability >= BF16:
        return ok(name, f"the {card.name} computes in it")
    what = f"the {card.name} (compute capability {'.'.join(map(str, card.capability))}) has none"
    if needs is None:
        return warn(name, what, "write training.bf16: false in recipes for this card")
    if needs.training.bf16:
        return fail(name, what, "write bf16: false", "training.bf16")
    return ok(name, f"{what}, and the recipe does not use it")


def _memory(card: Gpu, processes: Iterable[Process], needs: RunRequirements | None) -> Check:
    name = "card memory"
    seen = f"{gib(card.free)} of {gib(card.total)} free"
    users = sorted(processes, key=lambda process: -(process.used or 0))
    if users:
        seen += "; in use by " + ", ".join(_in_words(user) for user in users)
    elif card.free < MOSTLY_FREE * card.total:
        seen += "; in use by no program that computes: the desktop, or another user's"
    do = _how_to_free(users)
    if needs is None:
        return ok(name, seen) if card.free >= MOSTLY_FREE * card.total else warn(name, seen, do)
    if needs.card_least > card.free:
        what = f"{seen}; the run's tensors and CUDA's context alone take {gib(needs.card_least)} at its peak"
        enough = needs.card_least <= card.total
        return fail(name, what, do if enough else "tweetstyle plan, with the same recipe, says which settings or models fit the card")
    if needs.card > card.free:
        return warn(name, f"{seen}; the run is planned to take {gib(needs.card)} at its peak", do)
    return ok(name, f"{seen}; the run is planned to take {gib(needs.card)} at its peak")


def _in_words(process: Process) -> str:
    used = "an unknown part" if process.used is None else gib(process.used)
    return f"{PurePath(process.name).name} ({used}, process {process.pid})"


def _how_to_free(users: list[Process]) -> str:
    if any("ollama" in user.name.lower() for user in users):
        return "Ollama keeps a model on the card for minutes: ollama ps names it, ollama stop MODEL gives its memory back"
    return "end the programs that hold it (nvidia-smi names them), or plan for less (tweetstyle plan says how)"


@dataclass(frozen=True)
class TorchBuild:
    """version: as torch.__version__, its local part included; cuda: the CUDA that it was built with, None for a CPU-only build."""

    version: str
    cuda: str | None

    @property
    def cuda_version(self) -> tuple[int, ...]:
        return tuple(int(part) for part in (self.cuda or "0").split("."))


def installed_torch() -> TorchBuild | None:
    """The build that `import torch` would load, or None where there is none."""
    package = _package("torch")
    return read_torch_build(package) if package else None


def xformers_cuda() -> int | None:
    """The major version of the CUDA whose runtime the installed xformers loads; None without xformers, or with one that has no kernels."""
    package = _package("xformers")
    return read_xformers_cuda(package) if package else None


def read_xformers_cuda(package: Path) -> int | None:
    """From an xformers package's directory: cpp_lib.json holds 1208 for CUDA 12.8."""
    try:
        return json.loads((package / "cpp_lib.json").read_text(encoding="utf-8"))["version"]["cuda"] // 100
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _package(name: str) -> Path | None:
    spec = find_spec(name)
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None


def read_torch_build(package: Path) -> TorchBuild | None:
    """From a torch package's directory: version.py holds plain assignments, some of them annotated. None where it cannot be read."""
    try:
        tree = ast.parse((package / "version.py").read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return None
    found = {}
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        for target in targets:
            if isinstance(target, ast.Name) and isinstance(node.value, ast.Constant):
                found[target.id] = node.value.value
    return TorchBuild(found["__version__"], found.get("cuda")) if isinstance(found.get("__version__"), str) else None

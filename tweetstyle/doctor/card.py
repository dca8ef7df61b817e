"""Do card, driver and torch go together; does the run fit; who else uses the card?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePath

from tweetstyle.doctor.versions import TorchBuild
from tweetstyle.hardware.check import Check, fail, gib, ok, warn
from tweetstyle.hardware.gpu import ON_THE_CPU, WITHOUT_CARD, CardState, Gpu, Process
from tweetstyle.plan.estimate import ResourceEstimate

LEAST_DRIVER = {11: 450, 12: 525, 13: 580}
"""CUDA's major version → the oldest driver that runs programs built with any of it (docs.nvidia.com/deploy/cuda-compatibility,
minor version compatibility, table 1)."""
OLDEST_CAPABILITY = {11: (3, 5), 12: (5, 0), 13: (7, 5)}
"""CUDA's major version → the oldest compute capability that it compiles for (CUDA toolkit release notes; 13 left out Volta)."""
BF16 = (8, 0)
"""Ampere: the first compute capability that computes in bfloat16 (CUDA programming guide, arithmetic instructions)."""
LARGE = 1_000_000_000
"""Parameters from which a training on a CPU is warned of."""
CPU_SPEED, CPU_SPEED_OF = 160, 135_000_000
"""Tokens a second of the demo on 2 cores, and its model's parameters; the time of a token is about proportional to them."""
TOKENS_OF_1000_TWEETS = 50_000
MOSTLY_FREE = 0.9
VARLEN_TORCH = "2.12"
"""The first torch with an attention kernel for packed rows; it runs on cards with BF16 (unsloth/utils/attention_dispatch.py)."""
SETUP = {False: "make setup", True: "make setup CARD=turing"}
"""How the environment is made, by whether the card is older than Ampere."""
REINSTALL = "make setup in a fresh clone installs the build of requirements.lock"


def check_card(state: CardState, torch: TorchBuild | None, needs: ResourceEstimate | None, xformers_cuda: int | None = None) -> list[Check]:
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


def _without_card(needs: ResourceEstimate) -> Iterator[Check]:
    """What a CPU takes too long for, or gains nothing by."""
    if needs.shape.parameters >= LARGE:
        speed = CPU_SPEED * CPU_SPEED_OF / needs.shape.parameters
        size, hours = f"{needs.shape.parameters / 1e9:.1f} billion parameters", TOKENS_OF_1000_TWEETS / speed / 3600
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
    major = torch.cuda_major
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
    name, is_, oldest = "compute capability", _dotted(card.capability), OLDEST_CAPABILITY.get(torch.cuda_major, (0, 0))
    if card.capability < oldest:
        what = f"{is_} of the {card.name} is older than CUDA {torch.cuda} compiles for ({_dotted(oldest)})"
        yield fail(name, what, f"install torch built for an older CUDA, or train on another card ({ON_THE_CPU})")
    else:
        yield ok(name, is_)


def _dotted(capability: tuple[int, int]) -> str:
    return ".".join(map(str, capability))


def _attention(card: Gpu, torch: TorchBuild | None, xformers_cuda: int | None) -> Iterator[Check]:
    """Which kernel keeps packed tweets apart: torch's own since Ampere, xformers' on Turing. Without one each tweet of a row is a call
    of its own, which is slow."""
    if torch is None or torch.cuda is None or card.capability is None or card.capability < OLDEST_CAPABILITY[13]:
        return
    name, older, is_ = "attention", card.capability < BF16, f"{card.name} (compute capability {_dotted(card.capability)})"
    do = f"in a fresh clone, {SETUP[older]} installs the packages for this card"
    if not older and torch.is_at_least(VARLEN_TORCH):
        yield ok(name, "torch's own kernel for packed tweets")
    elif not older:
        yield warn(name, f"torch {torch.version} has no kernel for packed tweets on the {is_}; {VARLEN_TORCH} has", do)
    elif xformers_cuda == torch.cuda_major:
        yield ok(name, "xformers' kernel for packed tweets")
    else:
        there = f"the installed one is built for CUDA {xformers_cuda}" if xformers_cuda else "none is installed"
        what = f"training on the {is_} is slow without an xformers that loads beside torch {torch.version}: {there}"
        yield warn(name, what, do)


def _bf16(card: Gpu, needs: ResourceEstimate | None) -> Check:
    name = "bfloat16"
    if card.capability is None:
        return warn(name, "the driver is too old to report whether the card has it", "update the driver")
    if card.capability >= BF16:
        return ok(name, f"the {card.name} computes in it")
    what = f"the {card.name} (compute capability {_dotted(card.capability)}) has none"
    if needs is None:
        return warn(name, what, "write training.bf16: false in recipes for this card")
    if needs.training.bf16:
        return fail(name, what, "write bf16: false", "training.bf16")
    return ok(name, f"{what}, and the recipe does not use it")


def _memory(card: Gpu, processes: Iterable[Process], needs: ResourceEstimate | None) -> Check:
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
    if needs.least_card > card.free:
        what = f"{seen}; the run's tensors and CUDA's context alone take {gib(needs.least_card)} at its peak"
        other = "tweetstyle plan, with the same recipe, says which settings or models fit the card"
        return fail(name, what, do if needs.least_card <= card.total else other)
    seen += f"; the run is planned to take {gib(needs.own_card)} at its peak"
    return warn(name, seen, do) if needs.own_card > card.free else ok(name, seen)


def _in_words(process: Process) -> str:
    used = "an unknown part" if process.used is None else gib(process.used)
    return f"{PurePath(process.name).name} ({used}, process {process.pid})"


def _how_to_free(users: list[Process]) -> str:
    if any("ollama" in user.name.lower() for user in users):
        return "Ollama keeps a model on the card for minutes: ollama ps names it, ollama stop MODEL gives its memory back"
    return "end the programs that hold it (nvidia-smi names them), or plan for less (tweetstyle plan says how)"

"""Do card, driver and torch go together; does the run fit; who else uses the card?"""

from collections.abc import Iterator, Sequence
from pathlib import PurePath

from packaging.version import Version

from tweetstyle.console import size
from tweetstyle.doctor.versions import TorchBuild
from tweetstyle.hardware.check import Check, fail, ok, warn
from tweetstyle.hardware.gpu import BF16, ON_THE_CPU, WITHOUT_CARD, CardState, Gpu, Process, driver_branch
from tweetstyle.locale import N_, _
from tweetstyle.plan.estimate import ResourceEstimate

LEAST_DRIVER = {12: 525, 13: 580}
"""CUDA's major version → the oldest driver that runs programs built with any of it (docs.nvidia.com/deploy/cuda-compatibility,
minor version compatibility, table 1)."""
OLDEST_CAPABILITY = {12: (5, 0), 13: (7, 5)}
"""CUDA's major version → the oldest compute capability that it compiles for (CUDA toolkit release notes; 13 left out Volta)."""
LARGE = 1_000_000_000
"""Parameters from which a training on a CPU is warned of."""
MOSTLY_FREE = 0.9
VARLEN_TORCH = "2.12"
"""The first torch with an attention kernel for packed rows; it runs on cards with BF16 (unsloth/utils/attention_dispatch.py)."""
SETUP = {False: "make setup", True: "make setup CARD=turing"}
"""How the environment is made, by whether the card is older than Ampere."""


def check_card(state: CardState, torch: TorchBuild | None, estimate: ResourceEstimate | None, xformers_cuda: int | None) -> Iterator[Check]:
    """driver, torch, compute capability, attention, bfloat16, the card's memory; without a card, what the recipe costs on the CPU.

    torch: None where it is not installed, which check_versions reports. xformers_cuda: the major version of the CUDA that the installed
    xformers was built for.
    """
    yield _driver(state)
    if torch:
        yield _torch(state, torch)
    if not state.cards:
        yield from _without_card(estimate) if estimate and not state.trouble else ()
        return
    card = state.cards[0]
    if torch:
        yield _capability(card, torch)
        yield from _attention(card, torch, xformers_cuda)
    yield _bf16(card, estimate)
    yield _memory(card, state.processes, estimate)


def _driver(state: CardState) -> Check:
    name = N_("driver")
    if state.hidden:
        return ok(name, _("CUDA_VISIBLE_DEVICES hides every card: training runs on the CPU"))
    if state.trouble:
        do = _("restart the machine; nvidia-smi must show the card again ({otherwise})", otherwise=_(ON_THE_CPU))
        return fail(name, _("nvidia-smi finds no usable card: {trouble}", trouble=state.trouble), do)
    if state.cards:
        return ok(name, f"{state.driver}, {state.cards[0].name}")
    if state.driver:
        do = _("unset it, or write an index that nvidia-smi -L shows ({otherwise})", otherwise=_(ON_THE_CPU))
        return fail(name, _("CUDA_VISIBLE_DEVICES names a card that is not there"), do)
    return ok(name, _("no NVIDIA card, or no driver for it (nvidia-smi is not installed): training runs on the CPU"))


def _without_card(estimate: ResourceEstimate) -> Iterator[Check]:
    """What a CPU takes too long for, or gains nothing by."""
    if estimate.shape.parameters >= LARGE:
        what = _(
            "{billions:.1f} billion parameters without a card: training takes many hours for each {tweets:,} tweets",
            billions=estimate.shape.parameters / 1e9,
            tweets=1000,
        )
        do = _("train on a machine with a card, or write {settings}", settings=_(WITHOUT_CARD))
        yield warn(N_("base model"), what, do, "model.base")
    elif estimate.model.method == "qlora":
        what = _("qlora without a card: 4 bits save the memory of a card, and cost time and accuracy here")
        yield warn(N_("method"), what, _("write method: lora"), "model.method")


def _torch(state: CardState, torch: TorchBuild) -> Check:
    name, built = "torch", _("{version}, built for the CPU alone", version=torch.version)
    if torch.cuda:
        built = _("{version}, built for CUDA {cuda}", version=torch.version, cuda=torch.cuda)
    if not state.cards:
        return ok(name, built)
    if torch.cuda is None:
        what = _("{built}: it cannot use the {card}, and would train on the CPU", built=built, card=state.cards[0].name)
        do = _("make setup in a fresh clone installs torch built for CUDA ({otherwise})", otherwise=_(ON_THE_CPU))
        return fail(name, what, do)
    least = LEAST_DRIVER.get(torch.cuda_major, 0)
    driver = driver_branch(state.driver)
    if driver < least:
        what = _("{built}, which needs driver {least} or later; installed is {driver}", built=built, least=least, driver=state.driver)
        do = _("update the driver to {least} or later (Ubuntu: sudo ubuntu-drivers install) and restart", least=least)
        if torch.cuda_major > 12 and driver >= LEAST_DRIVER[12]:
            do = _("{do}; or, in a fresh clone, {command}, whose torch is built for CUDA 12", do=do, command=SETUP[True])
        return fail(name, what, do)
    return ok(name, built)


def _capability(card: Gpu, torch: TorchBuild) -> Check:
    name, oldest = N_("compute capability"), OLDEST_CAPABILITY.get(torch.cuda_major, (0, 0))
    if card.capability < oldest:
        values = {"own": _dotted(card.capability), "card": card.name, "cuda": torch.cuda, "oldest": _dotted(oldest)}
        what = _("the {card} has {own}; CUDA {cuda} compiles for {oldest} or later", **values)
        do = _("install torch built for an older CUDA, or train on another card ({otherwise})", otherwise=_(ON_THE_CPU))
        return fail(name, what, do)
    return ok(name, _dotted(card.capability))


def _dotted(capability: tuple[int, int]) -> str:
    return ".".join(map(str, capability))


def _attention(card: Gpu, torch: TorchBuild, xformers_cuda: int | None) -> Iterator[Check]:
    """Which kernel keeps packed tweets apart: torch's own since Ampere, xformers' on Turing. Without one each tweet of a row is a call
    of its own, which is slow."""
    if torch.cuda is None or card.capability < OLDEST_CAPABILITY[13]:
        return
    older = card.capability < BF16
    values = {"package": "xformers" if older else "torch", "card": card.name, "version": torch.version}
    if xformers_cuda == torch.cuda_major if older else Version(torch.version) >= Version(VARLEN_TORCH):
        yield ok(N_("attention"), _("the kernel of {package} for packed tweets", **values))
    else:
        what = _("training on the {card} is slow: the kernel of {package} for packed tweets does not go with torch {version}", **values)
        yield warn(N_("attention"), what, _("in a fresh clone, {command} installs the packages for this card", command=SETUP[older]))


def _bf16(card: Gpu, estimate: ResourceEstimate | None) -> Check:
    name = "bfloat16"
    if card.capability >= BF16:
        return ok(name, _("the {card} computes in it", card=card.name))
    what = _("the {card} (compute capability {capability}) has none", card=card.name, capability=_dotted(card.capability))
    if estimate is None:
        return warn(name, what, _("write training.bf16: false in recipes for this card"))
    if estimate.training.bf16:
        return fail(name, what, _("write bf16: false"), "training.bf16")
    return ok(name, _("{what}, and the recipe does not use it", what=what))


def _memory(card: Gpu, processes: Sequence[Process], estimate: ResourceEstimate | None) -> Check:
    name = N_("card memory")
    seen = _("{free} of {total} free", free=size(card.free), total=size(card.total))
    do = _("end the programs that hold it (nvidia-smi lists them), or plan for less (tweetstyle plan says how)")
    if processes:
        users = ", ".join(map(_in_words, sorted(processes, key=lambda process: -(process.used or 0))))
        seen = _("{seen}; in use by {programs}", seen=seen, programs=users)
    if any("ollama" in process.name.lower() for process in processes):
        do = _("Ollama keeps a model on the card for minutes: ollama ps lists it, ollama stop MODEL gives its memory back")
    if estimate is None:
        return ok(name, seen) if card.free >= MOSTLY_FREE * card.total else warn(name, seen, do)
    if estimate.least_card > card.free:
        what = _(
            "{seen}; the run's tensors and CUDA's context alone take {needed} at its peak", seen=seen, needed=size(estimate.least_card)
        )
        if estimate.least_card <= card.total:
            return fail(name, what, do)
        return fail(name, what, "\n    ".join(map(str.strip, estimate.advice.text.splitlines())), "model.method")
    seen = _("{seen}; the run will take about {needed} at its peak", seen=seen, needed=size(estimate.own_card))
    return warn(name, seen, do) if estimate.own_card > card.free else ok(name, seen)


def _in_words(process: Process) -> str:
    used = _("an unknown part") if process.used is None else size(process.used)
    return _("{program} ({used}, process {pid})", program=PurePath(process.name).name, used=used, pid=str(process.pid))

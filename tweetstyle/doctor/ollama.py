"""Can Ollama use the card, and does it render the Modelfile's template?"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tweetstyle.errors import TweetstyleError
from tweetstyle.hardware.check import Check, ok, warn
from tweetstyle.hardware.gpu import CardState, Gpu
from tweetstyle.inference.ollama import LoadedModel, OllamaClient

PATIENCE = 10
"""Seconds for `ollama --version`."""
NO_SERVER = "127.0.0.1:1"
FIRST_WITH_NEWER_DRIVER = (0, 30)
LEAST_DRIVER, LEAST_DRIVER_OLD_CARD = 550, 570
OLD_CARDS = (5, 0), (6, 2)
"""From that version on Ollama needs driver 550, and 570 for these compute capabilities (docs.ollama.com/gpu; ollama#16415). With an older
driver it runs on the CPU and reports no error."""
MOSTLY = 0.9
"""Share of a model that has to be on the card for a normal speed."""
FALSE = ("0", "f", "false")
"""What Go's strconv.ParseBool takes for false, in lower case."""


@dataclass(frozen=True)
class OllamaState:
    """version: of the server that answers, else of the program, None without both; loaded: the models in the server's memory; go_template:
    OLLAMA_GO_TEMPLATE as this environment has it."""

    version: str | None = None
    loaded: tuple[LoadedModel, ...] = ()
    go_template: str = ""


def observe_ollama(environment: Mapping[str, str], *, has_card: bool) -> OllamaState:
    """Without a card there is nothing to check."""
    go_template = environment.get("OLLAMA_GO_TEMPLATE", "")
    if not has_card:
        return OllamaState(go_template=go_template)
    try:
        client = OllamaClient(environment.get("OLLAMA_HOST", ""))
        return OllamaState(client.version(), tuple(client.loaded()), go_template)
    except TweetstyleError:  # Not running, or at an address that another check reports.
        return OllamaState(_version_of_program(environment), go_template=go_template)


def _version_of_program(environment: Mapping[str, str]) -> str | None:
    """Run with an address without a server: otherwise it would contact the server of OLLAMA_HOST, on any machine."""
    program = shutil.which("ollama", path=environment.get("PATH"))
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, "--version"],
            env=dict(environment) | {"OLLAMA_HOST": NO_SERVER},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"version is (\S+)", done.stdout + done.stderr)
    return found and found[1]


def check_ollama(ollama: OllamaState, state: CardState) -> list[Check]:
    """The template, wherever it is off; on a machine with a card the version against the driver, and where loaded models run."""
    checks = []
    if ollama.go_template.strip().lower() in FALSE:
        what = f"OLLAMA_GO_TEMPLATE is {ollama.go_template}: Ollama takes the GGUF's chat template and not the Modelfile's TEMPLATE"
        checks.append(warn("ollama", what, "unset it where ollama serve is started: the exported model was compared by its Modelfile"))
    if state.cards and ollama.version:
        checks += [_driver(ollama.version, state), *(check for model in ollama.loaded for check in check_placement(model, state.cards[0]))]
    return checks


def _driver(version: str, state: CardState) -> Check:
    name, least = "ollama", least_driver(version, state.cards[0].capability)
    driver = (state.driver or "").split(".")[0]
    if least and driver.isdigit() and int(driver) < least:
        what = f"Ollama {version} needs driver {least} or later and runs on the CPU with {state.driver}"
        return warn(name, what, "update the driver (Ubuntu: sudo ubuntu-drivers install) and restart")
    return ok(name, version)


def least_driver(version: str, capability: tuple[int, int] | None) -> int | None:
    """The oldest driver with which this version of Ollama uses such a card; None where none is documented."""
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if not numbers or (int(numbers[1]), int(numbers[2])) < FIRST_WITH_NEWER_DRIVER:
        return None
    old = capability is not None and OLD_CARDS[0] <= capability <= OLD_CARDS[1]
    return LEAST_DRIVER_OLD_CARD if old else LEAST_DRIVER


def check_placement(model: LoadedModel, card: Gpu) -> Iterator[Check]:
    """A model of which a large part runs on the CPU, though there is a card."""
    if model.on_card < MOSTLY * model.size:
        share = model.on_card / model.size
        what = f"Ollama has {share:.0%} of {model.name} on the {card.name} and runs the rest on the CPU"
        do = f"close what else uses the card (nvidia-smi lists it), then: ollama stop {model.name}; ollama run {model.name}; ollama ps. "
        do += "Still on the CPU: update the driver, restart the machine after a suspend, and look for 'inference compute' in Ollama's log"
        yield warn("ollama", what, do)

"""Can Ollama use the card, and does it render the Modelfile's template?"""

import re
from collections.abc import Iterator, Mapping

from tweetstyle.errors import TweetstyleError
from tweetstyle.hardware.check import Check, ok, warn
from tweetstyle.hardware.gpu import CardState, Gpu, driver_branch
from tweetstyle.inference.ollama import LoadedModel, OllamaClient
from tweetstyle.locale import _

FIRST_WITH_NEWER_DRIVER = (0, 30)
OLLAMA_LEAST_DRIVER, OLLAMA_LEAST_DRIVER_OLD_CARD = 550, 570
OLD_CARDS = (5, 0), (6, 2)
"""From that version on Ollama needs driver 550, and 570 for these compute capabilities (docs.ollama.com/gpu; ollama#16415). With an older
driver it runs on the CPU and reports no error."""
MOSTLY = 0.9
"""Share of a model that has to be on the card for a normal speed."""
FALSE = ("0", "f", "false")
"""What Go's strconv.ParseBool takes for false, in lower case."""


def check_ollama(environment: Mapping[str, str], state: CardState) -> Iterator[Check]:
    """The template; where there is a card and Ollama runs, its version against the driver, and where the models run that it has loaded."""
    go_template = environment.get("OLLAMA_GO_TEMPLATE", "")
    if go_template.strip().lower() in FALSE:
        what = _("OLLAMA_GO_TEMPLATE is {value}: Ollama takes the GGUF's chat template and not the Modelfile's TEMPLATE", value=go_template)
        yield warn("ollama", what, _("unset it where ollama serve is started: the exported model was compared by its Modelfile"))
    if not state.cards:
        return
    try:
        client = OllamaClient(environment.get("OLLAMA_HOST", ""))
        version, loaded = client.version(), client.loaded()
    except TweetstyleError:  # Not running, or at an address that another check reports.
        return
    yield check_driver(version, state.driver or "", state.cards[0].capability)
    for model in loaded:
        yield from check_placement(model, state.cards[0])


def check_driver(version: str, driver: str, capability: tuple[int, int]) -> Check:
    """Whether this version of Ollama uses such a card with this driver."""
    numbers = re.match(r"(\d+)\.(\d+)", version)
    newer = numbers is not None and (int(numbers[1]), int(numbers[2])) >= FIRST_WITH_NEWER_DRIVER
    least = OLLAMA_LEAST_DRIVER_OLD_CARD if OLD_CARDS[0] <= capability <= OLD_CARDS[1] else OLLAMA_LEAST_DRIVER
    if newer and driver_branch(driver) < least:
        values = {"version": version, "least": least, "driver": driver}
        what = _("Ollama {version} needs driver {least} or later and runs on the CPU with {driver}", **values)
        return warn("ollama", what, _("update the driver (Ubuntu: sudo ubuntu-drivers install) and restart"))
    return ok("ollama", version)


def check_placement(model: LoadedModel, card: Gpu) -> Iterator[Check]:
    """A model of which a large part runs on the CPU, though there is a card."""
    if model.on_card < MOSTLY * model.size:
        values = {"share": model.on_card / model.size, "model": model.name, "card": card.name}
        what = _("Ollama has {share:.0%} of {model} on the {card} and runs the rest on the CPU", **values)
        do = _(
            "close what else uses the card (nvidia-smi lists it), then: ollama stop {model}; ollama run {model}; ollama ps. "
            "Still on the CPU: update the driver, restart the machine after a suspend, and look for 'inference compute' in Ollama's log",
            model=model.name,
        )
        yield warn("ollama", what, do)

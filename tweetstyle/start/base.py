"""Steps 2 and 3: the kind of model, what this machine can do, and the base model."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tweetstyle.console import say
from tweetstyle.errors import TweetstyleError
from tweetstyle.hardware.check import ok, warn
from tweetstyle.hardware.gpu import Card, find_card, named_card
from tweetstyle.inference.ollama import OllamaClient
from tweetstyle.inspect.starting_recipe import schedule
from tweetstyle.locale import _
from tweetstyle.model.base import read_base_config
from tweetstyle.model.hub import BY_MAKE, HUB, Known, how_to_get
from tweetstyle.plan.advice import what_to_change
from tweetstyle.recipe import Lora, Model, Training
from tweetstyle.stages.checks import all_checks, print_checks
from tweetstyle.start.dialogue import Answer, Answers, Choice, Questions

SUBJECT, MESSAGES = "subject", "messages"
"""Kinds of model: what is typed later."""
SMALL = "small"
SMALL_GGUF = BY_MAKE.with_suffix(".gguf")
MOST_SHOWN, MOST_WITHOUT_CARD = 5, 3
USUAL_CARD = 12.0
"""GB of the card whose models are named where there is none."""
EXPORTS = Path("export")
"""What this program made is there under the name that it has in Ollama, and writes tweets, not messages."""


def kind_of_model(answers: Answers, ask: Questions) -> None:
    """A model of tweets, or one that answers; for that one, the model that writes messages."""
    kinds = (
        Choice(_("tweets about a subject"), _("You type a subject, it writes a tweet about it. Ready soonest; begin with this one.")),
        Choice(
            _("answers to messages"),
            _("You type a message, it answers as you would. First a model on this machine writes a message for each tweet."),
        ),
    )
    answers.kind = (SUBJECT, MESSAGES)[ask.choose(_("Which kind of model?"), kinds)]
    if answers.kind == MESSAGES:
        local = [name for name in ask_ollama(OllamaClient.writers, []) if not (EXPORTS / name.partition(":")[0]).is_dir()]
        about = _("A model of your Ollama: one of 7B or more that writes your language well gives the best messages.")
        small = Choice(_("the small default"), _("There at once; its messages are often beside the point. Enough for a trial."))
        chosen = ask.choose(_("Which model writes the messages?"), [*(Choice(name, about) for name in local), small])
        answers.writer = [*local, SMALL][chosen]
    answers.save()


def ask_ollama(question: Callable[[OllamaClient], Answer], otherwise: Answer) -> Answer:
    """What the Ollama of this machine answers, or `otherwise` where none runs."""
    try:
        return question(OllamaClient())
    except TweetstyleError:
        return otherwise


def base_model(answers: Answers, ask: Questions) -> bool:
    """Shows the machine and asks for the base; whether there is one to go on with."""
    found = all_checks(None)
    if not any(check.name == "ollama" for check in found):
        optional = _("optional: without it you talk with the model by tweetstyle chat. https://ollama.com/download")
        version = ask_ollama(OllamaClient.version, "")
        found.append(ok("ollama", version) if version else warn("ollama", _("Ollama is not running"), optional))
    print_checks(found)
    say(err=False)
    card = find_card()
    bases = fitting(card, answers) if card else fitting(named_card(USUAL_CARD), answers)[:MOST_WITHOUT_CARD]
    choices = [_choice(known, card) for known in bases]
    about = _("135M parameters, 0.3 GB, Apache-2.0: learns habits, not sense; trains on the processor within minutes.")
    choices.append(Choice(_("the small default"), about))
    there = [number for number, known in enumerate(bases) if is_there(known.directory)]
    chosen = ask.choose(_("Which base model?"), choices, default=(there or [0])[0] if card and bases else len(bases))
    base = bases[chosen].directory if chosen < len(bases) else BY_MAKE
    answers.base = answers.trial_base = str(base)
    if base != BY_MAKE and not (card and is_there(base)):
        say(_("The trial cannot use {base}: there is no such model or no card for it on this machine.", base=base), err=False)
        say(how_to_get(base) if not is_there(base) else "", err=False)
        answers.trial_base = str(BY_MAKE)
        if not ask.confirm(_("Try everything with the small default now, and train the larger one later?")):
            return False
    if answers.trial_base == str(BY_MAKE) and not _make_small(ask):
        return False
    answers.save()
    return True


def fitting(card: Card, answers: Answers) -> list[Known]:
    """Base models that the recipe trains on this card as it is, largest first; Gaperon for French archives only."""
    plan = schedule(answers.tweets)
    training = Training(max_length=plan.max_length, gradient_accumulation_steps=plan.gradient_accumulation_steps)
    found = []
    for known in HUB:
        model = Model(base=known.directory, method="qlora", lora=Lora(r=plan.r, lora_alpha=2 * plan.r))
        of_kind = known.repository.endswith("-Instruct") == (answers.kind == MESSAGES) and known.directory != BY_MAKE
        if of_kind and (answers.french or "Gaperon" not in known.name) and what_to_change(known.config, model, training, card) == []:
            found.append(known)
    return sorted(found, key=lambda known: -known.download_bytes)[:MOST_SHOWN]


def _choice(known: Known, card: Card | None) -> Choice:
    label = _("{model} (fits the card)", model=known.name) if card else _("{model} (needs an NVIDIA card)", model=known.name)
    here = _("On this machine already: {directory}.", directory=known.directory)
    return Choice(label, here if is_there(known.directory) else known.how_to_get)


def is_there(directory: Path) -> bool:
    """Whether a base model can be read there."""
    return directory.is_dir() and read_base_config(directory).whole


def _make_small(ask: Questions) -> bool:
    """Makes the small default where it is missing; whether it is there."""
    if is_there(BY_MAKE) and SMALL_GGUF.is_file():
        return True
    say(_("The small default is not here yet. This fetches it (0.1 GB) and takes a minute:"), err=False)
    say("  make base-model", err=False, wrap=False)
    if not ask.confirm(_("Run it now?")):
        return False
    if not (shutil.which("make") and subprocess.run(["make", "base-model"], check=False).returncode == 0 and is_there(BY_MAKE)):
        raise TweetstyleError(_("the small default could not be made"), where=str(BY_MAKE), hint=how_to_get(BY_MAKE))
    return True

"""The two recipes of the guide: the full run's, and the trial's on 100 tweets beside it."""

import os
import re
from pathlib import Path

import yaml

from tweetstyle.files import complete_file
from tweetstyle.hardware.gpu import BF16, observe_card
from tweetstyle.inspect.starting_recipe import recipe_text
from tweetstyle.locale import _, current_language, in_language
from tweetstyle.model.base import read_base_config
from tweetstyle.model.hub import BY_MAKE
from tweetstyle.pages.render import asset
from tweetstyle.plan.schedule import SOME, one_digit, rate_of_few_steps, usual_rate
from tweetstyle.recipe_yaml import Commented, Settings, with_settings
from tweetstyle.start.base import MESSAGES, SMALL
from tweetstyle.start.dialogue import Answers

TRIAL = 100
"""Tweets, as data.mini_train."""


def write_recipes(answers: Answers) -> None:
    """Both recipes as answered; the user agreed to replace a file when the name was chosen."""
    names, language = {"style": answers.style, "full": answers.recipe, "trial": answers.trial}, "fr" if answers.french else ""
    author = {"author": answers.author}
    with in_language(language or current_language()):
        of_full = _(
            "# {style}, the full run; written by tweetstyle start. Look at the plan first, then train:\n"
            "#   tweetstyle-fit {full} --dry-run\n#   tweetstyle-fit {full}\n"
            "# docs/your-tweets.md explains the settings of data, docs/recipe.schema.json lists all.\n",
            **names,
        )
        of_trial = _("# {style}, a trial on 100 tweets, by tweetstyle start. The full run: {full}\n#   tweetstyle-fit {trial}\n", **names)
        first = recipe_text([Path(answers.archive)], answers.tweets, answers.languages, author, answers.recipe, language)
        settings = [_prompt(answers) | _base(Path(answers.base), answers.tweets), _base(Path(answers.trial_base), TRIAL) | _trial(answers)]
    body = re.sub(rf"^ *#.*{BY_MAKE}.*\n", "", first[re.search(r"^\w", first, re.M).start() :], flags=re.M)
    full = with_settings(body, settings[0])
    trial = with_settings(full, settings[1])
    for path, text in ((answers.recipe, of_full + full), (answers.trial, of_trial + trial)):
        with complete_file(path) as stream:
            stream.write(text)
    answers.written = True
    answers.save()


def _prompt(answers: Answers) -> Settings:
    settings: Settings = {"prompt.style": answers.style}
    if answers.kind != MESSAGES:
        return settings
    settings |= {
        "data.processed": f"data/processed/{answers.name}",
        "prompt.format": Commented("chat", _("the chat template of the instruct model")),
        "prompt.message": Commented("playback", _("what a tweet answers, written by a model on this machine")),
    }
    return settings | (_fixed("messages") if answers.writer == SMALL else {"playback.ollama": answers.writer})


def _base(base: Path, tweets: int) -> Settings:
    """base: its directory; tweets: to learn from."""
    if base != BY_MAKE:
        cards = observe_card(os.environ).cards
        old = cards and cards[0].capability < BF16
        return {"model.base": str(base)} | ({"training.bf16": Commented(False, _("this card has no bfloat16"))} if old else {})
    rate = one_digit((rate_of_few_steps if tweets < SOME else usual_rate)("lora", read_base_config(base).config["hidden_size"]))
    return _fixed("small") | {
        "model.base": str(base),
        "model.method": Commented("lora", _("adapter over the 16-bit base")),
        "training.learning_rate": Commented(rate, _("usual for so small a model")),
    }


def _trial(answers: Answers) -> Settings:
    messages = {"playback.held_out_tweets": 40} if answers.kind == MESSAGES else {}
    return _fixed("trial") | {"training.split": Commented("mini-train", _("100 tweets, drawn by lot"))} | messages


def _fixed(what: str) -> Settings:
    return yaml.safe_load(asset("start/settings.yaml"))[what]

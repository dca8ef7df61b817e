"""The two recipes of the guide: the full run's, and the trial's on 100 tweets beside it."""

import json
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
from tweetstyle.plan.schedule import SOME, as_rate, rate_of_few_steps, usual_rate
from tweetstyle.start.base import MESSAGES, SMALL
from tweetstyle.start.dialogue import Answers

TRIAL = 100
"""Tweets, as data.mini_train."""

Settings = dict[str, object]
"""Dotted key of a recipe → its value as YAML, with a comment where it needs one."""


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


def with_settings(text: str, settings: Settings) -> str:
    """A recipe's text with other values, each in its line, or in a new one at the head of its section."""
    for key, value in settings.items():
        section, *inner = key.split(".")
        if not re.search(rf"^{section}:", text, re.M):
            text += f"\n{section}:\n"
        before, head, rest = re.split(rf"(^{section}:.*\n)", text, maxsplit=1, flags=re.M)
        length = re.match(r"(?: .*\n)*", rest).end()
        block, after = rest[:length], rest[length:]
        beginning = f"{'  ' * len(inner)}{inner[-1]}: "
        line, old = f"{beginning}{value}", re.compile(rf"^{beginning}.*$", re.M)
        block = old.sub(lambda _, line=line: line, block, count=1) if old.search(block) else f"{line}\n{block}"
        text = before + head + block + after
    return text


def _prompt(answers: Answers) -> Settings:
    settings: Settings = {"prompt.style": json.dumps(answers.style, ensure_ascii=False)}
    if answers.kind != MESSAGES:
        return settings
    settings |= {
        "data.processed": f"data/processed/{answers.name}",
        "prompt.format": _commented("chat", _("the chat template of the instruct model")),
        "prompt.message": _commented("playback", _("what a tweet answers, written by a model on this machine")),
    }
    return settings | (_fixed("messages") if answers.writer == SMALL else {"playback.ollama": json.dumps(answers.writer)})


def _base(base: Path, tweets: int) -> Settings:
    """base: its directory; tweets: to learn from."""
    if base != BY_MAKE:
        cards = observe_card(os.environ).cards
        old = cards and cards[0].capability < BF16
        return {"model.base": base} | ({"training.bf16": _commented("false", _("this card has no bfloat16"))} if old else {})
    rate = (rate_of_few_steps if tweets < SOME else usual_rate)("lora", read_base_config(base).config["hidden_size"])
    return _fixed("small") | {
        "model.base": base,
        "model.method": _commented("lora", _("adapter over the 16-bit base")),
        "training.learning_rate": _commented(as_rate(rate), _("usual for so small a model")),
    }


def _trial(answers: Answers) -> Settings:
    messages = {"playback.held_out_tweets": 40} if answers.kind == MESSAGES else {}
    return _fixed("trial") | {"training.split": _commented("mini-train", _("100 tweets, drawn by lot"))} | messages


def _commented(value: str, comment: str) -> str:
    return f"{value}  # {comment}"


def _fixed(what: str) -> Settings:
    """Settings of settings.yaml, each as it is written in a recipe."""
    return {key: json.dumps(value).strip('"') for key, value in yaml.safe_load(asset("start/settings.yaml"))[what].items()}

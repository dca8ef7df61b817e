"""Steps 4 and 5: the trial on 100 tweets, a chat with what it made, and the full run."""

from __future__ import annotations

import random
import shlex
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tweetstyle import pipeline
from tweetstyle.console import rich_console, say
from tweetstyle.inference.ollama import OllamaClient, shell_lines
from tweetstyle.locale import _, current_language
from tweetstyle.manifest import Manifest
from tweetstyle.model.hub import BY_MAKE, how_to_get
from tweetstyle.plan.memory import duration
from tweetstyle.prompt.template import NO_TOPIC
from tweetstyle.run import Run
from tweetstyle.stages import plan as planning
from tweetstyle.start.base import SUBJECT, ask_ollama, is_there
from tweetstyle.start.dialogue import Answers, Questions
from tweetstyle.start.recipes import write_recipes
from tweetstyle.statistics.metrics import read_evaluation
from tweetstyle.text.visible import visible
from tweetstyle.wording import verdict

if TYPE_CHECKING:
    from rich.table import Table

SHOWN = 3
LONGEST = 280
"""Characters of a tweet that are shown."""


def trial(answers: Answers, ask: Questions) -> bool:
    """Writes the recipes and carries out the trial; whether it has ended."""
    if not answers.tried:
        if not answers.written:
            write_recipes(answers)
        say(_("The recipes: {trial} for the trial, {full} for the full run.", trial=answers.trial, full=answers.recipe), err=False)
        if answers.trial_base == str(BY_MAKE):
            minutes = 5 if answers.kind == SUBJECT else 15
            say(_("On two idle processor cores the trial takes about {minutes} minutes.", minutes=minutes), err=False)
        say(_("Ctrl-C interrupts it at any moment; to continue, run the same command again."), err=False)
        if not ask.confirm(_("Train on 100 tweets now?")):
            return False
        pipeline.run_stages(answers.trial)
        answers.tried = True
        answers.save()
    run = Run(answers.trial)
    evaluation = read_evaluation(run.recipe.run_directory)
    if samples := evaluation.get("samples"):
        say(err=False)
        rich_console().print(side_by_side(samples, answers=bool(run.template.turns)))
    if evaluation:
        say("\n" + verdict.trial(evaluation, current_language()), err=False, bold=True)
    say(_("Everything measured: {report}", report=run.recipe.run_directory / "report.html"), err=False)
    return True


def side_by_side(samples: list[dict[str, Any]], answers: bool) -> Table:
    """Three real tweets above what the model wrote on their subjects (or in answer to the same messages), drawn by lot, not chosen."""
    from rich.table import Table
    from rich.text import Text

    title = (
        _("Tweets of yours that it never saw, and what it answers:") if answers else _("Tweets of yours that it never saw, and its own:")
    )
    labels = (_("message") if answers else _("subject"), _("yours"), _("the model's"))
    table = Table(title=title, title_justify="left", title_style="", box=None, show_header=False)
    table.add_column(no_wrap=True)
    named = [sample for sample in samples if sample["topic"]] or samples
    for sample in random.Random(0).sample(named, min(SHOWN, len(named))):
        for label, text in zip(labels, (sample["topic"] or NO_TOPIC, sample["real"], sample["tuned"]), strict=True):
            table.add_row(label, Text(visible(text.replace("\n", " ⏎ ")[:LONGEST])))
        table.add_row()
    return table


def talk(answers: Answers, ask: Questions) -> None:
    """The model in Ollama and a chat with it; without Ollama, a chat in this program."""
    run = Run(answers.trial)
    name, modelfile = run.recipe.name, run.recipe.export_directory / "Modelfile"
    create, open_chat = shell_lines(name, modelfile)
    say(_("The commands that put the model into Ollama and talk with it:"), err=False)
    say(f"  {create}\n  {open_chat}", err=False, wrap=False)
    if shutil.which("ollama") and ask_ollama(OllamaClient.version, ""):
        if ask.confirm(_("Run them now?")) and _in_foreground(create):
            _in_foreground(f"{open_chat} {shlex.quote(pipeline.first_message(run))}" if ask.yes else open_chat)
            return
    else:
        say(_("Ollama is not running on this machine. The same model answers without it."), err=False)
    say(f"  tweetstyle chat {answers.trial}", err=False, wrap=False)
    if ask.confirm(_("Open the chat now?")):
        pipeline.chat(answers.trial, pipeline.first_message(run) if ask.yes else None)


def _in_foreground(command: str) -> bool:
    """Runs a command on this terminal, where Ctrl-C is its own; whether it ended well."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.run(shlex.split(command), check=False).returncode == 0
    finally:
        signal.signal(signal.SIGINT, before)


def full_run(answers: Answers, ask: Questions) -> None:
    """How long all tweets take, and the command; started only on an explicit yes."""
    say("\n" + _("The full run, on all tweets: {time}", time=estimated_time(answers)), err=False)
    command = f"tweetstyle-fit {answers.recipe}"
    if not is_there(base := Path(answers.base)):
        say(how_to_get(base), err=False)
        say(_("Then: {command}", command=command), err=False)
        return
    say(f"  {command}", err=False, wrap=False)
    if ask.confirm(_("Start it now? It can be interrupted; the same command resumes it."), default=False):
        pipeline.run(answers.recipe)


def estimated_time(answers: Answers) -> str:
    """Of the training alone, at the trial's speed where that trained the same base model."""
    tokens = planning.estimate_run(Run(answers.recipe), None, None).train_tokens
    fitted = Manifest.read(Run(answers.trial).recipe.run_directory / "fit.json")
    speed = fitted.facts["tokens_per_second"] if fitted and answers.base == answers.trial_base else None
    if tokens is None or not speed:
        return _("how long it takes is measured in its first minutes.")
    figures = {"hours": duration(tokens.tokens / speed / 3600), "tokens": tokens.tokens, "speed": speed}
    return _("about {hours} of training ({tokens:,} tokens at {speed:,.0f} a second, as in the trial).", **figures)

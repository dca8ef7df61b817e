"""`tweetstyle start`: from an archive to a chat in five steps, each explained."""

import shlex
from pathlib import Path

from tweetstyle.console import say
from tweetstyle.locale import _
from tweetstyle.start.archive import your_tweets
from tweetstyle.start.base import MESSAGES, base_model, kind_of_model
from tweetstyle.start.dialogue import Answers, Questions, unfinished
from tweetstyle.start.trial import full_run, talk, trial

STEPS = 5


def start(archive: Path | None, *, yes: bool) -> None:
    """The guide. The same call continues one that was left, and shows its finished steps as done.

    Args:
        archive: None to look for it in data/raw, this directory and the download folder.
        yes: take every default and ask nothing.
    """
    ask = Questions(yes)
    answers = _prepare(archive, ask)
    _title(3, _("This machine and the base model"))
    if answers.base:
        both = _("Done: {base} for the full run, {trial} for the trial.", base=answers.base, trial=answers.trial_base)
        say(both if answers.base != answers.trial_base else _("Done: {base}.", base=answers.base), err=False)
    elif base_model(answers, ask):
        _ended("tweetstyle doctor", _("Next: two recipes, and a training on 100 tweets."))
    else:
        return _later()
    _title(4, _("A trial on 100 tweets"))
    if not trial(answers, ask):
        return _later()
    _ended(f"tweetstyle-fit {answers.trial}", _("Next: a chat with the model."))
    _title(5, _("Talk with it"))
    talk(answers, ask)
    full_run(answers, ask)
    answers.finished = True
    answers.save()
    return None


def _prepare(archive: Path | None, ask: Questions) -> Answers:
    """Steps 1 and 2."""
    answers = unfinished(archive, ask)
    _title(1, _("Your tweets"))
    if answers:
        say(_("Done: {archive}, style {style}.", archive=answers.archive, style=answers.style), err=False)
    else:
        answers = your_tweets(archive, ask)
        name = f" --author {shlex.quote(answers.author)}" if answers.author else ""
        _ended(f"tweetstyle inspect {shlex.quote(answers.archive)}{name}", _("Next: what you want the model to do."))
    _title(2, _("The kind of model"))
    if answers.kind:
        say(_("Done: it answers messages.") if answers.kind == MESSAGES else _("Done: it writes tweets about a subject."), err=False)
    else:
        kind_of_model(answers, ask)
        prompt = "prompt.format: chat, prompt.message: playback" if answers.kind == MESSAGES else "prompt.message: topic"
        say(_("In a recipe this is {setting}. Next: this machine and the base model.", setting=prompt), err=False)
    return answers


def _title(number: int, title: str) -> None:
    say(f"\n{number}/{STEPS}  {title}", err=False, bold=True)


def _ended(command: str, following: str) -> None:
    say(_("Without the guide: {command}", command=command), err=False)
    say(following, err=False)


def _later() -> None:
    say(_("Nothing more was done. The same command continues here."), err=False)

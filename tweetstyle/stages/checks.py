"""What is checked before a run starts, and doctor's checks of a recipe."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

from tweetstyle.console import say
from tweetstyle.doctor import doctor
from tweetstyle.errors import RecipeErrors, TweetstyleError
from tweetstyle.hardware.check import Check, fail, ok, warn
from tweetstyle.hardware.disk import require_free_space
from tweetstyle.hardware.machine import installed_versions
from tweetstyle.locale import N_, _
from tweetstyle.model.base import read_base_config
from tweetstyle.plan.disk import disk_uses, written_to
from tweetstyle.plan.estimate import (
    ResourceEstimate,
    estimate_resources,
    refuse_beyond_positions,
    refuse_method,
)
from tweetstyle.prompt.template import Template
from tweetstyle.recipe_yaml import located, with_line
from tweetstyle.run import Run
from tweetstyle.sources import open_archive
from tweetstyle.stages import existing_outputs, ready_to_fit, stages_of

USUAL = (Path("model"), Path("export"), Path("data/processed"))
"""Where runs write, unless a recipe says otherwise."""
COLOURS = {N_("ok"): None, N_("warn"): "yellow", N_("fail"): "red"}


def check_message_model(run: Run) -> str | None:
    """Refuses, before the tweets are prepared, a message model that is needed but cannot be used.

    Returns the name of the model, or None if none is needed. Needs nothing of a base model that is missing.
    """
    from tweetstyle.playback.backends import message_model_of

    stage = stages_of(run).get("playback")
    if stage is None or (stage.manifest.is_file() and ready_to_fit(run)):
        return None
    with located(run.path):
        return message_model_of(run.recipe.playback).where


def check(run: Run) -> None:
    """Refuses, before a minute is spent, what would fail later; shows what may go worse than it could."""
    from tweetstyle.plan.tables import start_summary

    with located(run.path):
        check_before_start(run)
        existing = existing_outputs(run)
        if existing.trained:
            # Before a training doctor's check does that.
            require_free_space(disk_uses(run.recipe, run.base, existing), written_to(run.recipe))
            return
    estimate = estimate_resources(run.recipe, run.base, run.card, existing=existing)
    stop_where_it_would_fail(run, estimate)
    say(start_summary(estimate))


def check_before_start(run: Run) -> None:
    """Refuses what would fail after the training: an export that cannot be, packs beyond the model. The disk has its own check."""
    from tweetstyle.export import check_exportable
    from tweetstyle.export.modelfile import check_context

    recipe, base, template = run.recipe, run.base, run.template
    directory, weights = recipe.run_directory.resolve(), base.path.resolve()
    if directory == weights or directory in weights.parents or weights in directory.parents:
        what = _("the run would be written to {directory}, where the base model is", directory=recipe.run_directory)
        raise TweetstyleError(what, where="model.base", hint=_("give the recipe's file another name: the run is named after it"))
    others = recipe.evaluation.others
    if others and not others.exists():
        hint = _("write the path of other people's tweets, or leave it out")
        raise TweetstyleError(_("there is no such file"), where=f"evaluation.others: {others}", hint=hint)
    if "tensorboard" in recipe.training.report_to and not installed_versions(["tensorboard"]):
        hint = _("install it: pip install {package} in the environment of tweetstyle, or remove the key", package="tensorboard")
        raise TweetstyleError(_("TensorBoard is not installed"), where="training.report_to", hint=hint)
    refuse_method(base.config, recipe.model.method)
    check_exportable(base, template)
    base.tokenizer.check_turns(template)
    check_context(template, base.tokenizer, recipe.export.num_ctx)
    refuse_beyond_positions(recipe, base.max_positions)


def stop_where_it_would_fail(run: Run, estimate: ResourceEstimate) -> None:
    """Shows warnings of doctor's checks, and raises all that would fail at once as TweetstyleError."""
    problems = []
    for check in doctor(written_to(run.recipe), estimate, run.template):
        if check.state == "warn":
            say(_("{about}: {warning}", about=_(check.name), warning=check.seen) + f"\n  → {check.do}", fg="yellow")
        elif check.state == "fail":
            problems.append(with_line(TweetstyleError(check.seen, where=check.where or _(check.name), hint=check.do), run.path))
    if problems:
        raise problems[0] if len(problems) == 1 else RecipeErrors(problems)


# -- doctor -------------------------------------------------------------------------------------------------


def all_checks(run: Run | None) -> list[Check]:
    """Every check; of the machine alone without a recipe. What cannot be read is a check that failed, and ends none of the others."""
    if run is None:
        return doctor(USUAL)
    sources = run.recipe.data.source
    archive = _failure(run, "archive", lambda: open_archive(sources, run.recipe.data.separator))
    steps = {
        "base model": lambda: run.base,
        "prompt": lambda: run.template,
        N_("recipe"): located(run.path)(partial(check_before_start, run)),
    }
    refused = next(filter(None, (_failure(run, name, step) for name, step in steps.items())), None)
    estimated = _estimate(run)
    if isinstance(estimated, TweetstyleError):
        what = _("what the run needs of card, memory and disk is unknown until this is solved: {problem}", problem=estimated.what)
        do = _("then tweetstyle plan {recipe} shows it, and this command compares it with the machine", recipe=run.path)
        found = [*doctor(written_to(run.recipe)), warn(N_("need"), what, do)]
    else:
        found = doctor(written_to(run.recipe), *estimated)
    for check in (archive or ok(N_("archive"), ", ".join(map(str, sources))), refused, *messages_check(run)):
        if check and not any(before.state == "fail" and check.seen.endswith(before.seen) for before in found):
            found.append(check)
    return found


def failed(name: str, error: TweetstyleError, path: Path) -> Check:
    """An error as a check; path: the recipe's, for an error that names no place."""
    return fail(name, error.what, error.hint or "", error.where or str(path))


def _failure(run: Run, name: str, step: Callable[[], object]) -> Check | None:
    try:
        step()
    except TweetstyleError as error:
        return failed(name, error, run.path)
    return None


def _estimate(run: Run) -> tuple[ResourceEstimate, Template | None] | TweetstyleError:
    """From the base model if it is complete, else from its config.json; the error if neither works or no plan is possible."""
    try:
        return estimate_resources(run.recipe, run.base, run.card, existing=existing_outputs(run)), run.template
    except TweetstyleError:
        pass
    try:
        return estimate_resources(run.recipe, read_base_config(run.recipe.model.base), run.card), None
    except TweetstyleError as error:
        return error


def messages_check(run: Run) -> list[Check]:
    """Whether the model that writes a conversation's messages can be used, if it is needed."""
    try:
        model = check_message_model(run)
    except TweetstyleError as error:
        return [failed("messages", error, run.path)]
    return [ok(N_("messages"), _("{model} can write them", model=model))] if model else []


def as_json(checks: list[Check]) -> str:
    """For programs; `ok` says whether nothing failed."""
    shown = {"ok": all(check.state != "fail" for check in checks), "checks": [asdict(check) for check in checks]}
    return json.dumps(shown, indent=2, ensure_ascii=False)


def print_checks(checks: list[Check]) -> None:
    """For a person: state, name, what was seen, and beneath it what to do; at the end each download command in a line to copy."""
    names, states = (max(len(_(word)) for word in words) for words in ({check.name for check in checks}, COLOURS))
    for check in checks:
        where = f"{check.where}: " if check.where else ""
        row = f"{_(check.state):<{states}}  {_(check.name):<{names}}  "
        colour = COLOURS[check.state]
        say(f"{row}{where}{check.seen}", err=False, hanging=len(row), fg=colour)
        if check.do:
            say(f"{' ' * len(row)}→ {check.do}", err=False, fg=colour, bold=True)
    if commands := dict.fromkeys(command for check in checks for command in re.findall(r"hf download [^,()]*[^,()\s]", check.do)):
        say("\n".join(["", _("To copy:"), *(f"  {command}" for command in commands)]), err=False, wrap=False)

"""What is checked before a run starts, and doctor's checks of a recipe."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tweetstyle.console import say
from tweetstyle.doctor import doctor
from tweetstyle.errors import RecipeErrors, TweetstyleError
from tweetstyle.hardware.check import Check, fail, ok, warn
from tweetstyle.model.base import read_base_config
from tweetstyle.plan import estimate
from tweetstyle.plan.disk import NO_OUTPUTS, refuse_too_small_a_disk, written_to
from tweetstyle.plan.estimate import ResourceEstimate, estimate_resources
from tweetstyle.plan.probe import Speed
from tweetstyle.recipe_yaml import located
from tweetstyle.sources import open_archive
from tweetstyle.stages import existing_outputs, ready_to_fit, stages_of

if TYPE_CHECKING:
    from tweetstyle.prompt.template import Template
    from tweetstyle.run import Run


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
    refuse_what_would_fail(run)
    with located(run.path):
        refuse_too_small_a_disk(run.recipe, run.base, existing := existing_outputs(run))
    if not existing.trained:
        from tweetstyle.plan.tables import start_summary

        refuse_what_cannot_fit(run)
        needs = estimate_resources(run.recipe, run.base, run.card, existing=existing)
        stop_where_it_would_fail(run, needs)
        say(start_summary(needs))


def refuse_what_would_fail(run: Run) -> None:
    """What the plan refuses, except a full disk, which has its own check."""
    from tweetstyle.stages.plan import check_before_start

    with located(run.path):
        check_before_start(run.recipe, run.base, run.template)


def refuse_what_cannot_fit(run: Run) -> None:
    """Refuses what the card that is here cannot hold."""
    with located(run.path):
        estimate.refuse_what_cannot_fit(run.recipe, run.base, run.card)


def needs(run: Run, card_gib: float | None, tweets: int | None) -> ResourceEstimate:
    """What the run takes. card_gib: of another card than the one that is here; tweets: of another number than the archive's."""
    from tweetstyle.stages.plan import training_tokens

    with located(run.path):
        outline = read_base_config(run.recipe.model.base)
        estimate.refuse_method(outline.config, run.recipe.model.method)
        estimate.refuse_beyond_positions(run.recipe, outline.config["max_position_embeddings"])
        split = run.split("train").is_file() and all(source.exists() for source in run.recipe.data.source)
        prepared = outline.whole and tweets is None and split and ready_to_fit(run)
        tokens = training_tokens(run.recipe, lambda: (run.base, run.template), prepared, tweets)
        found = estimate_resources(
            run.recipe, outline, estimate.card_for(run.recipe, card_gib), tokens, existing_outputs(run) if prepared else NO_OUTPUTS
        )
        # What was measured here says nothing of another card.
        return found if card_gib is None else replace(found, speed=Speed(None, "a probe measures only the card in this machine"))


USUAL = (Path("model"), Path("export"), Path("data/processed"))
"""Where runs write, unless a recipe says otherwise."""
COLOURS = {"ok": None, "warn": "yellow", "fail": "red"}


def all_checks(run: Run | None) -> list[Check]:
    """Every check; of the machine alone without a recipe. What cannot even be read is a check that failed, and ends none of the others.

    What the run needs is compared with the machine as far as it is known: for a missing base model, by its shape.
    """
    if run is None:
        return doctor(USUAL)
    archive = _archive(run)
    refused = _refused(run, archive_is_readable=archive.state == "ok")
    failures = [check for check in (archive, *refused) if check.state == "fail"]
    known = _needs_if_known(run)
    unknown = [_needs_unknown(run, known, failures)] if isinstance(known, TweetstyleError) else []
    found = doctor(written_to(run.recipe), *(() if unknown else known))
    seen = tuple(check.seen for check in found if check.state == "fail")
    messages = [check for check in messages_check(run) if check.seen not in {of.seen for of in refused}]
    return [*found, archive, *(check for check in refused if not check.seen.endswith(seen)), *unknown, *messages]


def failed(name: str, error: TweetstyleError, path: Path) -> Check:
    """An error as a check; path: the recipe's, for an error that names no place."""
    return fail(name, error.what, error.hint or "", error.where or str(path))


def _archive(run: Run) -> Check:
    """Whether the sources are there, and of kinds that can be read; read they are not."""
    try:
        open_archive(run.recipe.data.source, run.recipe.data.separator)
    except TweetstyleError as error:
        return failed("archive", error, run.path)
    return ok("archive", ", ".join(map(str, run.recipe.data.source)))


def _refused(run: Run, *, archive_is_readable: bool) -> list[Check]:
    """The first thing that a run would refuse, as a check; the disk, of which doctor has its own, left out."""
    steps = {
        "base model": lambda: run.base,
        "prompt": lambda: run.template,
        "recipe": lambda: refuse_what_would_fail(run),
    }
    if archive_is_readable:  # whether a run is up to date is decided by the archive too
        steps["run"] = lambda: existing_outputs(run)
    for name, step in steps.items():
        try:
            step()
        except TweetstyleError as error:
            return [failed(name, error, run.path)]
    return []


def _needs_unknown(run: Run, why: TweetstyleError, failures: list[Check]) -> Check:
    """why: the reason, which is another check's where there are `failures`, otherwise only this check reports it."""
    what = "the run's need of card, memory and disk is unknown"
    do = f"tweetstyle plan {run.path} shows it, and this command compares it with the machine"
    if failures:
        return warn("need", f"{what} until this is solved: {why.what}", f"then {do}")
    return fail("need", f"{what}: {why.what}", f"{why.hint}; then {do}" if why.hint else f"then {do}", why.where or str(run.path))


def _needs_if_known(run: Run) -> tuple[ResourceEstimate, Template | None] | TweetstyleError:
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
        speaker = check_message_model(run)
    except TweetstyleError as error:
        return [failed("messages", error, run.path)]
    return [ok("messages", f"{speaker} can write them")] if speaker else []


def stop_where_it_would_fail(run: Run, needs: ResourceEstimate) -> None:
    """Before a run: what is well stays unsaid, a warning is shown, and all that would fail is raised at once as TweetstyleError."""
    problems = []
    for check in doctor(written_to(run.recipe), needs, run.template):
        if check.state == "warn":
            say(f"{check.name}: {check.seen}\n  → {check.do}", fg="yellow")
        elif check.state == "fail":
            problems.append(_located(check, run.path))
    if problems:
        raise problems[0] if len(problems) == 1 else RecipeErrors(problems)


def _located(check: Check, path: Path) -> TweetstyleError:
    try:
        with located(path):
            raise TweetstyleError(check.seen, where=check.where or check.name, hint=check.do)
    except TweetstyleError as error:
        return error


def as_json(checks: list[Check]) -> str:
    """For programs; `ok` says whether nothing failed."""
    shown = {"ok": all(check.state != "fail" for check in checks), "checks": [asdict(check) for check in checks]}
    return json.dumps(shown, indent=2, ensure_ascii=False)


def commands(checks: list[Check]) -> list[str]:
    """What is to be typed for a download, each in a line of its own."""
    return list(dict.fromkeys(command for check in checks for command in re.findall(r"hf download [^,()]*[^,()\s]", check.do)))


def print_checks(checks: list[Check]) -> None:
    """For a person: state, name, what was seen, and beneath it what to do; what is not well has the row in its colour."""
    names = max(len(check.name) for check in checks)
    for check in checks:
        where = f"{check.where}: " if check.where else ""
        row = f"{check.state:<4}  {check.name:<{names}}  "
        colour = COLOURS[check.state]
        say(f"{row}{where}{check.seen}", err=False, hanging=len(row), fg=colour)
        if check.do:
            say(f"{' ' * len(row)}→ {check.do}", err=False, fg=colour, bold=True)

"""report.html: the verdict, then its sections (pages/templates/report). Opens offline."""

import math
from pathlib import Path

from tweetstyle.files import complete_file
from tweetstyle.locale import current_language
from tweetstyle.pages.render import render
from tweetstyle.report import tables
from tweetstyle.report.files import REWRITTEN_EVERY, STALE_MINUTES, RunContent, RunFiles, State, read_run
from tweetstyle.statistics.metrics import epoch_of, kept_validation, no_better_than_untrained, stops_as_worse, take_off
from tweetstyle.wording.verdict import answers
from tweetstyle.wording.words import Say

__all__ = ["RunFiles", "State", "read_run", "run_report", "write_report"]

RELOAD = 20
"""Seconds after which the page of a running training reloads itself."""
SECTIONS = ("samples", "curves", "likelihood", "style", "sampling", "conversation", "copying", "data", "plan", "output", "gate", "making")


def write_report(run: RunFiles, language: str, state: State | None = None) -> Path:
    """Writes model/<run>/report.html, complete or not at all, and returns its path.

    Args:
        language: "en" or "fr".
        state: the stage in progress, or the one in which the run ended with an error.

    Raises:
        TweetstyleError: where there is no room or no right to write.
    """
    path, page = run.run / "report.html", run_report(run, language, state)
    with complete_file(path) as stream:
        stream.write(page)
    return path


def run_report(files: RunFiles, language: str, state: State | None = None) -> str:
    """One self-contained HTML page: no script, nothing from the network, every text of the archive or a model escaped."""
    run = read_run(files)
    talks, begins = bool(run.evaluation.get("conversation")), run.message == "first-words"
    say = Say(language, talks=talks, begins=begins, shown=run.evaluation.get("shown"))
    training = bool(state and state.training)
    given = answers(run.evaluation, run.metrics, language, unfinished=not run.ended, training=training)
    there = {"conversation": say.talks, "sampling": run.evaluation.get("sampling")}
    copying_began = take_off(run.metrics)
    return render(
        "report.html.j2",
        sheets=("report/report.css",),
        language=language,
        title=say("title", name=run.name),
        reload=RELOAD if training else None,
        notice=_notice(state, run, say) if state else None,
        error=state.error if state else None,
        error_language=current_language(),
        answers=[(answer, " ".join(figures)) for answer, *figures in given],
        sections=[name for name in SECTIONS if name not in there or there[name]],
        say=say,
        run=run,
        tables=tables,
        exp=math.exp,
        kept=kept_validation(run.metrics, run.ended),
        no_better=no_better_than_untrained(run.metrics),
        copying_measured=any(line.get("copied_share") is not None for line in run.metrics),
        takes_off=say.number(epoch_of(copying_began, run.metrics), 2) if copying_began else None,
        recipe_text=files.recipe_text,
        versions=files.versions | {f"export: {name}": version for name, version in run.gate.get("versions", {}).items()},
    )


def _notice(state: State, run: RunContent, say: Say) -> str:
    """What the run was doing as the page was written, or what ended it."""
    if state.error is not None:
        worse = state.stage == "fit" and not run.ended and stops_as_worse(run.metrics)
        key = "ended_worse" if worse else "ended"
    elif state.training and not run.ended:
        key = "live"
    else:
        key = "measuring" if state.stage == "fit" and run.ended else "at_work"
    seconds = {"every": round(REWRITTEN_EVERY), "reload": RELOAD, "minutes": STALE_MINUTES}
    return say(key, stage=state.stage, time=f"{state.at:%Y-%m-%d %H:%M:%S}", **seconds)

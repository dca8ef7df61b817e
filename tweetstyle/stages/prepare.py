"""The stage prepare: from the archive to splits."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tweetstyle.console import say
from tweetstyle.files import fingerprints
from tweetstyle.manifest import Manifest, changed_settings, settings_digest
from tweetstyle.sources import open_archive
from tweetstyle.sources.recognise import files_of
from tweetstyle.stages.stage import CHAT_TEMPLATE, Done, Stage, plain, plain_json, show

if TYPE_CHECKING:
    from tweetstyle.run import Run


def prepare_stage(run: Run) -> Stage:
    return Stage(
        "prepare",
        run.recipe.data.processed / "manifest.json",
        run.settings("data", "prompt"),
        partial(_source, run),
        partial(_prepare, run),
        partial(_render, run),
    )


def _source(run: Run) -> dict[str, str]:
    data, prompt = run.recipe.data, run.recipe.prompt
    open_archive(data.source, data.separator)
    chat = {CHAT_TEMPLATE: settings_digest(repr(run.template.turns or run.template.pieces))} if prompt.format == "chat" else {}
    return fingerprints([file for source in data.source for file in files_of(source)]) | chat


def _prepare(run: Run) -> Done:
    from tweetstyle.prepare import prepare
    from tweetstyle.prepare.report import funnel

    prepared = prepare(run.recipe.data, run.recipe.prompt, run.line_template, run.recipe.data.processed)
    show(funnel(prepared))
    say(f"          with examples of everything: {run.recipe.data.processed}/report.html")
    return list(prepared.outputs), plain(prepared, "outputs", "samples", "kept_samples")


def _render(run: Run, before: Manifest) -> Done | None:
    """The tweets as they were prepared, in lines of another format."""
    from tweetstyle.prepare.outputs import only_the_lines_differ, render_again

    changed = changed_settings(before.settings, plain_json(run.settings("data", "prompt")))
    if not only_the_lines_differ(changed, before.settings["prompt"]["format"], run.line_template):
        return None
    directory = run.recipe.data.processed
    render_again(directory, run.line_template)
    say("          the prepared tweets are kept; only their lines are rewritten")
    return [directory / name for name in before.outputs], before.facts

"""The stage prepare: from the archive to cleaned tweets, their splits and their lines."""

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
    from tweetstyle.run import Road


def prepare_stage(road: Road) -> Stage:
    return Stage(
        "prepare",
        road.recipe.data.processed / "manifest.json",
        road.settings("data", "prompt"),
        partial(_source, road),
        partial(_prepare, road),
        partial(_render, road),
    )


def _source(road: Road) -> dict[str, str]:
    data, prompt = road.recipe.data, road.recipe.prompt
    open_archive(data.source, data.separator)
    chat = {CHAT_TEMPLATE: settings_digest(repr(road.template.turns or road.template.pieces))} if prompt.format == "chat" else {}
    return fingerprints([file for source in data.source for file in files_of(source)]) | chat


def _prepare(road: Road) -> Done:
    from tweetstyle.prepare import prepare
    from tweetstyle.prepare.report import funnel

    prepared = prepare(road.recipe.data, road.recipe.prompt, road.line_template, road.recipe.data.processed)
    show(funnel(prepared))
    say(f"          with examples of everything: {road.recipe.data.processed}/report.html")
    return list(prepared.outputs), plain(prepared, "outputs", "samples", "kept_samples")


def _render(road: Road, before: Manifest) -> Done | None:
    """The tweets as they were prepared, in lines of another format."""
    from tweetstyle.prepare.outputs import only_the_lines_differ, render_again

    changed = changed_settings(before.settings, plain_json(road.stages["prepare"].settings))
    if not only_the_lines_differ(changed, before.settings["prompt"]["format"], road.line_template):
        return None
    directory = road.recipe.data.processed
    render_again(directory, road.line_template)
    say("          the tweets stay as they were prepared; their lines are written anew")
    return [directory / name for name in before.outputs], before.facts

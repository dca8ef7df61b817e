"""The stages prepare and playback: from the archive to splits and messages."""

from functools import partial

from tweetstyle.console import say_of_stage
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import fingerprints
from tweetstyle.locale import _
from tweetstyle.manifest import settings_digest
from tweetstyle.run import Run
from tweetstyle.sources import open_archive
from tweetstyle.sources.recognise import files_of
from tweetstyle.stages.stage import Done, Stage, plain, show


def prepare_stage(run: Run) -> Stage:
    return Stage(
        "prepare",
        run.recipe.data.processed / "manifest.json",
        run.settings("data", "prompt"),
        partial(_source, run),
        partial(_prepare, run),
    )


def _source(run: Run) -> dict[str, str]:
    data, prompt = run.recipe.data, run.recipe.prompt
    open_archive(data.source, data.separator)
    chat = {"chat template": settings_digest(repr(run.template.turns or run.template.pieces))} if prompt.format == "chat" else {}
    return fingerprints([file for source in data.source for file in files_of(source)]) | chat


def _prepare(run: Run) -> Done:
    from tweetstyle.prepare import prepare
    from tweetstyle.prepare.report import funnel

    prepared = prepare(run.recipe.data, run.recipe.prompt, run.line_template, run.recipe.data.processed, run.language)
    show(funnel(prepared))
    say_of_stage(_("the prepared data, with examples: {path}", path=run.recipe.data.processed / "report.html"))
    return list(prepared.outputs), plain(prepared, "outputs", "figures")


NO_MESSAGE_DEPENDS_ON = ("url", "concurrency")
"""Playback settings that say how the model is reached, not what its prompt says."""


def playback_stage(run: Run) -> Stage:
    settings = run.settings("playback") | {"likely_languages": list(run.recipe.data.likely_languages)}
    settings["playback"] = {k: v for k, v in settings["playback"].items() if k not in NO_MESSAGE_DEPENDS_ON}
    settings["split"] = run.recipe.training.split
    manifest = run.recipe.data.processed / "playback.json"
    return Stage("playback", manifest, settings, partial(_inputs, run), partial(_playback, run))


def _inputs(run: Run) -> dict[str, str]:
    """Ollama's current model is not compared: messages are kept until --force is given or the recipe names another model."""
    gguf = run.recipe.playback.gguf
    files = [run.split(name) for name in (run.recipe.training.split, "validation", "test")]
    return fingerprints([*files, *([gguf] if gguf and gguf.is_file() else [])])


def _playback(run: Run) -> Done:
    from tweetstyle.playback import playback, table

    recipe = run.recipe
    train = run.split(recipe.training.split)
    played = playback(recipe.playback, recipe.data.likely_languages, train, recipe.data.processed)
    show(table(played))
    say_of_stage(_("check some before you train on them: tweetstyle playback {recipe} --show 20", recipe=run.path))
    return played.outputs, plain(played, "outputs")


def show_messages(run: Run, count: int) -> None:
    """Some training tweets with their messages, those rejected with their reasons.

    Raises TweetstyleError, after all of them are shown, where none has a message that can be used.
    """
    from tweetstyle.playback import pairs, show_some

    recipe = run.recipe
    train = run.split(recipe.training.split)
    shown = show_some(recipe.playback, recipe.data.likely_languages, train, recipe.data.processed, count)
    show(pairs(shown))
    if all(tweet.reason for tweet in shown):
        hint = _("name a larger model, one that speaks the tweets' language, or lower playback.temperature")
        model = recipe.playback.ollama or str(recipe.playback.gguf)
        raise TweetstyleError(_("none of the tweets shown has a message that can be used"), where=model, hint=hint)

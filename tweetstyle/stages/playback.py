"""The stage playback: the messages that the tweets answer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tweetstyle.console import say
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import fingerprints
from tweetstyle.stages.stage import Done, Stage, plain, show

if TYPE_CHECKING:
    from tweetstyle.run import Run

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
    say(f"          check some before you train on them: tweetstyle playback {run.path} --show 20")
    return played.outputs, plain(played, "outputs")


def show_messages(run: Run, count: int) -> None:
    """Some training tweets with their messages, those rejected with their reasons.

    Raises TweetstyleError, after all of them are shown, where none has a message that can be used.
    """
    from tweetstyle.playback import pairs, show_some

    recipe = run.recipe
    train = run.split(recipe.training.split)
    looks = show_some(recipe.playback, recipe.data.likely_languages, train, recipe.data.processed, count)
    show(pairs(looks))
    if all(look.reason for look in looks):
        hint = "name a larger model, one that speaks the tweets' language, or lower playback.temperature"
        model = recipe.playback.ollama or str(recipe.playback.gguf)
        raise TweetstyleError("none of the tweets shown has a message that can be used", where=model, hint=hint)

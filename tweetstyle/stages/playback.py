"""The stage playback: the messages that the tweets answer, written by a model on this machine."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tweetstyle.console import say
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import fingerprints
from tweetstyle.stages.stage import Done, Stage, plain, show

if TYPE_CHECKING:
    from tweetstyle.run import Road

NO_MESSAGE_DEPENDS_ON = ("url", "concurrency")
"""Playback settings that say how the model is reached, and not what it is asked."""


def playback_stage(road: Road) -> Stage:
    settings = road.settings("playback") | {"likely_languages": list(road.recipe.data.likely_languages)}
    settings["playback"] = {k: v for k, v in settings["playback"].items() if k not in NO_MESSAGE_DEPENDS_ON}
    settings["split"] = road.recipe.training.split
    manifest = road.recipe.data.processed / "playback.json"
    return Stage("playback", manifest, settings, partial(_inputs, road), partial(_playback, road))


def _inputs(road: Road) -> dict[str, str]:
    """Ollama is not asked what its model is now: messages stand until they are asked for anew (or the recipe names another)."""
    gguf = road.recipe.playback.gguf
    files = [road.split(name) for name in (road.recipe.training.split, "validation", "test")]
    return fingerprints([*files, *([gguf] if gguf and gguf.is_file() else [])])


def _playback(road: Road) -> Done:
    from tweetstyle.playback import playback, table

    recipe = road.recipe
    train = road.split(recipe.training.split)
    played = playback(recipe.playback, recipe.data.likely_languages, train, recipe.data.processed)
    show(table(played))
    say(f"          look at some before you train on them: tweetstyle playback {road.path} --show 20")
    return played.outputs, plain(played, "outputs")


def show_messages(road: Road, count: int) -> None:
    """Some training tweets with their messages, those rejected with their reasons.

    Raises TweetstyleError, after all of them are shown, where none has a message that can be used.
    """
    from tweetstyle.playback import pairs, show_some

    recipe = road.recipe
    train = road.split(recipe.training.split)
    looks = show_some(recipe.playback, recipe.data.likely_languages, train, recipe.data.processed, count)
    show(pairs(looks))
    if all(look.reason for look in looks):
        hint = "name a larger model, one that speaks the tweets' language, or lower playback.temperature"
        model = recipe.playback.ollama or str(recipe.playback.gguf)
        raise TweetstyleError("none of the tweets shown has a message that can be used", where=model, hint=hint)

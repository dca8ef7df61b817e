"""Before a run: what it needs, and what is refused while no minute is spent yet."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tweetstyle.model.outline import outline_base_model
from tweetstyle.plan.disk import NOTHING, refuse_too_small_a_disk
from tweetstyle.plan.speed import Speed
from tweetstyle.recipe_yaml import located
from tweetstyle.road.identity import ready_to_fit
from tweetstyle.screen import say

if TYPE_CHECKING:
    from tweetstyle.plan.estimate import Needs
    from tweetstyle.road import Road


def check_speaker(road: Road) -> str | None:
    """Refuses, before the tweets are prepared, a model that cannot be asked for messages, where it will have to be.

    Which one that is; None where nothing is to be asked. Of a base model that is not there yet nothing is asked.
    """
    from tweetstyle.playback.speakers import speaker_of

    stage = road.stages.get("playback")
    if stage is None or (stage.manifest.is_file() and ready_to_fit(road)):
        return None
    with located(road.path):
        return speaker_of(road.recipe.playback).where


def check(road: Road) -> None:
    """Refuses, before a minute is spent, what would fail later; shows what may go worse than it could."""
    refuse_what_would_fail(road)
    with located(road.path):
        refuse_too_small_a_disk(road.recipe, road.base, standing := road.standing())
    if not standing.trained:
        from tweetstyle.doctor.recipe_checks import stop_where_it_would_fail
        from tweetstyle.plan.tables import at_the_start

        refuse_what_cannot_fit(road)
        stop_where_it_would_fail(road)
        say(at_the_start(road.run_needs))


def refuse_what_would_fail(road: Road) -> None:
    """The plan's own refusals, but for the disk, which is looked at by itself."""
    from tweetstyle.plan.schedule import check_before_start

    with located(road.path):
        check_before_start(road.recipe, road.base, road.template)


def refuse_what_cannot_fit(road: Road) -> None:
    """Refuses what the card that is here cannot hold."""
    from tweetstyle.plan.estimate import refuse_what_cannot_fit

    with located(road.path):
        refuse_what_cannot_fit(road.recipe, road.base, road.card)


def needs(road: Road, card_gib: float | None, tweets: int | None) -> Needs:
    """What the run takes. card_gib: of another card than the one that is here; tweets: of another number than the archive's."""
    from tweetstyle.plan.estimate import card_for, needs_of, refuse_beyond_positions, refuse_method
    from tweetstyle.plan.schedule import lesson_of

    with located(road.path):
        outline = outline_base_model(road.recipe.model.base)
        refuse_method(outline.config, road.recipe.model.method)
        refuse_beyond_positions(road.recipe, outline.config["max_position_embeddings"])
        split = road.split("train").is_file() and all(source.exists() for source in road.recipe.data.source)
        prepared = outline.whole and tweets is None and split and ready_to_fit(road)
        lesson = lesson_of(road.recipe, lambda: (road.base, road.template), prepared, tweets)
        found = needs_of(road.recipe, outline, card_for(road.recipe, card_gib), lesson, road.standing() if prepared else NOTHING)
        # What was measured here says nothing of another card.
        return found if card_gib is None else replace(found, speed=Speed(None, "what a probe measures is of the card that is here"))

"""What stages after prepare are made from: digests of the base model, of the tweets and of the trained model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tweetstyle.dataset.threads import files_read
from tweetstyle.errors import TweetstyleError
from tweetstyle.manifest import fingerprints

if TYPE_CHECKING:
    from tweetstyle.road import Road


def base_inputs(road: Road) -> dict[str, str]:
    return {f"{road.base.path}/{name}": digest for name, digest in road.base.fingerprints.items()}


def tweets_of(road: Road, *splits: str) -> dict[str, str]:
    """The files that splits are read from, with the messages that their tweets answer."""
    return fingerprints([file for name in splits for file in files_read(road.split(name), road.template)])


def trained_inputs(road: Road) -> dict[str, str]:
    """The trained model and its base. Raises TweetstyleError where nothing is trained yet."""
    if not road.final_model.is_dir():
        raise TweetstyleError("there is no trained model yet", where=str(road.final_model), hint=f"tweetstyle fit {road.path}")
    return base_inputs(road) | fingerprints(sorted(p for p in road.final_model.rglob("*") if p.is_file()))

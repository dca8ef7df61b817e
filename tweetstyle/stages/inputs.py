"""The input files of stages, and the trained model as fit left it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tweetstyle.dataset.threads import files_read
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import fingerprints
from tweetstyle.model.base import BaseModel, read_base_model

if TYPE_CHECKING:
    import numpy as np

    from tweetstyle.dataset.held_out import HeldOut
    from tweetstyle.run import Road
    from tweetstyle.train.final_scores import AsTrained


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


def as_trained(road: Road) -> AsTrained:
    """What the export needs to know of the trained model: made when fit ends, and again where it is gone."""
    from tweetstyle.train.final_scores import close

    recipe = road.recipe
    splits = {name: road.split(name) for name in ("validation", "test")}
    train = road.split(recipe.training.split)
    return close(road.base, road.final_model, recipe.model.method, road.template, train, splits, recipe.run_directory)


def weights(road: Road) -> BaseModel:
    """What the adapter is added to; without one, the trained model itself."""
    return road.base if road.adapter else read_base_model(road.final_model)


def scored_sample(road: Road, trained: AsTrained, splits: list[str], most: int) -> tuple[HeldOut, np.ndarray]:
    """Held-out tweets that were scored when fit ended, of the first split and where it has too few of the next, and their nats."""
    import numpy as np

    from tweetstyle.dataset.held_out import chosen

    scored = {name: dict(zip(trained.splits[name].ids, trained.splits[name].nats, strict=True)) for name in splits}
    files = {road.split(name): set(of) for name, of in scored.items()}
    sample = chosen(files, road.template, road.base.tokenizer, most)
    nats = {tweet: value for of in scored.values() for tweet, value in of.items()}
    return sample, np.array([nats[tweet.id] for tweet in sample.tweets])

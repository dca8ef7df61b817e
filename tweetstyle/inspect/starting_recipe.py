"""A first recipe for an archive, with a reason for each setting."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tweetstyle.console import as_rate
from tweetstyle.dataset.held_out import training_count
from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import _, current_language, in_language, localised
from tweetstyle.pages.render import asset
from tweetstyle.plan.estimate import TOKENS_A_TWEET
from tweetstyle.plan.schedule import (
    MANY,
    SOME,
    VALIDATIONS_OF_FEW_STEPS,
    epochs_for,
    eval_every,
    rank_for,
    rate_of_few_steps,
    rung,
    usual_epochs,
)
from tweetstyle.recipe import Data
from tweetstyle.recipe_yaml import KEYS_OF_A_RUN

LONGEST = 512
"""Tokens that a tweet with its prompt is taken to have at most, before the tokenizer has counted them: packs are no shorter."""
HIDDEN_SIZE = 4096
"""Of the 8B that the recipe names."""
TARGET = Path("recipes/mine.yaml")
CERTAIN = 0.9
"""Share of the estimated steps to count on: near-duplicates are dropped later, and tweets may have fewer tokens than TOKENS_A_TWEET."""


class SuggestedSchedule(NamedTuple):
    """Settings of `training` and `model.lora` that go with the number of tweets."""

    max_length: int
    gradient_accumulation_steps: int
    steps_per_epoch: int
    eval_steps: int
    r: int
    num_train_epochs: int
    learning_rate: float


def schedule(tweets: int) -> SuggestedSchedule:
    """plan.schedule's table for this many kept tweets, of which those not held out are trained on; for an 8B. docs/12gb.md shows it.

    Learning rate: of fewer than SOME tweets, which make a hundred steps or so, that of few steps; then 2e-4, where QLoRA (arXiv
    2305.14314, for 7B and 13B) and Unsloth's guide to hyperparameters begin; of MANY tweets 1e-4.
    """
    fractions = (Data.model_fields[f"{name}_fraction"].default for name in ("validation", "test"))
    trained = training_count(tweets, *fractions)
    tokens, usual = trained * TOKENS_A_TWEET, usual_epochs(tweets)
    max_length, accumulation, steps = rung(lambda size: tokens // size, usual, LONGEST)
    epochs = math.ceil(epochs_for(usual, CERTAIN * steps))
    rate = rate_of_few_steps("qlora", HIDDEN_SIZE) if tweets < SOME else 2e-4 if tweets < MANY else 1e-4
    # With more epochs than usual, as in plan.schedule: a quarter of so short an epoch is a step or two.
    every = eval_every(steps) if epochs == usual else max(epochs * steps // VALIDATIONS_OF_FEW_STEPS, 1)
    return SuggestedSchedule(max_length, accumulation, steps, every, rank_for(tweets), epochs, rate)


def recipe_text(
    paths: Sequence[Path], tweets: int, likely: Sequence[str], further: Mapping | None = None, target: Path = TARGET, language: str = ""
) -> str:
    """The YAML of a valid recipe, its comments in the current language.

    tweets: how many are likely to be kept; further: settings of data, left out where empty; target: where it
    will be written; language: of most tweets: fr for a French recipe with a French report.
    """
    plan, source = schedule(tweets), [str(path) for path in paths]
    settings = "".join(f"\n  {key}: {_scalar(value)}" for key, value in (further or {}).items() if value)
    with in_language(language if language == "fr" else current_language()):
        return asset(f"inspect/first_recipe_{current_language()}.yaml").format(
            plan=plan,
            tweets=localised(f"{tweets:,}"),
            about=_("a small archive: smaller steps, a smaller adapter") if tweets < SOME else _("QLoRA on one 12 GB card"),
            target=target,
            source=_scalar(source if len(source) > 1 else source[0]) + settings,
            likely=_scalar(list(likely)),
            alpha=2 * plan.r,
            tweets_a_pack=plan.max_length // TOKENS_A_TWEET,
            steps=localised(f"{plan.steps_per_epoch:,}"),
            rate=as_rate(plan.learning_rate),
            language="\nlanguage: fr  # " + _("the report's language") + "\n" if language == "fr" else "",
        )


def check_target(path: Path) -> None:
    """Raises TweetstyleError where a recipe cannot be written: before the archive is read, not after."""
    if path.suffix not in (".yaml", ".yml") or not KEYS_OF_A_RUN.fullmatch(path.stem):
        hint = _("use lower-case letters, digits, -, _ and ., as in recipes/mine.yaml")
        raise TweetstyleError(_("a recipe cannot have this name"), where=str(path), hint=hint)
    if path.is_symlink() or path.exists():
        hint = _("name another file, or move this one away first")
        raise TweetstyleError(_("the file exists already and is not overwritten"), where=str(path), hint=hint)


def _scalar(value: object) -> str:
    """In YAML, of which JSON is a part, on one line."""
    return json.dumps(value, ensure_ascii=False)

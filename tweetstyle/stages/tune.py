"""The command tune: compares learning rates; a better one goes into a copy of the recipe."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tweetstyle.console import as_rate, say, say_of_stage
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import complete_file, read_back
from tweetstyle.locale import _, _n
from tweetstyle.manifest import settings_digest
from tweetstyle.plan.memory import duration
from tweetstyle.plan.probe import remembered, speed_of
from tweetstyle.plan.schedule import one_digit
from tweetstyle.recipe_yaml import Commented, with_settings
from tweetstyle.stages.fit import fit_identity, fit_inputs

if TYPE_CHECKING:
    import numpy as np

    from tweetstyle.dataset.held_out import HeldOut
    from tweetstyle.recipe import Training
    from tweetstyle.run import Run
    from tweetstyle.statistics.intervals import Winner
    from tweetstyle.train import FitPlan

FACTOR, FIRST, MOST = 3, 3, 5
"""Rates beside each other differ by this factor; so many are tried at first, and so many at most."""


@dataclass(frozen=True)
class MeasuredRates:
    """rates: each with the nats of every validation tweet, or None where the training diverged, in the order of the trainings."""

    identity: str
    rates: list[tuple[float, list[float] | None]] = field(default_factory=list)

    def nats(self) -> dict[float, np.ndarray]:
        """Of the rates with which the training did not diverge."""
        import numpy as np

        return {rate: np.array(nats) for rate, nats in self.rates if nats is not None}


def tune(run: Run, steps: int, given: tuple[float, ...]) -> None:
    """Trains so many steps with each rate, shows how well they predict the validation tweets, and writes the recipe with a better one.

    given: rates beside the recipe's own; without them some around it, and further ones on the side of the best.
    """
    from tweetstyle.dataset.held_out import held_out
    from tweetstyle.report.rates import write_rates
    from tweetstyle.train import plan_fit, train_rates

    recipe = run.recipe
    splits = run.split(recipe.training.split), run.split("validation")
    planned = plan_fit(inputs := fit_inputs(run, *splits))
    training = remembered(recipe.run_directory, planned.schedule.training)
    short = training.model_copy(update={"max_steps": min(steps, planned.steps.steps), "warmup_steps": None})
    limits = training.max_length, recipe.evaluation.max_tweets, recipe.evaluation.seed
    sample = held_out(splits[1], run.template, run.base.tokenizer, *limits)
    file = recipe.run_directory / "tune" / "rates.json"
    identity, before = _identity(run, short.max_steps), read_back(file, MeasuredRates)
    measured = before if before and before.identity == identity else MeasuredRates(identity)

    def keep(rate: float, nats: np.ndarray | None) -> None:
        measured.rates.append((rate, None if nats is None else nats.tolist()))
        with complete_file(file) as stream:
            json.dump(vars(measured), stream)

    own = training.learning_rate
    _say_budget(run, short, len({own, *given}) if given else None)
    file.parent.mkdir(parents=True, exist_ok=True)
    train_rates(replace(inputs, training=short), sample, _missing(own, given, measured), keep, file.parent)
    choice = _choice(run, sample, measured.nats(), own)
    page = write_rates(file.with_name("tune.html"), recipe.name, run.language, measured.rates, sample, choice)
    _conclude(run, planned, choice, own)
    say(_("the comparison: {path}", path=page), err=False)


def _identity(run: Run, steps: int) -> str:
    """All that decides the figures of a rate, but for the rate."""
    identity, evaluation = fit_identity(run), run.recipe.evaluation
    training = {key: value for key, value in identity["settings"]["training"].items() if key != "learning_rate"}
    settings = identity["settings"] | {"training": training}
    return settings_digest([settings, identity["inputs"], steps, evaluation.max_tweets, evaluation.seed])


def _missing(own: float, given: tuple[float, ...], measured: MeasuredRates) -> Iterator[float]:
    """The rates to train with. Each is in `measured` before the next is asked for."""
    grid = (own, *given) if given else (own, one_digit(own / FACTOR), one_digit(own * FACTOR))
    yield from (rate for rate in dict.fromkeys(grid) if rate not in dict(measured.rates))
    while not given and len(measured.rates) < MOST:
        losses = {rate: math.inf if nats is None else sum(nats) for rate, nats in measured.rates}
        best = min(losses, key=losses.__getitem__)
        if best not in (min(losses), max(losses)) or math.isinf(losses[best]):
            return
        yield one_digit(best / FACTOR if best == min(losses) else best * FACTOR)


def _say_budget(run: Run, short: Training, rates: int | None) -> None:
    """rates: how many there are; None: FIRST to MOST."""
    per_step = short.per_device_train_batch_size * short.gradient_accumulation_steps * short.max_length
    speed = speed_of(run.recipe, run.base, run.card)
    time = speed.text
    if speed.probe:
        hours = (rates or MOST) * short.max_steps * per_step / speed.probe.tokens_per_second / 3600
        time = _("{time} at most, plus validation", time=duration(hours))
    count = _("{least} to {most} learning rates", least=FIRST, most=MOST)
    if rates:
        count = _n("{count} learning rate", "{count} learning rates", rates)
    values = {"rates": count, "steps": short.max_steps, "tokens": per_step, "time": time}
    say(f"{'tune':<9} " + _("{rates}, with {steps} steps of {tokens:,} tokens each; time: {time}", **values), bold=True)


def _choice(run: Run, sample: HeldOut, nats: dict[float, np.ndarray], own: float) -> Winner:
    """The rate to take. Raises TweetstyleError where the training diverged with every rate."""
    from tweetstyle.dataset.held_out import clusters
    from tweetstyle.statistics.intervals import Winner, choose

    if not nats:
        hint = _("name smaller ones: --rate {rate}", rate=as_rate(one_digit(own / 100)))
        raise TweetstyleError(_("the training diverges with every learning rate"), where=str(run.path), hint=hint)
    if own not in nats:
        return Winner(min(nats, key=lambda rate: nats[rate].sum()), {})
    return choose(nats, own, sample.bytes, clusters(sample.tweets), **run.recipe.evaluation.bootstrap)


def _conclude(run: Run, planned: FitPlan, choice: Winner, own: float) -> None:
    """Says which rate is best, and writes the copy of the recipe where it is another than the recipe's."""
    best, values = choice.chosen, {"rate": as_rate(choice.chosen), "own": as_rate(own)}
    if best == own:
        return say_of_stage(_("no other rate is better than {own} by more than chance and 0.01 bits per byte: it stays", **values))
    said = _("the training diverges with {own}; {rate} is the best of the others", **values)
    if gain := choice.gains.get(best):
        figures = {"gain": gain.estimate, "low": gain.low, "high": gain.high}
        said = _("{gain:.3f} ({low:.3f} to {high:.3f}) bits per byte fewer than with {own}, by tweetstyle tune", **values, **figures)
    # What the schedule changes for few tweets is written too: the rate was measured with it.
    changes = {f"training.{key}": new for key, (_old, new) in planned.schedule.changes.items() if new is not None}
    text = with_settings(run.path.read_text(encoding="utf-8"), changes | {"training.learning_rate": Commented(best, said)})
    copy = run.path.with_name(f"{run.path.stem}-tuned{run.path.suffix}")
    if copy.exists() and copy.read_text(encoding="utf-8") != text:
        hint = _("move it away; the same command then writes it without training again")
        raise TweetstyleError(_("the file exists already and is not overwritten"), where=str(copy), hint=hint)
    with complete_file(copy) as stream:
        stream.write(text)
    say_of_stage(_("{rate}: {said}", rate=values["rate"], said=said), fg="green")
    say(_("the recipe with it: {path}; train with tweetstyle-fit {path}", path=copy), err=False)

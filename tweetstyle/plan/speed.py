"""Tokens per second from a probe, or why they are not known."""

from __future__ import annotations

from dataclasses import dataclass

from tweetstyle.hardware.card import Card
from tweetstyle.model.base import BaseConfig, BaseModel
from tweetstyle.plan.probe import PROBE, Probe, decisive_settings, in_words, other_settings, read_probe, remembered
from tweetstyle.recipe import Recipe, Training

ON_CPU = "CPU"
"""The device's name in a probe that was made without a card (train/trainer.py, device_name)."""


@dataclass(frozen=True)
class Speed:
    """probe: of this run on this device, None where there is none; about: why there is none, or what else a person must know of it;
    reduced: the settings with the smaller batch with which the run continues since it ran out of memory, None where it did not."""

    probe: Probe | None
    about: str
    reduced: Training | None = None

    def in_words(self) -> str:
        if self.probe is None:
            return f"not measured: {self.about}"
        about = f" {self.about}" if self.about else ""
        return f"{self.probe.tokens_per_second:,.0f} tokens/s, measured on {self.probe.device}{about}"


def speed_of(recipe: Recipe, base: BaseConfig | BaseModel, card: Card) -> Speed:
    """By the probe in the run's directory: of the recipe's settings, or of the batch to which the run went back, on what trains here."""
    configured, measured = recipe.training, how_it_is_measured(recipe.training, card)
    current = remembered(recipe.run_directory, configured)
    reduced = None if current == configured else current
    probe = read_probe(recipe.run_directory)
    if probe is None:
        return Speed(None, measured, reduced)
    here = card.name if card.seen else ON_CPU
    if probe.device != here:
        return Speed(None, f"{PROBE} is of {probe.device}, and this is {'the ' * (here == ON_CPU)}{here}; {measured}", reduced)
    settings, as_configured = (decisive_settings(base.path, recipe.model, training) for training in (current, configured))
    if probe.settings == settings:
        return Speed(probe, f"with {in_words(current)}, used since the run ran out of memory" if reduced else "", reduced)
    if reduced and probe.settings == as_configured:
        return Speed(probe, f"with {in_words(configured)}, before it ran out of memory; with {in_words(current)} it may be slower", reduced)
    return Speed(None, f"{PROBE} is of other settings ({', '.join(other_settings(probe, settings))}); {measured}", reduced)


def how_it_is_measured(training: Training, card: Card) -> str:
    """What will measure the speed, in a sentence."""
    if training.probe == "never":
        return "the recipe has training.probe: never"
    if card.seen or training.probe == "always":
        return f"the first steps{' on the card' if card.seen else ''} measure it ({PROBE})"
    return f"the first steps on a card measure it ({PROBE}), on a CPU with training.probe: always"

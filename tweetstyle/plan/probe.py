"""probe.json: the speed measured on this card, used for the same settings only."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PositiveInt

from tweetstyle.console import size
from tweetstyle.files import read_back
from tweetstyle.hardware.gpu import Card
from tweetstyle.locale import _
from tweetstyle.model.base import BaseConfig, BaseModel
from tweetstyle.recipe import Model, Recipe, Training

REMEMBERED = "backoff.json"
PROBE = "probe.json"
ON_CPU = "CPU"
"""The device's name in a probe that was made without a card (train/trainer.py, device_name)."""
DECISIVE = ("max_length", "per_device_train_batch_size", "gradient_accumulation_steps", "gradient_checkpointing", "optim", "bf16")
"""Settings of `training` that decide memory and speed."""


@dataclass(frozen=True)
class Probe:
    """What the probe measured, as model/NAME/probe.json holds it.

    tokens_per_second: of full packs, validation not counted; peak_bytes: the most that torch's tensors took on the card
    (max_memory_allocated), without a card what the process held; predicted_bytes: the same by memory.plan_memory, None without a
    card; reserved_bytes: the most that torch's allocator had taken of the card; device: its name; settings: those of the recipe
    that decide the figures (decisive_settings); steps: how many were made; settled: whether the two fastest took about as long.
    """

    tokens_per_second: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    peak_bytes: PositiveInt
    predicted_bytes: int | None
    reserved_bytes: int | None
    device: str
    settings: dict[str, Any]
    versions: dict[str, str]
    steps: PositiveInt = 3
    settled: bool = True

    @property
    def error(self) -> float | None:
        """(predicted − measured) / measured."""
        return None if self.predicted_bytes is None else self.predicted_bytes / self.peak_bytes - 1

    def in_words(self) -> str:
        """Measured against predicted memory, and the speed, in one line."""
        figures = [_("{size} at the peak", size=size(self.peak_bytes))]
        if self.predicted_bytes is not None:
            figures.append(_("{size} planned ({off:+.1%})", size=size(self.predicted_bytes), off=self.error))
        if self.reserved_bytes is not None:
            figures.append(_("{size} taken of the card", size=size(self.reserved_bytes)))
        figures.append(_("{speed:,.0f} tokens/s", speed=self.tokens_per_second))
        if not self.settled:
            figures.append(_("still changing from step to step (kernels are being compiled, or another program uses the machine)"))
        batch, length = self.settings["per_device_train_batch_size"], self.settings["max_length"]
        values = {"steps": self.steps, "batch": batch, "length": length, "figures": ", ".join(figures)}
        return _("{steps} steps of {batch} × {length:,} tokens: {figures}", **values)


def decisive_settings(base: Path, model: Model, training: Training) -> dict[str, Any]:
    """Everything of the recipe on which memory and speed depend, as JSON values: what a probe is kept with."""
    lora = None if model.method == "full" else model.lora.model_dump(mode="json")
    return {"base": base.name, "method": model.method, "lora": lora} | {name: getattr(training, name) for name in DECISIVE}


def read_probe(run_directory: Path) -> Probe | None:
    """The probe of a run, of any settings; None where there is none, or its file is damaged: it is then made again."""
    return read_back(run_directory / PROBE, Probe)


@dataclass(frozen=True)
class SmallerBatch:
    """The batch that fitted, as model/NAME/backoff.json holds it. because: what the allocator said."""

    per_device_train_batch_size: PositiveInt
    gradient_accumulation_steps: PositiveInt
    because: str


def remembered(directory: Path, training: Training) -> Training:
    """The recipe's settings with the batch that fitted, where that is smaller and its steps are the recipe's; else the recipe's."""
    smaller = read_back(directory / REMEMBERED, SmallerBatch)
    if smaller is None:
        return training
    batch, accumulation = smaller.per_device_train_batch_size, smaller.gradient_accumulation_steps
    packs = training.per_device_train_batch_size * training.gradient_accumulation_steps
    if batch * accumulation != packs or batch >= training.per_device_train_batch_size:
        return training
    return training.model_copy(update={"per_device_train_batch_size": batch, "gradient_accumulation_steps": accumulation})


def in_words(training: Training) -> str:
    batch, accumulation = training.per_device_train_batch_size, training.gradient_accumulation_steps
    return _("batch {batch} × accumulation {accumulation}", batch=batch, accumulation=accumulation)


@dataclass(frozen=True)
class Speed:
    """probe: of this run on this device, None where there is none; text: its tokens a second, or why there are none."""

    probe: Probe | None
    text: str


def no_speed(why: str) -> Speed:
    return Speed(None, _("not measured: {why}", why=why))


def speed_of(recipe: Recipe, base: BaseConfig | BaseModel, card: Card) -> Speed:
    """By the probe in the run's directory: of the recipe's settings, or of the batch to which the run went back, on what trains here."""
    if (probe := read_probe(recipe.run_directory)) is None:
        return no_speed(_("the first steps on a card measure it ({file}), on a CPU with training.probe: always", file=PROBE))
    if probe.device != (card.name if card.seen else ON_CPU):
        return no_speed(_("{file} is of another device, {device}", file=PROBE, device=probe.device))
    batches = (recipe.training, remembered(recipe.run_directory, recipe.training))
    if probe.settings not in [decisive_settings(base.path, recipe.model, training) for training in batches]:
        return no_speed(_("{file} is of other settings", file=PROBE))
    values = {"speed": probe.tokens_per_second, "device": probe.device, "batch": probe.settings["per_device_train_batch_size"]}
    return Speed(probe, _("{speed:,.0f} tokens/s, measured on {device} with batch {batch}", **values))

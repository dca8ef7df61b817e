"""The largest length, batch and rank that fit a card, and what to change if none do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tweetstyle.console import size
from tweetstyle.hardware.gpu import DISPLAY, Card
from tweetstyle.locale import N_, _
from tweetstyle.model.config import read_shape
from tweetstyle.model.hub import KNOWN
from tweetstyle.plan.memory import plan_memory
from tweetstyle.recipe import Model, Training

LENGTH_STEP = 128
"""Lengths are suggested as multiples of this."""
SHORTEST, LOWEST_RANK = 256, 8
"""How far length and rank are taken back before the model is too large: several tweets a pack, a rank that still learns a style."""
MOST_BATCH, MOST_RANK = 256, 1024
BATCH, ACCUMULATION = "training.per_device_train_batch_size", "training.gradient_accumulation_steps"
CHECKPOINTING, OPTIM = "training.gradient_checkpointing", "training.optim"
LENGTH, RANK = "training.max_length", "model.lora.r"
END_THEM = N_("end them: nvidia-smi lists them, and a model in Ollama leaves with: ollama stop NAME")

Settings = Mapping[str, Any]
"""Dotted key of the recipe → value, written together; the first is shown, with the rest in its cost."""


@dataclass(frozen=True)
class Largest:
    """The largest of each, the recipe's other settings as they are; None where even the smallest does not fit.

    max_length in tokens, at most the model's positions; rank is None for full.
    """

    max_length: int | None
    batch: int | None
    rank: int | None


@dataclass(frozen=True)
class Change:
    """One line of a recipe to write otherwise. key: dotted; cost: what is given up; card: bytes at the peak from then on."""

    key: str
    old: Any
    new: Any
    cost: str
    card: int

    def __str__(self) -> str:
        old, new = (str(value).lower() if isinstance(value, bool) else str(value) for value in (self.old, self.new))
        return _("{key}: {new}  (was {old}; {cost})", key=self.key, new=new, old=old, cost=self.cost)


@dataclass(frozen=True)
class Advice:
    """largest: what would fit; changes: what makes a recipe fit, [] where it does and None where nothing helps; text: for a person."""

    largest: Largest
    changes: list[Change] | None
    text: str


@dataclass(frozen=True)
class _OnCard:
    """A recipe's settings for a base model on a card."""

    config: Mapping[str, Any]
    model: Model
    training: Training
    card: Card

    @property
    def bytes(self) -> int:
        return plan_memory(self.config, self.model, self.training, card=self.card).card

    @property
    def fits(self) -> bool:
        return self.bytes <= self.card.total - self.card.unused

    def changed(self, *changes: Settings) -> _OnCard:
        model, training = self.model, self.training
        for settings in changes:
            model, training = with_settings(model, training, settings)
        return replace(self, model=model, training=training)

    def value(self, key: str) -> Any:
        section, name = key.rsplit(".", 1)
        return getattr({"training": self.training, "model": self.model, "model.lora": self.model.lora}[section], name)


def with_settings(model: Model, training: Training, settings: Settings) -> tuple[Model, Training]:
    """The same sections of a recipe with other values."""
    for key, value in settings.items():
        section, name = key.rsplit(".", 1)
        if section == "training":
            training = training.model_copy(update={name: value})
        elif key == RANK:
            model = model.model_copy(update={"lora": model.lora.model_copy(update={"r": value})})
        else:
            model = model.model_copy(update={name: value})
    return model, training


def largest_that_fit(config: Mapping[str, Any], model: Model, training: Training, card: Card) -> Largest:
    """The largest max_length, batch and rank that fit this card, each by itself."""
    recipe = _OnCard(config, model, training, card)
    return Largest(
        _largest(recipe, LENGTH, read_shape(config).positions // LENGTH_STEP, LENGTH_STEP),
        _largest(recipe, BATCH, MOST_BATCH),
        None if model.method == "full" else _largest(recipe, RANK, MOST_RANK),
    )


def _largest(recipe: _OnCard, key: str, limit: int, unit: int = 1) -> int | None:
    """The largest multiple of `unit`, up to `limit` of them, with which the recipe fits; None for none."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if recipe.changed({key: middle * unit}).fits else (low, middle - 1)
    return low * unit or None


def what_to_change(config: Mapping[str, Any], model: Model, training: Training, card: Card) -> list[Change] | None:
    """The fewest changes that make a recipe fit, in the order that costs least; [] where it fits, None where nothing helps.

    The order: a smaller batch (accumulation raised, so that as much is learned from a step), Unsloth's checkpointing, the 8-bit
    optimizer, the same paged, a shorter max_length, a lower rank, qlora instead of lora. Each is first taken at its smallest, what turns
    out not to be needed is left out again, and the rest is made as mild as fits.
    """
    recipe = _OnCard(config, model, training, card)
    options, chosen = _options(model, training), dict[str, Settings]()

    def fits(changes: Mapping[str, Settings]) -> bool:
        return recipe.changed(*changes.values()).fits

    for cost, choices in options.items():
        if fits(chosen):
            break
        chosen[cost] = choices[-1]
    if not fits(chosen):
        return None
    for cost in reversed(list(chosen)):
        others = {other: settings for other, settings in chosen.items() if other != cost}
        chosen = others if fits(others) else chosen
    for cost in reversed(list(chosen)):
        chosen[cost] = next(settings for settings in options[cost] if fits(chosen | {cost: settings}))
    changes, changed = [], recipe
    for cost, settings in chosen.items():
        key, new = next(iter(settings.items()))
        changed = changed.changed(settings)
        changes.append(Change(key, recipe.value(key), new, _(cost, accumulation=settings.get(ACCUMULATION)), changed.bytes))
    return changes


def _options(model: Model, training: Training) -> dict[str, list[Settings]]:
    """What is given up → the settings that do so, mildest first."""
    r, packs = model.lora.r, training.per_device_train_batch_size
    lengths = range((training.max_length - 1) // LENGTH_STEP * LENGTH_STEP, SHORTEST - 1, -LENGTH_STEP)
    ranks = [max(r >> halvings, LOWEST_RANK) for halvings in range(1, 8)] if model.method != "full" and r > LOWEST_RANK else []
    options = {
        N_("with gradient_accumulation_steps: {accumulation}, a step learns from as many tokens; a little slower"): [
            {BATCH: batch, ACCUMULATION: accumulation} for batch, accumulation in batches_of_the_same_step(training, packs - 1)
        ],
        N_("activations go to RAM; each layer is computed twice"): [{CHECKPOINTING: "unsloth"}],
        N_("two bytes a trained parameter instead of eight"): [{OPTIM: "adamw_8bit"}] if training.optim == "adamw_torch" else [],
        N_("its states move to RAM when the card is full, which costs time at every step"): [{OPTIM: "paged_adamw_8bit"}],
        N_("shorter packs; no tweet is that long, so nothing is cut"): [{LENGTH: length} for length in lengths],
        N_("a smaller adapter learns less of a large archive"): [{RANK: rank} for rank in ranks],
        N_("the base model in 4 bits: a little less exact, slower by the dequantisation"): (
            [{"model.method": "qlora"}] if model.method == "lora" else []
        ),
    }
    return {cost: settings for cost, settings in options.items() if settings}


def batches_of_the_same_step(training: Training, most: int) -> Iterator[tuple[int, int]]:
    """(batch, accumulation) of as many packs a step in parts of at most `most`, the largest batch first."""
    packs = training.per_device_train_batch_size * training.gradient_accumulation_steps
    return ((batch, packs // batch) for batch in range(most, 0, -1) if packs % batch == 0)


def sizes_that_fit(model: Model, training: Training, card: Card) -> list[str]:
    """Names of known models that fit the card under this recipe's other settings, smallest first."""
    return [name for name in KNOWN if _OnCard(KNOWN[name], model, training, card).fits]


def advise(config: Mapping[str, Any], model: Model, training: Training, card: Card) -> Advice:
    """What fits this card, and what to write where the recipe does not."""
    changes = what_to_change(config, model, training, card)
    text = _in_words(_OnCard(config, model, training, card), changes)
    return Advice(largest_that_fit(config, model, training, card), changes, text)


def _in_words(recipe: _OnCard, changes: list[Change] | None) -> str:
    """That it fits, what to write instead, or that the card cannot hold it and what it can."""
    card, needed = recipe.card, recipe.bytes
    if changes == []:
        return _("fits: {needed} of the card's {total}", needed=size(needed), total=size(card.total))
    lines = [f"  {change}" for change in changes or ()]
    if card.others > DISPLAY and replace(recipe, card=replace(card, others=DISPLAY)).fits:
        values = {"others": size(card.others), "total": size(card.total), "own": size(needed - card.others)}
        first = _("other programs hold {others} of the card's {total}, and this run needs {own}", **values)
        return "\n".join([first, f"  {_(END_THEM)}", *([_("or, beside them, write instead:")] if lines else []), *lines])
    if changes is None:
        return _cannot(recipe)
    first = _("needs {needed}, the card has {total}; write instead:", needed=size(needed), total=size(card.total))
    return "\n".join([first, *lines, _("then it needs {needed}", needed=size(changes[-1].card))])


def _cannot(recipe: _OnCard) -> str:
    model, card = recipe.model, recipe.card
    least = {"per_device_train_batch_size": 1, "gradient_checkpointing": "unsloth", "optim": "paged_adamw_8bit", "max_length": SHORTEST}
    fitting = ", ".join(sizes_that_fit(model, recipe.training.model_copy(update=least), card)) or _("none of the usual models")
    values = {"total": size(card.total), "method": model.method, "millions": read_shape(recipe.config).parameters / 1e6}
    what = _("a card of {total} cannot hold {method} fine-tuning of {millions:,.0f} M parameters", **values)
    if model.method == "full":
        return _("{what}. With batch 1 and short packs it holds: {models}; or write method: qlora", what=what, models=fitting)
    return _("{what}. With batch 1 and short packs it holds: {models}", what=what, models=fitting)

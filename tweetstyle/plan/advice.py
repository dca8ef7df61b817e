"""The largest length, batch and rank that fit a card, and what to change if none do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tweetstyle.hardware.check import gib
from tweetstyle.hardware.gpu import DISPLAY, Card
from tweetstyle.model.config import read_shape
from tweetstyle.model.hub import KNOWN, known_config
from tweetstyle.plan.memory import plan_memory
from tweetstyle.recipe import Model, Training

LENGTH_STEP = 128
"""Lengths are suggested as multiples of this."""
SHORTEST, LOWEST_RANK = 256, 8
"""How far length and rank are taken back before the model is too large: several tweets a pack, a rank that still learns a style."""
MOST_BATCH, MOST_RANK = 256, 1024
BATCH, ACCUMULATION = "training.per_device_train_batch_size", "training.gradient_accumulation_steps"
LENGTH, RANK = "training.max_length", "model.lora.r"
END_THEM = "end them: nvidia-smi names them, and a model in Ollama leaves with: ollama stop NAME"


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
        return f"{self.key}: {new}  (was {old}; {self.cost})"


@dataclass(frozen=True)
class Advice:
    """largest: what would fit; changes: what makes a recipe fit, [] where it does and None where nothing helps; text: for a person."""

    largest: Largest
    changes: list[Change] | None
    text: str


@dataclass(frozen=True)
class _Step:
    """settings: dotted key → value, written together; the first is shown, with the rest in its cost."""

    settings: Mapping[str, Any]
    cost: str

    @property
    def key(self) -> str:
        return next(iter(self.settings))


@dataclass(frozen=True)
class _Settings:
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

    def changed(self, steps: list[_Step]) -> _Settings:
        model, training = self.model, self.training
        for key, value in (item for step in steps for item in step.settings.items()):
            name = key.rsplit(".", 1)[1]
            if key == RANK:
                model = with_rank(model, value)
            elif key.startswith("model."):
                model = model.model_copy(update={name: value})
            else:
                training = with_training(training, **{name: value})
        return replace(self, model=model, training=training)

    def value(self, key: str) -> Any:
        section, name = key.rsplit(".", 1)
        return getattr({"training": self.training, "model": self.model, "model.lora": self.model.lora}[section], name)


def with_training(training: Training, **changed: Any) -> Training:
    """The same settings but for those named."""
    return training.model_copy(update=changed)


def with_rank(model: Model, r: int) -> Model:
    """The same model with another rank."""
    return model.model_copy(update={"lora": model.lora.model_copy(update={"r": r})})


def largest_that_fit(config: Mapping[str, Any], model: Model, training: Training, card: Card) -> Largest:
    """The largest max_length, batch and rank that fit this card, each by itself."""
    recipe = _Settings(config, model, training, card)
    steps = _largest(recipe, LENGTH, read_shape(config).positions // LENGTH_STEP, LENGTH_STEP)
    rank = None if model.method == "full" else _largest(recipe, RANK, MOST_RANK)
    return Largest(steps, _largest(recipe, BATCH, MOST_BATCH), rank)


def _largest(recipe: _Settings, key: str, limit: int, unit: int = 1) -> int | None:
    """The largest multiple of `unit`, up to `limit` of them, with which the recipe fits; None for none."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        fits = recipe.changed([_Step({key: middle * unit}, "")]).fits
        low, high = (middle, high) if fits else (low, middle - 1)
    return low * unit or None


def what_to_change(config: Mapping[str, Any], model: Model, training: Training, card: Card) -> list[Change] | None:
    """The fewest changes that make a recipe fit, in the order that costs least; [] where it fits, None where nothing helps.

    The order: a smaller batch (accumulation raised, so that as much is learned from a step; 1 where no larger one fits), Unsloth's
    checkpointing, the 8-bit optimizer, the same paged, a shorter max_length, a lower rank, qlora instead of lora. What turns out not to
    be needed is left out again.
    """
    recipe = _Settings(config, model, training, card)
    steps = list(_steps(model, training))
    taken = next((n for n in range(len(steps) + 1) if recipe.changed(steps[:n]).fits), None)
    if taken is None:
        return None
    needed = steps[:taken]
    for step in reversed(steps[:taken]):
        fewer = [other for other in needed if other is not step]
        if recipe.changed(fewer).fits:
            needed = fewer
    # Of several steps to one setting only the last counts.
    last = list({step.key: step for step in _relaxed(recipe, needed)}.values())
    after = [recipe.changed(last[: n + 1]).bytes for n in range(len(last))]
    changed = zip(last, after, strict=True)
    return [Change(step.key, recipe.value(step.key), step.settings[step.key], step.cost, size) for step, size in changed]


def _steps(model: Model, training: Training) -> Iterator[_Step]:
    batch, accumulation = training.per_device_train_batch_size, training.gradient_accumulation_steps
    if batch > 1:
        yield _smaller_batch(1, batch * accumulation)
    if training.gradient_checkpointing != "unsloth":
        yield _Step({"training.gradient_checkpointing": "unsloth"}, "activations go to RAM; each layer is computed twice")
    if training.optim == "adamw_torch":
        cost = "two bytes a trained parameter instead of eight; the result is the same in practice"
        yield _Step({"training.optim": "adamw_8bit"}, cost)
    if training.optim != "paged_adamw_8bit":
        cost = "its states move to RAM where the card is full, which costs time at every step"
        yield _Step({"training.optim": "paged_adamw_8bit"}, cost)
    length = training.max_length
    while length > SHORTEST:
        length = max(length // 2 // LENGTH_STEP * LENGTH_STEP, SHORTEST)
        yield _Step({LENGTH: length}, "shorter packs; a tweet is never so long, so that nothing is cut")
    rank = LOWEST_RANK if model.method == "full" else model.lora.r
    while rank > LOWEST_RANK:
        rank = max(rank // 2, LOWEST_RANK)
        yield _Step({RANK: rank}, "a smaller adapter learns less of a large archive")
    if model.method == "lora":
        yield _Step({"model.method": "qlora"}, "the base model in 4 bits: a little less exact, slower by the dequantisation")


def _smaller_batch(batch: int, accumulation: int) -> _Step:
    """The same packs a step, in smaller parts."""
    cost = f"with gradient_accumulation_steps: {accumulation}, a step learns from as many tokens; a little slower"
    return _Step({BATCH: batch, ACCUMULATION: accumulation}, cost)


def _relaxed(recipe: _Settings, steps: list[_Step]) -> list[_Step]:
    """A shorter max_length as long as fits beside the other changes; else a smaller batch as large as fits and divides a step's packs."""
    keys = [step.key for step in steps]
    if LENGTH in keys:
        others = recipe.changed([step for step in steps if step.key != LENGTH])
        fitting = largest_that_fit(others.config, others.model, others.training, others.card).max_length
        return [replace(step, settings={LENGTH: fitting}) if step.key == LENGTH else step for step in steps]
    if BATCH in keys:
        place = keys.index(BATCH)
        for batch, accumulation in batches_of_the_same_step(recipe.training, recipe.training.per_device_train_batch_size - 1):
            larger = [*steps[:place], _smaller_batch(batch, accumulation), *steps[place + 1 :]]
            if recipe.changed(larger).fits:
                return larger
    return steps


def batches_of_the_same_step(training: Training, most: int) -> Iterator[tuple[int, int]]:
    """(batch, accumulation) of as many packs a step in parts of at most `most`, the largest batch first."""
    packs = training.per_device_train_batch_size * training.gradient_accumulation_steps
    return ((batch, packs // batch) for batch in range(most, 0, -1) if packs % batch == 0)


def sizes_that_fit(model: Model, training: Training, card: Card) -> list[str]:
    """Names of known models that fit the card under this recipe's other settings, smallest first."""
    return [name for name in KNOWN if _Settings(known_config(name), model, training, card).fits]


def advise(config: Mapping[str, Any], model: Model, training: Training, card: Card) -> Advice:
    """What fits this card, and what to write where the recipe does not."""
    changes = what_to_change(config, model, training, card)
    text = _in_words(_Settings(config, model, training, card), changes)
    return Advice(largest_that_fit(config, model, training, card), changes, text)


def _in_words(recipe: _Settings, changes: list[Change] | None) -> str:
    """That it fits, what to write instead, or that the card cannot hold it and what it can."""
    card, needed = recipe.card, recipe.bytes
    if changes == []:
        return f"fits: {gib(needed)} of the card's {gib(card.total)}"
    if card.others > DISPLAY:
        alone = what_to_change(recipe.config, recipe.model, recipe.training, replace(card, others=DISPLAY))
        if alone is not None and not (changes and _as_written(alone) == _as_written(changes)):
            return _beside_others(card, needed - card.others, alone, changes)
    if changes:
        first = f"needs {gib(needed)}, the card has {gib(card.total)}; write instead:"
        return "\n".join([first, *_lines(changes), f"then it needs {gib(changes[-1].card)}"])
    return _cannot(recipe)


def _beside_others(card: Card, needed: int, alone: list[Change], changes: list[Change] | None) -> str:
    """What to do where other programs hold the card: to end them first. alone: what is to be written once they have ended."""
    first = f"other programs hold {gib(card.others)} of the card's {gib(card.total)}, and this run needs {gib(needed)}"
    lines = [first, f"  {END_THEM}"]
    if alone:
        lines += ["and write instead:", *_lines(alone)]
    elif changes:
        lines += ["or, beside them, write instead:", *_lines(changes)]
    return "\n".join(lines)


def _lines(changes: list[Change]) -> list[str]:
    return [f"  {change}" for change in changes]


def _as_written(changes: list[Change]) -> list[tuple[str, Any]]:
    return [(change.key, change.new) for change in changes]


def _cannot(recipe: _Settings) -> str:
    model, training, card = recipe.model, recipe.training, recipe.card
    millions = read_shape(recipe.config).parameters / 1e6
    smallest = with_training(
        training, per_device_train_batch_size=1, gradient_checkpointing="unsloth", optim="paged_adamw_8bit", max_length=SHORTEST
    )
    fitting = sizes_that_fit(model, smallest, card)
    can = f"{', '.join(fitting)} can, with batch 1 and short packs" if fitting else "none of the usual models can"
    what = f"a card of {gib(card.total)} cannot hold {model.method} fine-tuning of {millions:,.0f} M parameters"
    if model.method != "full":
        return f"{what}, by no change of the recipe. A smaller model: {can}"
    fixed = sum(plan_memory(recipe.config, model, training, card=card).resident.values())
    what += f": weights, gradients and optimizer alone are {gib(fixed)}. In full {can}; or write method: qlora"
    changes = what_to_change(recipe.config, model.model_copy(update={"method": "qlora"}), training, card)
    return f"{what} with the changes that it needs then" if changes else what

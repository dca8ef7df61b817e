"""The largest length, batch and rank that fit a card, and what to change if none do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tweetstyle.hardware.card import DISPLAY, Card
from tweetstyle.model.config import read_shape
from tweetstyle.model.hub import KNOWN, known_config
from tweetstyle.plan.memory import MemoryPlan, plan_memory
from tweetstyle.recipe import Model, Training

LENGTH_STEP = 128
"""Lengths are suggested as multiples of this."""
SHORTEST, LOWEST_RANK = 256, 8
"""How far length and rank are taken back before the model is too large: several tweets a pack, a rank that still learns a style."""
MOST_BATCH, MOST_RANK = 256, 1024
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
        return f"{self.key}: {_yaml(self.new)}  (was {_yaml(self.old)}; {self.cost})"


def _yaml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def plan_on(card: Card, config: Mapping[str, Any], model: Model, training: Training) -> MemoryPlan:
    """The plan for this card, beside what others hold of it."""
    return plan_memory(config, model, training, card=card)


def with_training(training: Training, **changed: Any) -> Training:
    """The same settings but for those named."""
    return training.model_copy(update=changed)


def with_rank(model: Model, r: int) -> Model:
    """The same model with another rank."""
    return model.model_copy(update={"lora": model.lora.model_copy(update={"r": r})})


def largest_that_fit(config: Mapping[str, Any], model: Model, training: Training, card: Card) -> Largest:
    """The largest max_length, batch and rank that fit this card, each by itself."""

    def fits(model: Model, training: Training) -> bool:
        return plan_on(card, config, model, training).card <= card.total - card.unused

    positions = read_shape(config).positions
    steps = _largest(positions // LENGTH_STEP, lambda n: fits(model, with_training(training, max_length=n * LENGTH_STEP)))
    batch = _largest(MOST_BATCH, lambda n: fits(model, with_training(training, per_device_train_batch_size=n)))
    rank = None if model.method == "full" else _largest(MOST_RANK, lambda r: fits(with_rank(model, r), training))
    return Largest(steps * LENGTH_STEP if steps else None, batch, rank)


def _largest(limit: int, fits: Callable[[int], bool]) -> int | None:
    """The largest number from 1 to limit for which `fits`, which holds up to some number and never after; None for none."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low or None


def what_to_change(config: Mapping[str, Any], model: Model, training: Training, card: Card) -> list[Change] | None:
    """The fewest changes that make a recipe fit, in the order that costs least; [] where it fits, None where nothing helps.

    The order: a smaller batch (accumulation raised, so that as much is learned from a step; 1 where no larger one fits), Unsloth's
    checkpointing, the 8-bit optimizer, the same paged, a shorter max_length, a lower rank, qlora instead of lora. What turns out not to
    be needed is left out again.
    """
    steps = list(_steps(config, model, training, card))
    taken = next((n for n in range(len(steps) + 1) if _card(config, model, training, steps[:n], card) <= card.total - card.unused), None)
    if taken is None:
        return None
    needed = steps[:taken]
    for step in reversed(steps[:taken]):
        fewer = [other for other in needed if other is not step]
        if _card(config, model, training, fewer, card) <= card.total - card.unused:
            needed = fewer
    return list(_as_changes(config, model, training, _relaxed(config, model, training, needed, card), card))


@dataclass(frozen=True)
class _Step:
    """settings: (section, name, value) triples that are written together; the first is shown, with the rest in its cost."""

    settings: tuple[tuple[str, str, Any], ...]
    cost: str


def _steps(config: Mapping[str, Any], model: Model, training: Training, card: Card) -> Iterator[_Step]:
    batch, accumulation = training.per_device_train_batch_size, training.gradient_accumulation_steps
    if batch > 1:
        yield _smaller_batch(1, batch * accumulation)
    if training.gradient_checkpointing != "unsloth":
        yield _Step((("training", "gradient_checkpointing", "unsloth"),), "activations go to RAM; each layer is computed twice")
    if training.optim == "adamw_torch":
        yield _Step(
            (("training", "optim", "adamw_8bit"),), "two bytes a trained parameter instead of eight; the result is the same in practice"
        )
    if training.optim != "paged_adamw_8bit":
        cost = "its states move to RAM where the card is full, which costs time at every step"
        yield _Step((("training", "optim", "paged_adamw_8bit"),), cost)
    length = training.max_length
    while length > SHORTEST:
        length = max(length // 2 // LENGTH_STEP * LENGTH_STEP, SHORTEST)
        yield _Step((("training", "max_length", length),), "shorter packs; a tweet is never so long, so that nothing is cut")
    if model.method != "full":
        rank = model.lora.r
        while rank > LOWEST_RANK:
            rank = max(rank // 2, LOWEST_RANK)
            yield _Step((("model.lora", "r", rank),), "a smaller adapter learns less of a large archive")
    if model.method == "lora":
        yield _Step((("model", "method", "qlora"),), "the base model in 4 bits: a little less exact, slower by the dequantisation")


def _applied(model: Model, training: Training, steps: list[_Step]) -> tuple[Model, Training]:
    for section, name, value in (setting for step in steps for setting in step.settings):
        if section == "training":
            training = with_training(training, **{name: value})
        elif section == "model":
            model = model.model_copy(update={name: value})
        else:
            model = with_rank(model, value)
    return model, training


def _card(config: Mapping[str, Any], model: Model, training: Training, steps: list[_Step], card: Card) -> int:
    return plan_on(card, config, *_applied(model, training, steps)).card


def _relaxed(config: Mapping[str, Any], model: Model, training: Training, steps: list[_Step], card: Card) -> list[_Step]:
    """Where max_length is shortened, to the longest that fits with the other changes; else a smaller batch to the largest that does."""
    lengths = [step for step in steps if step.settings[0][1] == "max_length"]
    if not lengths:
        return _with_largest_batch(config, model, training, steps, card)
    others = [step for step in steps if step not in lengths]
    fitting = largest_that_fit(config, *_applied(model, training, others), card).max_length
    longest = _Step((("training", "max_length", fitting),), lengths[-1].cost)
    return [longest if step is lengths[-1] else step for step in steps if step not in lengths[:-1]]


def _with_largest_batch(config: Mapping[str, Any], model: Model, training: Training, steps: list[_Step], card: Card) -> list[_Step]:
    """Where the batch is made smaller, to the largest that fits with the other changes and divides the packs of a step."""
    small = next((step for step in steps if step.settings[0][1] == "per_device_train_batch_size"), None)
    if small is None:
        return steps
    for batch, accumulation in batches_of_the_same_step(training, training.per_device_train_batch_size - 1):
        tried = [_smaller_batch(batch, accumulation) if step is small else step for step in steps]
        if _card(config, model, training, tried, card) <= card.total - card.unused:
            break
    # The smallest batch is that of `steps` themselves, which fit.
    return tried


def batches_of_the_same_step(training: Training, most: int) -> Iterator[tuple[int, int]]:
    """(batch, accumulation) of as many packs a step in parts of at most `most`, the largest batch first."""
    packs = training.per_device_train_batch_size * training.gradient_accumulation_steps
    return ((batch, packs // batch) for batch in range(most, 0, -1) if packs % batch == 0)


def _smaller_batch(batch: int, accumulation: int) -> _Step:
    """The same packs a step, in smaller parts."""
    settings = (("training", "per_device_train_batch_size", batch), ("training", "gradient_accumulation_steps", accumulation))
    return _Step(settings, f"with gradient_accumulation_steps: {accumulation}, a step learns from as many tokens; a little slower")


def _as_changes(config: Mapping[str, Any], model: Model, training: Training, steps: list[_Step], card: Card) -> Iterator[Change]:
    """Each step as a change; of several to one setting only the last counts."""
    last = {step.settings[0][:2]: step for step in steps}
    done: list[_Step] = []
    for step in last.values():
        done.append(step)
        section, name, value = step.settings[0]
        old = getattr({"training": training, "model": model, "model.lora": model.lora}[section], name)
        yield Change(f"{section}.{name}", old, value, step.cost, _card(config, model, training, done, card))


def sizes_that_fit(model: Model, training: Training, card: Card) -> list[str]:
    """Names of known models that fit the card under this recipe's other settings, smallest first."""
    return [name for name in KNOWN if plan_on(card, known_config(name), model, training).card <= card.total - card.unused]


def how_to_fit(config: Mapping[str, Any], model: Model, training: Training, card: Card) -> str:
    """One text for a person: that it fits, what to write instead, or that the card cannot hold it and what it can."""
    plan = plan_on(card, config, model, training)
    changes = what_to_change(config, model, training, card)
    if changes == []:
        return f"fits: {_gib(plan.card)} of the card's {_gib(card.total)}"
    if card.others > DISPLAY and (beside := _beside_others(config, model, training, card, plan.card, changes)):
        return beside
    if changes:
        lines = [f"needs {_gib(plan.card)}, the card has {_gib(card.total)}; write instead:"]
        return "\n".join([*lines, *(f"  {change}" for change in changes), f"then it needs {_gib(changes[-1].card)}"])
    return _cannot(config, model, training, card, plan)


def _beside_others(
    config: Mapping[str, Any], model: Model, training: Training, card: Card, needed: int, changes: list[Change] | None
) -> str | None:
    """What to do where other programs hold the card: to end them first. None where the card, empty but for a desktop, helps no further:
    where nothing fits it either, or the same is to be written.
    """
    alone = replace(card, others=DISPLAY)
    first = f"other programs hold {_gib(card.others)} of the card's {_gib(card.total)}, and this run needs {_gib(needed - card.others)}"
    without = what_to_change(config, model, training, alone)
    if without is None or (changes and _written(changes) == _written(without)):
        return None
    lines = [first, f"  {END_THEM}"]
    if without:
        lines += ["and write instead:", *(f"  {change}" for change in without)]
    elif changes:
        lines += ["or, beside them, write instead:", *(f"  {change}" for change in changes)]
    return "\n".join(lines)


def _written(changes: list[Change]) -> list[tuple[str, Any]]:
    return [(change.key, change.new) for change in changes]


def _cannot(config: Mapping[str, Any], model: Model, training: Training, card: Card, plan: MemoryPlan) -> str:
    millions = read_shape(config).parameters / 1e6
    smallest = with_training(
        training, per_device_train_batch_size=1, gradient_checkpointing="unsloth", optim="paged_adamw_8bit", max_length=SHORTEST
    )
    instead = sizes_that_fit(model, smallest, card)
    can = f"{', '.join(instead)} can, with batch 1 and short packs" if instead else "none of the usual models can"
    what = f"a card of {_gib(card.total)} cannot hold {model.method} fine-tuning of {millions:,.0f} M parameters"
    if model.method == "full":
        fixed = _gib(sum(plan.resident.values()))
        what += f": weights, gradients and optimizer alone are {fixed}. In full {can}; or write method: qlora"
        if not what_to_change(config, model.model_copy(update={"method": "qlora"}), training, card):
            return what
        return what + " with the changes that it needs then"
    return f"{what}, by no change of the recipe. A smaller model: {can}"


def _gib(count: int) -> str:
    return f"{count / 2**30:,.1f} GiB"

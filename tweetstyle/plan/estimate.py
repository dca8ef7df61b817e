"""The whole estimate of a run: card, RAM, disk, time. tables.py shows it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from tweetstyle.dataset.held_out import training_count
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import existing_parent
from tweetstyle.hardware.disk import DiskUse, bytes_missing
from tweetstyle.hardware.gpu import Card, find_card, named_card
from tweetstyle.hardware.machine import machine_memory
from tweetstyle.model.base import BaseConfig, BaseModel
from tweetstyle.model.config import Shape, read_shape
from tweetstyle.plan.advice import END_THEM, Change, Largest, how_to_fit, largest_that_fit, plan_on, what_to_change
from tweetstyle.plan.disk import NO_OUTPUTS, ExistingOutputs, disk_needed, disk_uses, memory_needed
from tweetstyle.plan.memory import MemoryPlan, hours
from tweetstyle.plan.phases import CUDA_CONTEXT
from tweetstyle.plan.probe import Probe, Speed, speed_of
from tweetstyle.plan.schedule import effective_schedule
from tweetstyle.plan.tensors import trained_parameters
from tweetstyle.prompt.template import Template
from tweetstyle.recipe import Model, Recipe, Training

TOKENS_A_TWEET = 50
"""With its prompt: a rough figure until the data are prepared and counted (--dry-run)."""


@dataclass(frozen=True)
class TrainingTokens:
    """What is learned from. tweets: trained on, in one epoch; tokens: of all epochs; counted: by the tokenizer, and no estimate."""

    tweets: int
    tokens: int
    counted: bool


@dataclass(frozen=True)
class ResourceEstimate:
    """Bytes everywhere. ram: by the part of the run, one after the other; disk: by what for; disk_free: where the run is written;
    rooms: what is still to be written of it, and where; disk_missing: to be freed before the run, 0 where there is room."""

    name: str
    base: BaseConfig | BaseModel
    shape: Shape
    trained: int
    card: Card
    memory: MemoryPlan
    largest: Largest
    changes: list[Change] | None
    advice: str
    ram: dict[str, int]
    ram_there: int
    disk: dict[str, int]
    disk_free: int
    rooms: tuple[DiskUse, ...]
    disk_missing: int
    speed: Speed
    train_tokens: TrainingTokens | None

    @property
    def fits(self) -> bool:
        return self.memory.card <= self.card.total

    @property
    def probe(self) -> Probe | None:
        return self.speed.probe

    @property
    def disk_to_come(self) -> int:
        return sum(room.bytes for room in self.rooms)

    @property
    def base_bytes(self) -> int:
        """Of the base model's weights that are there."""
        return self.base.bytes_there if isinstance(self.base, BaseConfig) else self.base.weight_bytes

    @property
    def hours(self) -> float | None:
        """Of training alone; None where speed or tweets are not known."""
        if self.train_tokens is None or self.probe is None:
            return None
        return hours(self.train_tokens.tokens, self.probe.tokens_per_second)


@dataclass(frozen=True)
class RunRequirements:
    """What a run needs of the machine, in bytes, for the checks of doctor.

    base, template: None where one of them is not whole or refused: what is planned is then by the model's shape alone. card: planned at
    the peak of a step, without what others hold; card_least: the tensors of that peak and CUDA's context alone; ram: what the largest
    part takes of the machine's memory, part → bytes.
    """

    base: BaseModel | None
    template: Template | None
    model: Model
    training: Training
    parameters: int
    card: int
    card_least: int
    ram: Mapping[str, int]
    rooms: tuple[DiskUse, ...]


def card_for(recipe: Recipe, gib: float | None = None) -> Card:
    """The card that is planned for: the one of --card, else the one in this machine, else the recipe's, else one that is assumed."""
    if gib is not None:
        return named_card(gib)
    found, trouble = find_card()
    assumed = "card_gib" not in recipe.machine.model_fields_set
    return found or replace(named_card(recipe.machine.card_gib), trouble=trouble, assumed=assumed)


def estimate_resources(
    recipe: Recipe,
    base: BaseConfig | BaseModel,
    card: Card,
    train_tokens: TrainingTokens | None = None,
    existing: ExistingOutputs = NO_OUTPUTS,
) -> ResourceEstimate:
    """Everything, from config.json and the recipe. existing: what of the run is written already.

    Raises TweetstyleError for a model that cannot be trained or exported.
    """
    shape, settings = read_shape(base.config), (base.config, recipe.model, recipe.training)
    memory, rooms = plan_on(card, *settings), disk_uses(recipe, base, existing)
    return ResourceEstimate(
        name=recipe.name,
        base=base,
        shape=shape,
        trained=trained_parameters(shape, recipe.model),
        card=card,
        memory=memory,
        largest=largest_that_fit(*settings, card),
        changes=what_to_change(*settings, card),
        advice=how_to_fit(*settings, card),
        ram={"training": memory.ram} | {f"export, {part}": size for part, size in memory_needed(base, recipe.export).items()},
        ram_there=machine_memory()[0] if card.seen or recipe.machine.ram_gib is None else round(recipe.machine.ram_gib * 2**30),
        disk=disk_needed(recipe, base),
        disk_free=shutil.disk_usage(existing_parent(recipe.run_directory)).free,
        rooms=rooms,
        disk_missing=bytes_missing(rooms),
        speed=speed_of(recipe, base, card),
        train_tokens=train_tokens,
    )


def estimate_training_tokens(recipe: Recipe, tweets: int) -> TrainingTokens:
    """Tokens of this many kept tweets: those that the split leaves to train on, TOKENS_A_TWEET each."""
    data, training = recipe.data, recipe.training
    trained = training_count(tweets, data.validation_fraction, data.test_fraction)
    if training.split == "mini-train":
        trained = min(trained, data.mini_train)
    if recipe.prompt.message == "playback":
        trained = min(trained, recipe.playback.train_tweets)
    # Of few tweets there are more epochs than the recipe says. hidden_size decides a learning rate alone.
    carried = effective_schedule(training, [TOKENS_A_TWEET] * trained, trained, recipe.model.method, hidden_size=4096) if trained else None
    epochs = carried.training.num_train_epochs if carried else training.num_train_epochs
    return TrainingTokens(trained, round(trained * TOKENS_A_TWEET * epochs), counted=False)


def refuse_what_cannot_fit(recipe: Recipe, base: BaseConfig | BaseModel, card: Card) -> None:
    """Refuses, on a card that is here, what cannot be held there by any luck: before the base model is loaded.

    By any luck: the tensors of the peak and the CUDA context alone, nothing lost between blocks. What is only tight is for
    the probe to find out. Raises TweetstyleError with what to write instead.
    """
    if not card.seen:
        return
    settings = base.config, recipe.model, recipe.training
    least = plan_on(card, *settings).tensors + CUDA_CONTEXT
    if least > card.total:
        first, *rest = how_to_fit(*settings, card).splitlines()
        hint = "\n    ".join(line.strip() for line in rest)
        raise TweetstyleError(f"{card}: {first}", where=_key_of(recipe, base, card), hint=hint or None)
    if least > card.total - card.others:
        held = f"other programs hold {card.others / 2**30:.1f} GiB of {card}, and this run needs {least / 2**30:.1f}"
        raise TweetstyleError(held, where="model.method", hint=END_THEM)


def refuse_method(config: Mapping[str, Any], method: str) -> None:
    """A base that was saved in 4 bits is trained by qlora alone; in any other quantised form, by nothing.

    Raises:
        TweetstyleError: for a base model that `method` cannot train.
    """
    saved = config.get("quantization_config")
    if not saved:
        return
    kind, sixteen = saved.get("quant_method", "an unknown form"), "name a directory with its 16-bit weights"
    nf4 = bool(saved.get("load_in_4bit")) and saved.get("bnb_4bit_quant_type") == "nf4"
    if not (nf4 and saved.get("bnb_4bit_use_double_quant")):
        kind += " NF4 without double quantisation" * nf4
        what = f"the base model is saved quantised ({kind}): nothing can be trained over that here"
        raise TweetstyleError(what, where="model.base", hint=sixteen)
    if method != "qlora":
        why = "whose weights cannot be trained" if method == "full" else "and lora needs 16"
        what = f"the base model is saved in 4 bits, {why}"
        raise TweetstyleError(what, where="model.method", hint=f"write method: qlora, or {sixteen}")


def refuse_beyond_positions(recipe: Recipe, positions: int) -> None:
    """Refuses texts longer than those that the model was made for."""
    for key, length in (("training.max_length", recipe.training.max_length), ("export.num_ctx", recipe.export.num_ctx)):
        if length > positions:
            raise TweetstyleError(f"{length} is beyond the model's {positions} positions", where=key, hint=f"write {positions} or less")


def _key_of(recipe: Recipe, base: BaseConfig | BaseModel, card: Card) -> str:
    """The recipe's line that is to be changed first."""
    changes = what_to_change(base.config, recipe.model, recipe.training, card)
    return changes[0].key if changes else "model.method"


def as_json(needs: ResourceEstimate) -> dict[str, Any]:
    """For programs: bytes, tokens and hours as numbers; null for what has not been measured."""
    memory, train_tokens = needs.memory, needs.train_tokens
    return {
        "recipe": needs.name,
        "base": {
            "path": str(needs.base.path),
            "parameters": needs.shape.parameters,
            "trained": needs.trained,
            "positions": needs.shape.positions,
            "bytes_there": needs.base_bytes,
            "missing": list(getattr(needs.base, "missing", ())),
            "planned_as": getattr(needs.base, "known_as", None),
        },
        "card": {name: getattr(needs.card, name) for name in ("name", "total", "others", "seen", "trouble", "assumed")},
        "memory": {
            "fits": needs.fits,
            "peak_bytes": memory.card,
            "tensor_bytes": memory.tensors,
            "peak_phase": memory.peak_phase,
            "peak_moment": memory.peak_moment,
            "phases": {phase: sum(parts.values()) for phase, parts in memory.phases.items()},
            "parts": memory.parts,
            "notes": list(memory.notes),
        },
        "largest": asdict(needs.largest),
        "changes": None if needs.changes is None else [asdict(change) for change in needs.changes],
        "advice": needs.advice,
        "ram": {"parts": needs.ram, "training": dict(memory.host), "bytes_there": needs.ram_there},
        "disk": {
            "parts": needs.disk,
            "bytes": sum(needs.disk.values()),
            "bytes_free": needs.disk_free,
            "bytes_to_come": needs.disk_to_come,
            "bytes_missing": needs.disk_missing,
        },
        "time": {
            "tweets": train_tokens and train_tokens.tweets,
            "tokens": train_tokens and train_tokens.tokens,
            "tokens_are_counted": train_tokens and train_tokens.counted,
            "tokens_per_second": needs.probe and needs.probe.tokens_per_second,
            "hours": needs.hours,
            "speed": needs.speed.in_words(),
        },
        "probe": needs.probe and asdict(needs.probe),
    }

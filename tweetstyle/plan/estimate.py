"""The whole estimate of a run: card, RAM, disk, time. tables.py shows it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from tweetstyle.dataset.held_out import training_count
from tweetstyle.errors import TweetstyleError
from tweetstyle.hardware.gpu import Card, find_card, named_card
from tweetstyle.hardware.machine import machine_memory
from tweetstyle.inference.sampling_grid import tweets_written
from tweetstyle.locale import _
from tweetstyle.model.base import BaseConfig, BaseModel
from tweetstyle.model.config import Shape, read_shape
from tweetstyle.plan.advice import Advice, advise
from tweetstyle.plan.disk import NO_OUTPUTS, DiskEstimate, ExistingOutputs, estimate_disk, memory_needed
from tweetstyle.plan.memory import CUDA_CONTEXT, PROCESS_ON_CPU, MemoryPlan, cpu_activations, plan_memory
from tweetstyle.plan.probe import Speed, speed_of
from tweetstyle.plan.schedule import effective_schedule
from tweetstyle.plan.tensors import trained_parameters
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
    """What a run needs, in bytes. ram: by the part of the run, one after the other; ram_there: of the machine that is planned for;
    sampling_tweets: what candidates write until a sampling is chosen."""

    name: str
    model: Model
    training: Training
    base: BaseConfig | BaseModel
    card: Card
    memory: MemoryPlan
    advice: Advice
    ram: dict[str, int]
    ram_there: int
    disk: DiskEstimate
    speed: Speed
    train_tokens: TrainingTokens | None
    sampling_tweets: int = 0

    @property
    def shape(self) -> Shape:
        return read_shape(self.base.config)

    @property
    def trained(self) -> int:
        """Parameters that are trained."""
        return trained_parameters(self.shape, self.model)

    @property
    def fits(self) -> bool:
        return self.memory.card <= self.card.total

    @property
    def least_card(self) -> int:
        """Bytes of the card without which the run cannot be by any luck: the tensors of its training's peak and CUDA's context, nothing
        lost between blocks. What is only tight is for the probe to find out."""
        return self.memory.tensors + CUDA_CONTEXT

    @property
    def own_card(self) -> int:
        """Bytes of the card at the peak, without what other programs hold."""
        return self.memory.card - self.card.others

    @property
    def ram_here(self) -> dict[str, int]:
        """RAM by part on this machine; without a card, that of a training on the CPU: weights in fp32, adapter, Adam's states, a step."""
        weights = 4 * self.shape.parameters + 16 * self.trained
        training = PROCESS_ON_CPU + weights + cpu_activations(self.shape, self.training)
        return self.ram if self.card.seen else self.ram | {"training": training}

    @property
    def base_bytes(self) -> int:
        """Of the base model's weights that are there."""
        return self.base.bytes_there if isinstance(self.base, BaseConfig) else self.base.weight_bytes

    @property
    def hours(self) -> float | None:
        """Of training alone; None where speed or tweets are not known."""
        probe = self.speed.probe
        return self.train_tokens.tokens / probe.tokens_per_second / 3600 if self.train_tokens and probe else None


def card_for(recipe: Recipe, size: float | None = None) -> Card:
    """The card that is planned for: the one of --card, else the one in this machine, else the recipe's, else one that is assumed."""
    if size is not None:
        return named_card(size)
    assumed = "card_gib" not in recipe.machine.model_fields_set
    return find_card() or replace(named_card(recipe.machine.card_gib), assumed=assumed)


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
    settings = base.config, recipe.model, recipe.training
    memory = plan_memory(*settings, card=card)
    return ResourceEstimate(
        name=recipe.name,
        model=recipe.model,
        training=recipe.training,
        base=base,
        card=card,
        memory=memory,
        advice=advise(*settings, card),
        ram={"training": memory.ram} | {f"export, {part}": size for part, size in memory_needed(base, recipe.export).items()},
        ram_there=machine_memory()[0] if card.seen or recipe.machine.ram_gib is None else round(recipe.machine.ram_gib * 2**30),
        disk=estimate_disk(recipe, base, existing),
        speed=speed_of(recipe, base, card),
        train_tokens=train_tokens,
        sampling_tweets=0 if recipe.sampling else tweets_written(recipe.evaluation.samples),
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


def refuse_method(config: Mapping[str, Any], method: str) -> None:
    """A base that was saved in 4 bits is trained by qlora alone; in any other quantised form, by nothing.

    Raises:
        TweetstyleError: for a base model that `method` cannot train.
    """
    saved = config.get("quantization_config")
    if not saved:
        return
    nf4 = saved.get("load_in_4bit") and saved.get("bnb_4bit_quant_type") == "nf4" and saved.get("bnb_4bit_use_double_quant")
    if not nf4:
        kind = saved.get("quant_method", _("an unknown form"))
        what = _("the base model is saved quantised ({kind}); only NF4 with double quantisation can be trained on here", kind=kind)
        raise TweetstyleError(what, where="model.base", hint=_("name a directory with its 16-bit weights"))
    if method != "qlora":
        what = _("the base model is saved in 4 bits: {method} needs its 16-bit weights", method=method)
        hint = _("write method: qlora, or name a directory with its 16-bit weights")
        raise TweetstyleError(what, where="model.method", hint=hint)


def refuse_beyond_positions(recipe: Recipe, positions: int) -> None:
    """Refuses texts longer than those that the model was made for."""
    for key, length in (("training.max_length", recipe.training.max_length), ("export.num_ctx", recipe.export.num_ctx)):
        if length > positions:
            what = _("{length} is beyond the model's {positions} positions", length=length, positions=positions)
            raise TweetstyleError(what, where=key, hint=_("write {positions} or less", positions=positions))


def as_json(estimate: ResourceEstimate) -> dict[str, Any]:
    """For programs: bytes, tokens and hours as numbers; null for what has not been measured."""
    base, train_tokens, probe, disk = estimate.base, estimate.train_tokens, estimate.speed.probe, estimate.disk
    return {
        "recipe": estimate.name,
        "base": {
            "path": str(base.path),
            "parameters": estimate.shape.parameters,
            "trained": estimate.trained,
            "positions": estimate.shape.positions,
            "bytes_there": estimate.base_bytes,
            "missing": list(getattr(base, "missing", ())),
            "planned_as": getattr(base, "known_as", None),
        },
        "card": {name: getattr(estimate.card, name) for name in ("name", "total", "others", "seen", "assumed")},
        "memory": {"fits": estimate.fits} | estimate.memory.as_json(),
        "largest": asdict(estimate.advice.largest),
        "changes": None if estimate.advice.changes is None else [asdict(change) for change in estimate.advice.changes],
        "advice": estimate.advice.text,
        "ram": {"parts": estimate.ram, "training": dict(estimate.memory.host), "bytes_there": estimate.ram_there},
        "disk": {
            "parts": disk.parts,
            "bytes": sum(disk.parts.values()),
            "bytes_free": disk.free,
            "bytes_to_come": disk.to_come,
            "bytes_missing": disk.missing,
        },
        "time": {
            "tweets": train_tokens and train_tokens.tweets,
            "tokens": train_tokens and train_tokens.tokens,
            "tokens_are_counted": train_tokens and train_tokens.counted,
            "tokens_per_second": probe and probe.tokens_per_second,
            "hours": estimate.hours,
            "speed": estimate.speed.text,
        },
        "probe": probe and asdict(probe),
    }

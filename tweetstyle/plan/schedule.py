"""The training schedule: packs, steps, warm-up, learning rate."""

import math
from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tweetstyle.console import as_rate
from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import _, _n, localised
from tweetstyle.recipe import Training

FEWEST_STEPS = 30
"""Optimizer steps in an epoch under which a smaller step is chosen, and in a run under which its schedule is adapted."""
SMALL_STEP = 512
"""Tokens, some eight tweets, below which a step becomes smaller only where a run has fewer than FEWEST_STEPS otherwise: on 100 tweets steps
of 128 came to 2.146 bits per byte at best, steps of 512 to 2.110 (SmolLM2-135M, an adapter at 2e-3)."""
MANY, SOME = 20_000, 2_000
"""Tweets from which an adapter of rank 32, and of rank 16, is chosen; fewer get 8."""
LADDER = ((2048, 8), (2048, 4), (1024, 4), (512, 4), (512, 2), (512, 1), (256, 1), (128, 1))
"""(max_length, gradient_accumulation_steps), the largest step first. Small steps where there are few tweets, for adapters bear large
batches worse than full fine-tuning does (LoRA Without Regret, thinkingmachines.ai/blog/lora, 2025)."""
MOST_EPOCHS = 10
"""Passes over very few tweets, at most: the best state by validation is kept, so that one too many costs time alone."""
VALIDATIONS, VALIDATIONS_OF_FEW_STEPS = 4, 6
"""In a run by epochs, at the least; and in one whose schedule is adapted, where the usual early_stopping_patience of 3 is half of it."""
FULL_RATE, ADAPTER_TIMES, SHORT_TIMES, LLAMA_EXPONENT = 5e-5, 10, 15, 0.781
"""Learning rate = 5e-5 × 10 for an adapter × (2000 / hidden_size)^0.781 for a Llama, the rule that Thinking Machines fitted to their
sweeps (tinker_cookbook/hyperparam_utils.py, get_lr); × 15 in runs of about a hundred steps or fewer (LoRA Without Regret)."""
FAR_BELOW, FAR_ABOVE = 20, 5
"""Times that a learning rate may be away from that rule before it is warned of. QLoRA's 2e-4 to 1e-4 for 7B to 65B (arXiv 2305.14314,
table 9) lies within; SmolLM2-135M learns at 5e-3, 3.8 times that rule, and is ruined at 1."""


@dataclass(frozen=True)
class Steps:
    """What settings come to. warmup: of the steps, those over which the learning rate rises."""

    tweets: int
    packs: int
    steps_per_epoch: int
    steps: int
    warmup: int

    @property
    def in_words(self) -> str:
        packs, steps = _n("{count:,} pack", "{count:,} packs", self.packs), _n("{count:,} step", "{count:,} steps", self.steps)
        return _("{packs}, {steps} (warm-up {warmup:,})", packs=packs, steps=steps, warmup=self.warmup)


@dataclass(frozen=True)
class Schedule:
    """training: the settings used; steps: what they give; requested: what the recipe's settings would give; remark: what else to know.

    changes: key → (the recipe's value, the one in its place); empty where the recipe's settings are used unchanged.
    """

    training: Training
    steps: Steps
    requested: Steps
    changes: dict[str, tuple[Any, Any]]
    remark: str = ""

    def as_facts(self) -> dict[str, Any]:
        """What was changed, for a record in JSON; {} where nothing was."""
        if not self.changes:
            return {}
        return {
            "asked": asdict(self.requested),
            "used": asdict(self.steps),
            "changes": {key: list(pair) for key, pair in self.changes.items()},
        }

    @property
    def in_words(self) -> str:
        """Why the recipe's settings are not carried out, and what is; "" where they are."""
        if not self.changes:
            return ""
        values = ({"key": key, "new": _shown(key, new), "old": _shown(key, old)} for key, (old, new) in self.changes.items())
        return _(
            "the recipe's settings give {planned} for {tweets}. Used instead: {used}, by {changes}",
            planned=self.requested.in_words,
            used=self.steps.in_words,
            tweets=_n("{count:,} tweet", "{count:,} tweets", self.requested.tweets),
            changes=", ".join(_("{key} {new} instead of {old}", **change) for change in values),
        )


def _shown(key: str, value: float | None) -> str:
    return _("none") if value is None else as_rate(value) if key == "learning_rate" else localised(f"{value:g}")


def effective_schedule(training: Training, lengths: Sequence[int], tweets: int, method: str, hidden_size: int) -> Schedule:
    """The settings that a run is carried out with: the recipe's own wherever they can learn.

    A run by epochs of fewer than FEWEST_STEPS steps gets smaller steps, more epochs and a higher learning rate; a warm-up of half the
    steps or more becomes warmup_ratio; eval_steps leave at least VALIDATIONS validations. An explicit max_steps stays. The same
    arguments give the same settings, so that a resumed run has those that it began with.

    Args:
        lengths: tokens of each document, cut at training.max_length; in the file's order, which decides the packs.
        hidden_size: of the base model, which decides the learning rate of a run of few steps.

    Raises:
        TweetstyleError: where no setting makes FEWEST_STEPS steps of the tweets.
    """
    requested = steps_of(training, lengths, tweets)
    used = training
    if training.max_steps <= 0 and requested.steps < FEWEST_STEPS:
        used = _with_more_steps(training, lengths, tweets, method, hidden_size)
    steps = steps_of(used, lengths, tweets)
    if steps.warmup > 1 and 2 * steps.warmup >= steps.steps:
        used = used.model_copy(update={"warmup_steps": math.ceil(training.warmup_ratio * steps.steps)})
    used = _validated_often(used, steps)
    changes = {key: (old, new) for key, old in dict(training).items() if (new := getattr(used, key)) != old}
    remark = ""
    if steps.steps < FEWEST_STEPS:
        remark = _("{steps} steps teach little (a style takes {fewest} or more)", steps=steps.steps, fewest=FEWEST_STEPS)
    return Schedule(used, steps_of(used, lengths, tweets), requested, changes, remark)


def steps_of(training: Training, lengths: Sequence[int], tweets: int) -> Steps:
    """Packs, steps and warm-up of settings, as TRL and transformers count them."""
    packs = pack_count(lengths, training.max_length)
    steps, in_epoch = step_count(packs, training)
    return Steps(tweets, packs, in_epoch, steps, warmup(training, steps))


def warmup(training: Training, steps: int) -> int:
    """Steps over which the learning rate rises, as transformers counts them (TrainingArguments.get_warmup_steps)."""
    return math.ceil(training.warmup_ratio * steps) if training.warmup_steps is None else training.warmup_steps


def _with_more_steps(training: Training, lengths: Sequence[int], tweets: int, method: str, hidden_size: int) -> Training:
    usual = max(training.num_train_epochs, usual_epochs(tweets))
    max_length, accumulation, in_epoch = rung(lambda size: pack_count(lengths, size), usual, max(lengths), training.max_length)
    epochs = epochs_for(usual, in_epoch)
    steps = math.ceil(epochs * in_epoch)
    if steps < FEWEST_STEPS:
        what = _("{tweets:,} tweets make {steps} optimizer steps at most, too few to learn a style from", tweets=tweets, steps=steps)
        hint = _("take more tweets (a hundred for a first try), or write training.max_steps: {steps} to train anyway", steps=FEWEST_STEPS)
        raise TweetstyleError(what, where="training", hint=hint)
    every = max(steps // VALIDATIONS_OF_FEW_STEPS, 1)
    return training.model_copy(
        update={
            "max_length": max_length,
            "per_device_train_batch_size": 1,
            "gradient_accumulation_steps": accumulation,
            "num_train_epochs": epochs,
            "learning_rate": max(training.learning_rate, rate_of_few_steps(method, hidden_size)),
            "warmup_steps": None if training.warmup_steps is None else math.ceil(training.warmup_ratio * steps),
            "eval_steps": every,
            "save_steps": every,
        }
    )


def _validated_often(training: Training, steps: Steps) -> Training:
    """With eval_steps that leave several validations; where max_steps ends the run, one may be what is wanted."""
    most = steps.steps if training.max_steps > 0 else max(steps.steps // VALIDATIONS, 1)
    return training if training.eval_steps <= most else training.model_copy(update={"eval_steps": most, "save_steps": most})


# -- the table ----------------------------------------------------------------------------------------------


def rung(packs: Callable[[int], int], epochs: float, longest: int, most: int = LADDER[0][0]) -> tuple[int, int, int]:
    """(max_length, gradient_accumulation_steps, steps per epoch): the largest of LADDER that makes FEWEST_STEPS steps.

    In an epoch, or, of steps of SMALL_STEP tokens or fewer, in the run.

    Args:
        packs: max_length → packs of an epoch.
        epochs: of the run.
        longest: tokens of the longest document, which stays whole.
        most: tokens of the longest pack.
    """
    rungs = [(min(size, most), accumulation) for size, accumulation in LADDER if size >= longest] or [(most, LADDER[0][1])]
    shortest, last = rungs[-1]
    for max_length, accumulation in [*rungs, *((shortest, fewer) for fewer in (4, 2, 1) if fewer < last)]:
        in_epoch = max(math.ceil(packs(max_length) / accumulation), 1)
        small = max_length * accumulation <= SMALL_STEP
        if in_epoch * (epochs if small else 1) >= FEWEST_STEPS:
            break
    return max_length, accumulation, in_epoch


def usual_epochs(tweets: int) -> int:
    """One to three are usual (Unsloth's guide to hyperparameters)."""
    return 2 if tweets >= SOME else 3


def epochs_for(usual: float, steps_per_epoch: int) -> float:
    """The usual epochs; more only where a run would have fewer than FEWEST_STEPS steps."""
    return max(usual, min(math.ceil(FEWEST_STEPS / steps_per_epoch), MOST_EPOCHS))


def eval_every(steps_per_epoch: int) -> int:
    """Steps between two validations: four in an epoch, never closer to each other than one step."""
    return 100 if steps_per_epoch >= 250 else max(steps_per_epoch // 4, 1)


def rank_for(tweets: int) -> int:
    """An adapter holds about two bits a parameter (arXiv 2404.05405), so that every rank here has room for its tweets.

    More rank makes no difference while there is room (LoRA Without Regret), and costs memory.
    """
    return 32 if tweets >= MANY else 16 if tweets >= SOME else 8


# -- learning rates -----------------------------------------------------------------------------------------


def rate_of_few_steps(method: str, hidden_size: int) -> float:
    """The learning rate of a run of some hundred steps or fewer, to one digit: 4e-4 for an 8B with an adapter, 2e-3 for a 135M.

    Measured with the 135M on 100 tweets, from 2.715 bits per byte untrained to step 12 of 39: 2.110 with an adapter at 2e-3, 2.073 in full
    at 1e-4.
    """
    times = 1 if method == "full" else SHORT_TIMES
    return one_digit(times * _full_rate(hidden_size))


def usual_rate(method: str, hidden_size: int) -> float:
    return (1 if method == "full" else ADAPTER_TIMES) * _full_rate(hidden_size)


def _full_rate(hidden_size: int) -> float:
    return FULL_RATE * (2000 / hidden_size) ** LLAMA_EXPONENT


def unusual_rate(rate: float, method: str, hidden_size: int) -> str:
    """What to say of a learning rate far outside the usual ones for the method and the base model's size; "" of any other."""
    usual = usual_rate(method, hidden_size)
    low, high = usual / FAR_BELOW, usual * FAR_ABOVE
    if low <= rate <= high:
        return ""
    about = {name: as_rate(one_digit(value)) for name, value in {"low": low, "high": high, "usual": usual}.items()}
    rates = {"rate": as_rate(rate), "method": method} | about
    if rate > high:
        return _("{rate} is above the usual {low} to {high} for {method} and this base model: training may diverge; try {usual}", **rates)
    return _("{rate} is below the usual {low} to {high} for {method} and this base model: it may learn little; try {usual}", **rates)


def one_digit(rate: float) -> float:
    """0.00046 as 0.0005."""
    return float(f"{rate:.0e}")


MAP_BATCH = 1000
"""Documents that datasets.Dataset.map hands to the packer at a time (its batch_size): packs do not cross such a batch."""


def pack_count(lengths: Sequence[int], max_length: int) -> int:
    """Packs of at most `max_length` tokens for documents of these lengths (tokens), in the order of the file.

    Best fit decreasing (trl.data_utils.pack_dataset, strategy "bfd"; arXiv 2404.10830): the longest document first, each
    into the fullest pack that still holds it. Longer documents count as cut at `max_length`, empty ones are left out.
    """
    return sum(_pack_batch(lengths[i : i + MAP_BATCH], max_length) for i in range(0, len(lengths), MAP_BATCH))


def _pack_batch(lengths: Sequence[int], max_length: int) -> int:
    packs, spaces = 0, []
    for length in sorted((min(n, max_length) for n in lengths if n), reverse=True):
        place = bisect_left(spaces, length)
        if place == len(spaces):
            packs += 1
            space = max_length
        else:
            space = spaces.pop(place)
        if space > length:
            insort(spaces, space - length)
    return packs


def step_count(packs: int, training: Training) -> tuple[int, int]:
    """(optimizer steps of the run, of one epoch), as transformers' Trainer counts them: a last smaller batch is a step too."""
    batches = math.ceil(packs / training.per_device_train_batch_size)
    in_epoch = max(1, math.ceil(batches / training.gradient_accumulation_steps))
    if training.max_steps > 0:
        return training.max_steps, in_epoch
    return math.ceil(training.num_train_epochs * in_epoch), in_epoch

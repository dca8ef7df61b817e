"""The candidates of `sampling: auto`, and how many tweets the choice takes."""

from tweetstyle.recipe import Sampling

DEFAULT = Sampling()
GRID = (
    DEFAULT,
    Sampling(top_p=1.0),
    Sampling(top_p=0.98),
    Sampling(top_p=0.9),
    Sampling(temperature=0.9, top_p=1.0),
    Sampling(temperature=0.9),
    Sampling(temperature=0.8),
    Sampling(temperature=1.1),
    Sampling(top_p=1.0, min_p=0.02),
    Sampling(top_p=1.0, min_p=0.05),
    Sampling(temperature=1.2, top_p=1.0, min_p=0.05),
    Sampling(repeat_penalty=1.05),
)
"""Around the default: the model's own distribution and less of its tail, colder and hotter, and a little against repetition."""
ROUNDS = ((len(GRID), 0.25), (6, 0.5), (3, 1.0))
"""Successive halving (Jamieson and Talwalkar, AISTATS 2016): how many candidates write, and until each has which share of
`evaluation.samples` tweets. The default is among them to the end."""
FEWEST_SAMPLES = 100
"""Samples below which nothing is tried: of 40, the interval of a difference (±0.06) was twice as wide as the largest one (0.03)."""


def tweets_by_round(samples: int) -> list[int]:
    """Tweets that each candidate of a round has written at its end."""
    return [round(share * samples) for _, share in ROUNDS]


def tweets_written(samples: int) -> int:
    """Tweets that all candidates write together; 0 where there are too few to choose."""
    if samples < FEWEST_SAMPLES:
        return 0
    ends = tweets_by_round(samples)
    return sum(count * (end - before) for (count, _), before, end in zip(ROUNDS, [0, *ends], ends, strict=False))


def in_words(sampling: Sampling) -> str:
    """The settings that say how it draws: those that cut or change nothing are left out, but the temperature."""
    neutral = {"top_k": 0, "top_p": 1.0, "min_p": 0.0, "repeat_penalty": 1.0}
    values = sampling.model_dump(include=set(neutral))
    cuts = [f"{name} {values[name]:g}" for name in neutral if values[name] != neutral[name]]
    return ", ".join([f"temperature {sampling.temperature:g}", *cuts])

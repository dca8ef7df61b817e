"""Part 2: real tokens a second of training, padding not counted: ours against three other ways, each in a process of its own.

ours              fit's own trainer, tweets packed to 2,048
by hand           the same call written by hand with Unsloth and TRL                                 goal: ours at least 0.98×
without unsloth   TRL + PEFT + bitsandbytes, packed to 2,048                                         goal: ours 1.8×
classic           transformers' Trainer + PEFT + bitsandbytes, every tweet padded to 512, batch 4    goal: ours 8×
"""

import statistics
from typing import Any

from bench.gpu import ways
from bench.gpu.shared import attempt, begin, llama3, tweet_lengths, write_result

WAYS = {"ours": ways.ours, "by hand": ways.by_hand, "without unsloth": ways.without_unsloth, "classic": ways.classic}
GOALS = {"by hand": 0.98, "without unsloth": 1.8, "classic": 8.0}
STEPS = 5


def main(arguments: list[str] | None = None) -> None:
    with begin("speed", arguments) as bench:
        llama3(bench)
        rounds, steps = (1, 2) if bench.tiny else (bench.rounds, STEPS)
        seen: dict[str, list[Any]] = {name: [] for name in WAYS}
        for number in range(rounds):
            # The second round goes the other way, so that none always comes first.
            for name in list(WAYS)[:: 1 if number % 2 == 0 else -1]:
                if not bench.time_is_up:
                    seen[name].append(attempt(bench, WAYS[name], steps=steps))
        speeds = {name: [run["tokens_per_second"] for run in runs if "tokens_per_second" in run] for name, runs in seen.items()}
        medians = {name: statistics.median(each) if each else "not measured" for name, each in speeds.items()}
        figures = {"median_tokens_per_second": medians, "ours_against": ratios(medians), "goals": GOALS}
        mean = round(statistics.fmean(tweet_lengths()), 1)
        write_result(bench, "speed", figures | {"mean_tokens_of_a_tweet_with_prompt": mean, "runs": seen})


def ratios(medians: dict[str, Any]) -> dict[str, Any]:
    """Other way → ours divided by it; "not measured" where one of the two is."""
    known = {name: speed for name, speed in medians.items() if isinstance(speed, float | int)}
    of = {name for name in GOALS if name in known and "ours" in known}
    return {name: round(known["ours"] / known[name], 3) if name in of else "not measured" for name in GOALS}

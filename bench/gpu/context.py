"""Part 1, second half: the longest context of Llama 3.1's shapes at batch 1, rank 32, in 12 GiB; each try in a fresh process.

Goal: 24,576 tokens. Published: 21,848 by Unsloth, 932 by transformers with FlashAttention 2 (Unsloth's benchmark page).
"""

from bench.gpu.shared import ASIDE, CARD, Bench, attempt, begin, llama31, model_section, training_section, write_result
from bench.gpu.steps import peaks
from tweetstyle.hardware.gpu import Card
from tweetstyle.plan.advice import largest_that_fit

GOAL, STEP, FIRST = 24_576, 1024, 16_384


def main(arguments: list[str] | None = None) -> None:
    with begin("context", arguments) as bench:
        base = llama31(bench)
        step, most = (64, 128) if bench.tiny else (STEP, 131_072)
        training = training_section(bench)
        planned = largest_that_fit(base.config, model_section(base, 32), training, Card(CARD, ASIDE)).max_length
        tried = longest(bench, step, most, step if bench.tiny else (planned or FIRST))
        fitting = [length for length, line in tried.items() if line.get("fits")]
        failing = [length for length, line in tried.items() if not line.get("fits") and "failed" not in line]
        figures = {"longest_that_fits": max(fitting, default="not measured")}
        figures |= {"shortest_that_does_not": min(failing, default="not measured")}
        write_result(bench, "context", figures | {"goal": GOAL, "planned": planned, "runs": list(tried.values())})


def longest(bench: Bench, step: int, most: int, first: int) -> dict[int, dict]:
    """Length → what was seen of it: outward from `first` until one fits and one does not, then between the two, to `step` tokens."""
    tried: dict[int, dict] = {}
    low, high, length = 0, most // step + 1, max(min(first, most) // step, 1)
    while high - low > 1 and not bench.time_is_up:
        lines = attempt(bench, peaks, r=32, settings=[{"max_length": length * step}], long=True)
        seen = lines[0] if isinstance(lines, list) else lines | {"max_length": length * step, "fits": False}
        if "fits" not in seen:  # No time was left, within the try.
            break
        tried[length * step] = seen
        if "failed" in seen:
            break
        low, high = (length, high) if seen.get("fits") else (low, length)
        open_ended = not any(not line.get("fits") for line in tried.values())
        length = min(length + max(length // 8, 1), high - 1) if open_ended else (low + high) // 2
    return tried

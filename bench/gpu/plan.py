"""Part 3: the plan's peak against the measured one, over ranks, lengths, batches and both modes of checkpointing. Goal: within 3%."""

from itertools import product

from bench.gpu.shared import attempt, begin, llama3, write_result
from bench.gpu.steps import peaks

GOAL = 0.03
RANKS, CHECKPOINTING, BATCHES = (16, 64), ("unsloth", True), (1, 2)


def main(arguments: list[str] | None = None) -> None:
    with begin("plan", arguments) as bench:
        llama3(bench)
        found = []
        for r, mode in [(16, True)] if bench.tiny else product(RANKS, CHECKPOINTING):
            each = [
                {"max_length": length, "per_device_train_batch_size": batch, "gradient_checkpointing": mode}
                for length, batch in product(bench.lengths, BATCHES[:1] if bench.tiny else BATCHES)
            ]
            lines = [change | {"r": r, "peak_bytes": "not measured"} for change in each]
            if not bench.time_is_up:
                lines = attempt(bench, peaks, r=r, settings=each)
            found += lines if isinstance(lines, list) else [lines | {"r": r, "fits": False}]
        write_result(bench, "plan", errors_of(found) | {"goal": GOAL, "runs": found})


def errors_of(runs: list[dict]) -> dict:
    """The plan's relative errors, of those runs that fitted and for which there was a plan; signed: the plan's too much is above 0."""
    off = [run["predicted_bytes"] / run["peak_bytes"] - 1 for run in runs if run.get("fits") and run.get("predicted_bytes")]
    if not off:
        return {"largest_error": "not measured", "mean_error": "not measured"}
    return {"largest_error": round(max(off, key=abs), 4), "mean_error": round(sum(map(abs, off)) / len(off), 4)}

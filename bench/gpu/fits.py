"""Part 1: does Llama 3 8B QLoRA fit 12 GiB? Peak for rank 16, 32, 64 and packs of 2,048 × batch 1 to 4."""

from bench.gpu.shared import attempt, begin, llama3, write_result
from bench.gpu.steps import peaks

RANKS, BATCHES = (16, 32, 64), (1, 2, 3, 4)


def main(arguments: list[str] | None = None) -> None:
    with begin("fits", arguments) as bench:
        llama3(bench)
        found = []
        for r in RANKS[:1] if bench.tiny else RANKS:
            each = [{"per_device_train_batch_size": batch} for batch in (BATCHES[:2] if bench.tiny else BATCHES)]
            lines = [change | {"r": r, "peak_bytes": "not measured"} for change in each]
            if not bench.time_is_up:
                lines = attempt(bench, peaks, r=r, settings=each)
            found += lines if isinstance(lines, list) else [lines | {"r": r, "fits": False}]
        write_result(bench, "fits", {"max_length": bench.length, "runs": found})

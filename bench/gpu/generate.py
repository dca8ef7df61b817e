"""Part 5: tweets written for the evaluation, in batches: tokens a second under llama.cpp's samplers."""

import time
from typing import Any

from bench.gpu.shared import Bench, attempt, begin, has_card, llama3, random_documents, write_result

BATCHES, TOKENS = (1, 16, 64, 128), 96


def main(arguments: list[str] | None = None) -> None:
    with begin("generate", arguments) as bench:
        llama3(bench)
        batches, tokens = ((1, 2), 4) if bench.tiny else (BATCHES, TOKENS)
        write_result(bench, "generate", {"prompt_tokens": 22, "runs": attempt(bench, written, batches=batches, tokens=tokens)})


def written(bench: Bench, batches: list[int], tokens: int) -> list[dict[str, Any]]:
    """The adapter over its base in 4 bits (on a CPU as it is stored), without Unsloth, as the evaluation loads them."""
    from tweetstyle.inference.clean_process import run_in_clean_process

    return run_in_clean_process(_written, bench, list(batches), tokens)


def _written(bench: Bench, batches: list[int], tokens: int) -> list[dict[str, Any]]:
    import torch

    from tweetstyle.inference.generate import generate
    from tweetstyle.inference.likelihood import load_adapter, load_model
    from tweetstyle.recipe import Sampling

    base = llama3(bench)
    model = load_adapter(load_model(base.path, "qlora" if has_card() else "lora"), bench.models / "adapter")
    prompts = [document.ids[:22] for document in random_documents(base, max(batches), 64)]
    found = []
    for batch in [batches[0], *batches]:  # The first one warms up.
        started = time.perf_counter()
        # No end token: every answer is as long as it may be.
        answers = generate(model, prompts[:batch], Sampling(num_predict=tokens), [], [(0, row) for row in range(batch)])
        seconds = time.perf_counter() - started
        peak = torch.cuda.max_memory_allocated() if has_card() else None
        count = sum(len(answer.ids) for answer in answers)
        found.append({"batch": batch, "tokens": count, "tokens_per_second": round(count / seconds, 1), "peak_bytes": peak})
    return found[1:]

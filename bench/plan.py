"""The memory plan against a training step over fake tensors, every byte counted, over a grid of settings.  python bench/plan.py

Without a card this is what can be checked: transformers, PEFT and bitsandbytes run the step at full size (an 8B of 32 layers in
4 bits too), no byte of it allocated, and tests/support/live_bytes.py counts. Unsloth's own kernels need a card: not measured here.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}

GOAL = 0.03
GRID = [
    # model, method, max_length, batch, r, checkpointing
    *(("Llama 3 8B", "qlora", length, 1, 32, True) for length in (512, 1024, 2048, 4096, 8192)),
    ("Llama 3 8B", "qlora", 2048, 4, 32, True),
    ("Llama 3 8B", "qlora", 2048, 1, 8, True),
    ("Llama 3 8B", "qlora", 2048, 1, 128, True),
    ("Llama 3 8B", "qlora", 1024, 1, 32, False),
    ("Llama 3 8B", "lora", 2048, 1, 32, True),
    ("Llama 3 8B", "full", 2048, 1, 32, True),
    *(("Llama 3.2 3B", method, 2048, 2, 32, True) for method in ("qlora", "lora", "full")),
    *(("Llama 3.2 1B", method, 1024, 1, 16, checkpointing) for method in ("qlora", "lora", "full") for checkpointing in (True, False)),
    *(("SmolLM2 135M", method, 512, 4, 16, checkpointing) for method in ("qlora", "lora", "full") for checkpointing in (True, False)),
]


UNSEEN = [
    ("SmolLM2 1.7B", "qlora", 3072, 3, 64, True),
    ("SmolLM2 1.7B", "full", 768, 2, 16, True),
    ("SmolLM2 360M", "lora", 1536, 6, 256, True),
    ("SmolLM2 360M", "full", 1024, 3, 16, False),
    ("Llama 3.2 3B", "qlora", 640, 5, 8, False),
    ("Llama 3.2 1B", "full", 4096, 2, 16, True),
    ("Llama 3.1 8B", "qlora", 16384, 1, 32, True),
    ("Llama 3.1 8B", "lora", 384, 7, 512, True),
]
"""Settings by which no formula was corrected: written down after the others agreed."""


def row(name: str, method: str, length: int, batch: int, r: int, checkpointing: bool) -> dict:
    """Bytes planned and counted: weights, adapter, gradients and what one step makes; the optimizer's states stand elsewhere."""
    from support.traced_step import TracedStep

    from tweetstyle.model.hub import known_config
    from tweetstyle.plan.memory import plan_memory
    from tweetstyle.recipe import Lora, Model, Training

    config, began = known_config(name), time.perf_counter()
    model = Model(base="x", method=method, lora=Lora(r=r))
    training = Training(max_length=length, per_device_train_batch_size=batch, gradient_checkpointing=checkpointing)
    settings = config, model, training
    counted = TracedStep(
        config, method, r=r, sixteen=method != "full", autocast=True, checkpointing=checkpointing, batch=batch, length=length
    )
    plan, unsloth = plan_memory(*settings, kernels="transformers"), plan_memory(*settings)
    planned = plan.within_a_step
    return {
        "model": name, "method": method, "max_length": length, "batch": batch, "r": r, "checkpointing": checkpointing,
        "planned_gib": round(planned / 2**30, 3), "counted_gib": round(counted.whole / 2**30, 3),
        "error": round(planned / counted.whole - 1, 4), "under_unsloth_gib": round(unsloth.within_a_step / 2**30, 3),
        "seconds": round(time.perf_counter() - began, 1),
    }  # fmt: skip


def main() -> None:
    rows = []
    for settings in (*GRID, *UNSEEN):
        rows.append(row(*settings) | {"unseen": settings in UNSEEN})
        print(json.dumps(rows[-1]), flush=True)
    errors = sorted(abs(found["error"]) for found in rows)
    unseen = max(abs(found["error"]) for found in rows if found["unseen"])
    result = {
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("torch", "transformers", "peft", "bitsandbytes")},
        "what": "one forward and backward over fake tensors on a CPU, bfloat16 autocast; transformers' own kernels. No GPU was used",
        "largest_error": errors[-1],
        "largest_error_of_unseen_settings": unseen,
        "median_error": errors[len(errors) // 2],
        "goal": GOAL,
        "rows": rows,
    }
    out = Path(__file__).parent / "results" / "plan.json"
    out.write_text(json.dumps(result, indent=1) + "\n")
    print(f"largest error {errors[-1]:.1%}, of unseen settings {unseen:.1%}, median {errors[len(errors) // 2]:.1%}: {out}")


if __name__ == "__main__":
    main()

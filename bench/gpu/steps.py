"""Peak and speed of a few real steps of ours, for the parts that measure memory."""

import tempfile
from pathlib import Path
from typing import Any

from bench.gpu.shared import Bench, attention_backend, llama3, llama31, model_section, random_documents, training_section
from tweetstyle.plan.memory import plan_memory

OFFLOADED = {"unsloth": "inputs of the layers, to RAM (gradient checkpoints)", True: "nothing", False: "nothing"}


def peaks(bench: Bench, r: int, settings: list[dict[str, Any]], long: bool = False) -> list[dict[str, Any]]:
    """One loaded model, each of `settings` (of training, one mode of checkpointing) in turn: measured and predicted.

    long: Llama 3.1's positions. What runs out of memory says so, and the next is tried.
    """
    from tweetstyle.train import trainer
    from tweetstyle.train.failures import OutOfMemory, within_memory
    from tweetstyle.train.probe import probe_of
    from tweetstyle.train.session import few_steps

    base = (llama31 if long else llama3)(bench)
    model, each = model_section(base, r), [training_section(bench, **changes) for changes in settings]
    largest = max(each, key=lambda training: training.max_length)
    loaded, tokenizer = trainer.load_model(base, model, largest)
    backend, beginning, card = attention_backend(), trainer.trained_weights(loaded), trainer.card_memory()
    documents, found = random_documents(base, 400, bench.length), []
    for changes, training in zip(settings, each, strict=True):
        if bench.time_is_up:
            found.append(changes | {"r": r, "peak_bytes": "not measured"})
            continue
        with tempfile.TemporaryDirectory() as directory:
            seen = within_memory(lambda t=training, d=directory: few_steps(loaded, tokenizer, t, documents, Path(d)))
        trainer.begin_again(loaded, beginning)
        line = changes | {"r": r, "attention": backend, "offloaded": OFFLOADED[training.gradient_checkpointing]}
        if isinstance(seen, OutOfMemory):
            predicted = plan_memory(base.config, model, training, card=card).tensors
            found.append(line | {"fits": False, "out_of_memory": seen.message, "predicted_bytes": predicted})
            continue
        probe = probe_of(seen, base, model, training, trainer.device_name(), card=card)
        line |= {"fits": True, "peak_bytes": probe.peak_bytes, "reserved_bytes": probe.reserved_bytes}
        found.append(line | {"predicted_bytes": probe.predicted_bytes, "tokens_per_second": round(probe.tokens_per_second, 1)})
    return found

"""What a probe measured on this card (model/<run>/probe.json), taken for a plan only where it was of the same settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tweetstyle.errors import TweetstyleError
from tweetstyle.memory.shape import read_shape
from tweetstyle.recipe import Model, Training

PROBE = "probe.json"
DECISIVE = ("max_length", "per_device_train_batch_size", "optim", "bf16", "gradient_checkpointing")
"""Settings of `training` that decide memory and speed."""


@dataclass(frozen=True)
class Probe:
    """tokens_per_second: real tokens, validation not counted; the bytes are those of torch's allocator; device: the card's name."""

    tokens_per_second: float
    peak_bytes: int
    predicted_bytes: int
    device: str

    @property
    def error(self) -> float:
        """(predicted − measured) / measured."""
        return self.predicted_bytes / self.peak_bytes - 1


def decisive_settings(config: Mapping[str, Any], model: Model, training: Training) -> dict[str, Any]:
    """Everything of base model and recipe on which memory and speed depend, as JSON values: what a probe is kept with."""
    shape = read_shape(config)
    lora = {} if model.method == "full" else {"r": model.lora.r, "target_modules": list(model.lora.target_modules)}
    sizes = [shape.hidden, shape.layers, shape.query, shape.key, shape.intermediate, shape.vocabulary, shape.tied]
    return {"model": sizes, "method": model.method, **lora} | {name: getattr(training, name) for name in DECISIVE}


def read_probe(run_directory: Path, settings: Mapping[str, Any]) -> Probe | None:
    """The probe of these settings; None where there is none, or it was of others. Raises TweetstyleError for a damaged file."""
    path = run_directory / PROBE
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = Probe(
            float(content["tokens_per_second"]), int(content["peak_bytes"]), int(content["predicted_bytes"]), str(content["device"])
        )
        kept = content["settings"]
    except (ValueError, KeyError, TypeError) as error:
        raise TweetstyleError("not what a probe writes", where=str(path), hint="remove it: the next run probes anew") from error
    return found if kept == dict(settings) else None

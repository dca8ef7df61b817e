"""What a probe measured on this card (model/<run>/probe.json), taken for a plan only where it was of the same settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tweetstyle.errors import TweetstyleError
from tweetstyle.recipe import Model, Training

PROBE = "probe.json"
DECISIVE = (
    "max_length", "per_device_train_batch_size", "gradient_accumulation_steps", "gradient_checkpointing", "optim", "bf16",
)  # fmt: skip
"""Settings of `training` that decide memory and speed."""


@dataclass(frozen=True)
class Probe:
    """tokens_per_second: of full packs, validation not counted; peak_bytes: the most that torch's tensors took on the card, or the
    process without one; predicted_bytes: the plan's figure for it, None without a card; device: its name; settings: what of the
    recipe it is of (decisive_settings).
    """

    tokens_per_second: float
    peak_bytes: int
    predicted_bytes: int | None
    device: str
    settings: Mapping[str, Any]

    @property
    def error(self) -> float | None:
        """(predicted − measured) / measured."""
        return None if self.predicted_bytes is None else self.predicted_bytes / self.peak_bytes - 1


def decisive_settings(base: Path, model: Model, training: Training) -> dict[str, Any]:
    """Everything of the recipe on which memory and speed depend, as JSON values: what a probe is kept with."""
    lora = None if model.method == "full" else model.lora.model_dump(mode="json")
    return {"base": base.name, "method": model.method, "lora": lora} | {name: getattr(training, name) for name in DECISIVE}


def read_probe(run_directory: Path) -> Probe | None:
    """The probe that stands, of whatever settings; None where there is none. Raises TweetstyleError for a damaged file."""
    path = run_directory / PROBE
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        predicted = content["predicted_bytes"]
        return Probe(
            float(content["tokens_per_second"]),
            int(content["peak_bytes"]),
            None if predicted is None else int(predicted),
            str(content["device"]),
            dict(content["settings"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise TweetstyleError("not what a probe writes", where=str(path), hint="remove it: the next run probes anew") from error


def other_settings(probe: Probe, settings: Mapping[str, Any]) -> list[str]:
    """What the probe was of where that is other than these: "max_length 1024"."""
    then, now = (_flat(of) for of in (probe.settings, settings))
    return [f"{name} {then.get(name)}" for name in {**now, **then} if then.get(name) != now.get(name)]


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {**{name: value for name, value in settings.items() if name != "lora"}, **(settings.get("lora") or {})}

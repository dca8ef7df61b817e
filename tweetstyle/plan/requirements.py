"""What a run needs of the machine, for the checks of doctor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tweetstyle.hardware.check import Check, fail, ok
from tweetstyle.hardware.disk import DiskUse
from tweetstyle.model.base import BaseModel
from tweetstyle.prompt.template import Template
from tweetstyle.recipe import Model, Training


@dataclass(frozen=True)
class RunRequirements:
    """Bytes. base, template: None where one of them is not whole or refused: what is planned is then by the model's shape alone.
    card: planned at the peak of a step, without what others hold; card_least: the tensors of that peak and CUDA's context alone;
    ram: what the largest part takes of the machine's memory, part → bytes. newest_tweet: seconds since 1970, where tweets have been
    prepared.
    """

    base: BaseModel | None
    template: Template | None
    model: Model
    training: Training
    parameters: int
    card: int
    card_least: int
    ram: Mapping[str, int]
    rooms: tuple[DiskUse, ...]
    files: tuple[Path, ...]
    newest_tweet: int | None = None


def check_method(config: dict[str, Any], method: str) -> Iterator[Check]:
    """A base that was saved in 4 bits is trained by qlora alone; in any other quantised form, by nothing."""
    saved = config.get("quantization_config")
    if not saved:
        return
    name, kind = "method", saved.get("quant_method", "an unknown form")
    sixteen = "name a directory with its 16-bit weights"
    nf4 = bool(saved.get("load_in_4bit")) and saved.get("bnb_4bit_quant_type") == "nf4"
    if not (nf4 and saved.get("bnb_4bit_use_double_quant")):
        kind += " NF4 without double quantisation" * nf4
        yield fail(name, f"the base model is saved quantised ({kind}): nothing can be trained over that here", sixteen, "model.base")
    elif method == "full":
        what = "the base model is saved in 4 bits, whose weights cannot be trained"
        yield fail(name, what, f"write method: qlora, or {sixteen}", "model.method")
    elif method == "lora":
        what = "the base model is saved in 4 bits, and lora needs 16"
        yield fail(name, what, f"write method: qlora, or {sixteen}", "model.method")
    else:
        yield ok(name, "qlora over a base that is saved in 4 bits: the export adds the adapter to just those")

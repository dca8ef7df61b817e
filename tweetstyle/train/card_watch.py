"""Reports what slows a run down without an error."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback

from tweetstyle.hardware import wsl

CARD_IS_FULL = (
    f"more than {wsl.FULL:.0%} of the card is taken: WSL moves what does not fit to RAM without an error, and training becomes very slow. "
    "End what else uses the card (nvidia-smi and Windows' task manager list it)"
)
PAGEABLE = (
    "the system gives Unsloth no pinned memory for the activations that it moves to RAM (WSL2 caps it): each step is slower. "
    "gradient_checkpointing: true keeps them on the card, if there is room"
)


def warnings() -> list[str]:
    """Those that hold now."""
    found = [CARD_IS_FULL] if wsl.card_is_full() else []
    unsloth = sys.modules.get("unsloth_zoo.gradient_checkpointing")
    return found if getattr(unsloth, "PINNED_MEMORY_AVAILABLE", True) else [*found, PAGEABLE]


class CardWatch(TrainerCallback):
    """Checks each log line of a training."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.said: set[str] = set()

    def on_log(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        for warning in warnings():
            if warning not in self.said:
                self.said.add(warning)
                self.say(warning)

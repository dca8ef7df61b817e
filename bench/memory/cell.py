"""One setting whose memory is counted."""

from dataclasses import dataclass, field
from typing import Any

STEPS = 2


@dataclass(frozen=True)
class Cell:
    """base: directory of a base model; card_gib: of the card; enforced: whether it refuses what it has no room for; the rest as in a
    recipe; training: further settings of its section; adapter: directory of a trained one and left: bytes that the training's process
    still holds, for what comes after the training."""

    base: str
    card_gib: float = 23.6
    enforced: bool = False
    max_length: int = 2048
    batch: int = 1
    r: int = 32
    method: str = "qlora"
    training: dict[str, Any] = field(default_factory=dict)
    adapter: str = ""
    left: int = 0

    def loads(self) -> tuple:
        """What decides how the model is loaded. By card and length Unsloth keeps the embeddings in RAM; a large card has room for all."""
        return self.base, self.method, self.r, self.card_gib, self.enforced and self.max_length, self.training.get("gradient_checkpointing")

    @property
    def model(self) -> Any:
        from tweetstyle.recipe import Lora, Model

        return Model(base=self.base, method=self.method, lora=Lora(r=self.r))

    @property
    def settings(self) -> Any:
        from tweetstyle.recipe import Training

        here = {"max_length": self.max_length, "per_device_train_batch_size": self.batch, "gradient_accumulation_steps": 2}
        return Training(**here, max_steps=STEPS, **self.training)

"""A run's metrics as TensorBoard's event files, under the names of transformers' Trainer."""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter
from transformers.integrations.integration_utils import rewrite_logs

from tweetstyle.files import clear_os_errors

AS_THE_TRAINER = {"tokens": "num_input_tokens_seen", "copied_share": "eval_copied_share"}
"""Name in metrics.jsonl → the Trainer's, or one among its eval_ names."""
SHOWN = ("loss", "grad_norm", "learning_rate", "epoch", "num_input_tokens_seen", "eval_loss", "eval_bits_per_byte", "eval_copied_share")


class EventFiles:
    """The event files of a directory: the same lines as metrics.jsonl, also after a resume.

    They are written again from its beginning where lines are taken back: what a reader has seen is replaced.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._writer: SummaryWriter | None = None
        self._clock = 0.0

    def replace(self, lines: Sequence[dict[str, Any]]) -> None:
        if self._writer:
            self._writer.close()
        # As if the training had run without a pause until now.
        self._clock = time.time() - sum(line["seconds"] for line in lines)
        with clear_os_errors(self.directory):
            shutil.rmtree(self.directory, ignore_errors=True)
            self._writer = SummaryWriter(str(self.directory))
        for line in lines:
            self.add(line)

    def add(self, line: dict[str, Any]) -> None:
        self._clock += line["seconds"]
        named = {AS_THE_TRAINER.get(name, name): value for name, value in line.items()}
        for name, value in rewrite_logs({name: named[name] for name in SHOWN if name in named}).items():
            self._writer.add_scalar(name, value, line["step"], walltime=self._clock)
        self._writer.flush()

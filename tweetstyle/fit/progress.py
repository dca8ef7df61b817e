"""The progress bar of a training run: step, loss, real tokens a second, time left, validation bits per byte."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class TrainingProgress:
    """A bar on `screen`. Where that is no terminal, one line for each validation."""

    def __init__(self, screen: TextIO) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        # A step may take minutes on a small machine: the speed is that of the last hour, not of rich's 30 seconds.
        # Twice a second is enough for a step that takes one or more; each refresh holds up the training's threads.
        self._bar = Progress(
            *columns,
            console=Console(file=screen),
            refresh_per_second=2,
            speed_estimate_period=3600,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._bar.add_task("starting", total=None, figures="")
        self._validated = ""

    def __enter__(self) -> TrainingProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def phase(self, text: str) -> None:
        """What goes on while there is nothing to count."""
        self._bar.update(self._task, description=text)

    def say(self, text: str) -> None:
        self._bar.console.print(text, highlight=False, soft_wrap=True)

    def begin(self, done: int, total: int) -> None:
        self._bar.reset(self._task, total=total, completed=done, description="training", figures="")

    def step(self, step: int, loss: float, tokens_per_second: float) -> None:
        figures = f"loss {loss:.3f}  {tokens_per_second:,.0f} tokens/s{self._validated}"
        self._bar.update(self._task, completed=step, description="training", figures=figures)

    def validated(self, step: int, bits_per_byte: float, *, best: bool) -> None:
        self._validated = f"  {bits_per_byte:.4f} bits/byte"
        self.say(f"step {step}: {bits_per_byte:.4f} bits per byte on the validation tweets{', the best so far' if best else ''}")

"""The progress display of a training. Imports no transformers."""

from __future__ import annotations

from tweetstyle.progress import Bar


class TrainingProgress(Bar):
    """A bar on a screen that is not sys.stderr: the libraries' output is redirected to a file while it is shown."""

    def start(self, done: int, total: int) -> None:
        """`done` of `total` steps are done."""
        self.begin(done, total, "training")

    def step(self, step: int, loss: float, tokens_per_second: float) -> None:
        self.phase("training", f"loss {loss:.3f}", f"{tokens_per_second:,.0f} tokens/s")
        self.reach(step)

    def validated(self, step: int, bits_per_byte: float, *, best: bool) -> None:
        self.say(f"step {step}: {bits_per_byte:.4f} bits per byte on the validation tweets{', the best so far' if best else ''}")

    def stopped_early(self, step: int, planned: int, validations: int) -> None:
        """`validations` without a better one ended the run (early_stopping_patience)."""
        since = "the last validation was" if validations == 1 else f"the last {validations} validations were"
        self.say(f"early stopping at step {step:,} of {planned:,}: {since} no better than the best one before")

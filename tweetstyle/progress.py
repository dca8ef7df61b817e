"""Progress bars: done, total, time elapsed and remaining."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tweetstyle.console import size, wrapped

BAR_WIDTHS = (24, 16, 8)
"""Columns of the bar, the widest that fits; without room for the last there is none."""
SHORTEST_DESCRIPTION = 6
"""Columns; a description that would be cut to fewer is left out."""
BYTES = "B"
"""The unit that is shown in KiB, MiB and GiB."""


class _Screen(Console):
    """A console that never hides the cursor: a program that is killed would leave the terminal without one."""

    def show_cursor(self, show: bool = True) -> bool:
        return False


class Bar:
    """One progress line on `stream` (default: standard error), shown from `delay` seconds on; use as a context manager.

    total: of what `advance` counts, in `unit`; None where it is not known, and then only the time elapsed is shown. loading: what is
    done before the first call of `advance`, where that takes long.
    """

    def __init__(
        self,
        description: str,
        total: int | None = None,
        unit: str = "",
        *,
        loading: str = "",
        delay: float = 0.0,
        stream: TextIO | None = None,
    ) -> None:
        self.description, self.figures = loading or description, ()
        self._loading, self._counted = loading, description
        self._unit, self._delay, self._stream = unit, delay, stream or sys.stderr
        self._console = _Screen(file=self._stream)
        terminal = self._stream.isatty() and self._console.is_terminal and not self._console.is_dumb_terminal
        # A step may take minutes; each redrawing holds up the training's threads, and twice a second is enough for a clock.
        own = self._stream is sys.stderr
        options = {"refresh_per_second": 2, "transient": True, "redirect_stdout": False, "redirect_stderr": own}
        self._live = Live(self, console=self._console, **options) if terminal else None
        self._shown = False
        self._logged: set[str] = set()
        self._restart(0, total)

    def __enter__(self) -> Bar:
        self._restart(self._done, self._total)
        self._show_if_due()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def begin(self, done: int, total: int, description: str) -> None:
        """Starts counting: `done` of `total` are done from an earlier run. The clock starts again."""
        self._restart(done, total)
        self._counting_from = self._began, done
        self.phase(description)

    def advance(self, count: int = 1) -> None:
        """`count` more are done. The first call starts the estimate of the time remaining: loading a model is not part of it."""
        now = time.monotonic()
        self._done += count
        if self._counting_from is None:
            self._counting_from = now, self._done
            if self._loading:
                self.phase(self._counted)
        else:
            self._estimate(now)
        self._show_if_due()

    def reach(self, done: int) -> None:
        """`done` are done, of all."""
        self.advance(done - self._done)

    def phase(self, description: str, *figures: str) -> None:
        """What is being done now, and figures of it, which are left out from the last one on where the line is too narrow."""
        self.description, self.figures = description, figures
        self._log()

    def say(self, text: str) -> None:
        """A line above the bar, which stays."""
        lines = wrapped(text, self._console.width) if self._live else text
        self._console.print(lines, markup=False, highlight=False, soft_wrap=True)

    def _restart(self, done: int, total: int | None) -> None:
        self._done, self._total, self._began = done, total, time.monotonic()
        self._counting_from: tuple[float, int] | None = None
        self._ends_at: float | None = None

    def _estimate(self, now: float) -> None:
        began, before = self._counting_from
        if self._total and self._done > before:
            self._ends_at = now + (now - began) * (self._total - self._done) / (self._done - before)

    def _show_if_due(self) -> None:
        if not self._shown and time.monotonic() - self._began >= self._delay:
            self._shown = True
            if self._live:
                self._live.start(refresh=True)
            self._log()

    def _log(self) -> None:
        """Where there is no terminal, each phase once."""
        if self._shown and not self._live and self.description not in self._logged:
            self._logged.add(self.description)
            print(self.description, file=self._stream, flush=True)

    # -- the line -------------------------------------------------------------------------------------------

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The bar goes first where the line is too narrow, then the description, then figures; what is shown is never cut."""
        width = options.max_width
        numbers = [*self._count(), *self.figures, self._times()]
        while len(numbers) > 1 and cell_len("  ".join(numbers)) > width:
            numbers.pop(-2)
        shown = "  ".join(numbers)
        description, left = self.description, width - cell_len(shown) - 2
        if cell_len(description) > left:
            description = _shortened(description, left, "..." if options.ascii_only else "…")
        left -= cell_len(description) + 2
        bar = next((columns for columns in BAR_WIDTHS if columns <= left), None)
        cells: list[Any] = [Text(description)] if description else []
        if bar:
            cells.append(ProgressBar(self._total or 100, self._done, width=bar, pulse=not self._total))
        line = Table.grid(padding=(0, 2), pad_edge=False)
        for _ in (*cells, shown):
            line.add_column(no_wrap=True)
        line.add_row(*cells, Text(shown))
        yield line

    def _count(self) -> list[str]:
        if not self._total:
            return []
        if self._unit == BYTES:
            return [f"{size(self._done)} of {size(self._total)}"]
        return [f"{self._done:,}/{self._total:,} {self._unit}".rstrip()]

    def _times(self) -> str:
        now = time.monotonic()
        elapsed = f"elapsed {clock(now - self._began)}"
        left = None if self._ends_at is None else max(0.0, self._ends_at - now)
        # An estimate that has run out, as while a validation holds the training up, says nothing more.
        return elapsed if left is None or (not left and self._done < self._total) else f"{elapsed}, remaining {clock(left)}"


def _shortened(text: str, columns: int, mark: str) -> str:
    if columns < SHORTEST_DESCRIPTION:
        return ""
    return set_cell_size(text, columns - cell_len(mark)).rstrip() + mark


def clock(seconds: float) -> str:
    """h:mm:ss"""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


SILENT_FOR = 2.0
"""Seconds."""


class Progress:
    """Bars that appear once two seconds have passed since it was made, over all of its phases."""

    def __init__(self) -> None:
        self._shown_from = time.monotonic() + SILENT_FOR

    def _bar(self, phase: str, total: int | None, unit: str = "") -> Bar:

        return Bar(phase, total, unit, delay=max(0.0, self._shown_from - time.monotonic()))

    def over(self, items: Collection, phase: str, unit: str = "tweets") -> Iterator:
        """The items of a sized iterable, counted."""
        with self._bar(phase, len(items), unit) as bar:
            for item in items:
                yield item
                bar.advance()

    @contextmanager
    def of_bytes(self, total: int, phase: str) -> Iterable[Callable[[int], object]]:
        """Gives a function that is called with the number of bytes just read."""
        with self._bar(phase, total, "B") as bar:
            yield bar.advance

    @contextmanager
    def named(self, phase: str) -> Iterable[Callable[[str], object]]:
        """Gives a function that is called with the name of what begins now."""
        with self._bar(phase, None) as bar:

            def begin(name: str) -> None:
                bar.phase(name)
                bar.advance(0)

            yield begin


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

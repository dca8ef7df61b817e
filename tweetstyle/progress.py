"""Progress bars: done, total, time elapsed and remaining."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Iterator
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from tweetstyle.console import size, wrapped
from tweetstyle.locale import _, localised

BAR_WIDTH = 16
"""Columns."""
BYTES = "B"
"""The unit that is shown in KiB, MiB and GiB."""
SILENT_FOR = 2.0
"""Seconds before the bar of something that is usually short."""


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
        self._after_loading = description if loading else ""
        self._unit, self._delay, self._stream = unit, delay, stream or sys.stderr
        self._console = _Screen(file=self._stream)
        # A step may take minutes; each redrawing holds up the training's threads, and twice a second is enough for a clock.
        options = {"refresh_per_second": 2, "transient": True, "redirect_stdout": False, "redirect_stderr": self._stream is sys.stderr}
        terminal = self._stream.isatty() and not self._console.is_dumb_terminal
        self._live = Live(self, console=self._console, **options) if terminal else None
        self._shown, self._logged = False, set()
        self._restart(0, total)

    def __enter__(self) -> Bar:
        self._restart(self._done, self._total)
        self._show_if_due()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def advance(self, count: int = 1) -> None:
        """`count` more are done. The first call starts the estimate of the time remaining: loading a model is not part of it."""
        now = time.monotonic()
        self._done += count
        if self._counting_from is None:
            self._counting_from = now, self._done
            if self._after_loading:
                self.phase(self._after_loading)
        elif self._total and (counted := self._done - self._counting_from[1]):
            self._ends_at = now + (now - self._counting_from[0]) * (self._total - self._done) / counted
        self._show_if_due()

    def phase(self, description: str, *figures: str) -> None:
        """What is being done now, and figures of it, which are left out from the last one on where the line is too narrow."""
        self.description, self.figures = description, figures
        self._show_if_due()
        self._log()

    def say(self, text: str) -> None:
        """A line above the bar, which stays."""
        lines = wrapped(text, self._console.width) if self._live else text
        self._console.print(lines, markup=False, highlight=False, soft_wrap=True)

    def _restart(self, done: int, total: int | None) -> None:
        self._done, self._total, self._began = done, total, time.monotonic()
        self._counting_from: tuple[float, int] | None = None
        self._ends_at: float | None = None

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
        cells = {"description": self.description}
        if self._total:
            cells["bar"] = ("━" * (BAR_WIDTH * self._done // self._total)).ljust(BAR_WIDTH)
            amounts = _("{done} of {total}", done=size(self._done), total=size(self._total)) if self._unit == BYTES else ""
            cells["count"] = amounts or f"{localised(f'{self._done:,}/{self._total:,}')} {self._unit}".rstrip()
        cells |= dict(enumerate(self.figures)) | {"times": self._times()}
        for name in ("bar", "description", *reversed(range(len(self.figures)))):
            if cell_len("  ".join(cells.values())) > options.max_width:
                cells.pop(name, None)
        yield Text("  ".join(cells.values()), no_wrap=True, overflow="ignore")

    def _times(self) -> str:
        now = time.monotonic()
        elapsed = clock(now - self._began)
        left = None if self._ends_at is None else max(0.0, self._ends_at - now)
        # An estimate that has run out, as while a validation holds the training up, says nothing more.
        if left is None or (not left and self._done < self._total):
            return _("elapsed {elapsed}", elapsed=elapsed)
        return _("elapsed {elapsed}, remaining {remaining}", elapsed=elapsed, remaining=clock(left))


def clock(seconds: float) -> str:
    """h:mm:ss"""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def with_progress(tweets: Collection, description: str) -> Iterator:
    """The tweets, counted by a bar."""
    with Bar(description, len(tweets), "tweets", delay=SILENT_FOR) as bar:
        for tweet in tweets:
            yield tweet
            bar.advance()


class TrainingProgress(Bar):
    """A bar on a screen that is not sys.stderr: the libraries' output is redirected to a file while it is shown."""

    def start(self, done: int, total: int) -> None:
        """`done` of `total` steps are done from an earlier session. The clock starts again."""
        self._restart(done, total)
        self._counting_from = self._began, done
        self.phase(_("training"))

    def step(self, step: int, loss: float, tokens_per_second: float) -> None:
        self.phase(_("training"), _("loss {loss:.3f}", loss=loss), _("{speed:,.0f} tokens/s", speed=tokens_per_second))
        self.advance(step - self._done)

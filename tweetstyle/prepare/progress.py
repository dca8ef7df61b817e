"""Progress of what reads and sorts an archive: a bar for each phase, once it has taken more than two seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tweetstyle.progress import Bar

SILENT_FOR = 2.0
"""Seconds."""


class Progress:
    """Bars that appear once two seconds have passed since it was made, over all of its phases."""

    def __init__(self) -> None:
        self._shown_from = time.monotonic() + SILENT_FOR

    def _bar(self, phase: str, total: int | None, unit: str = "") -> Bar:
        from tweetstyle.progress import Bar

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

"""A progress bar on the terminal, for what takes more than two seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import contextmanager

SILENT_FOR = 2.0
"""Seconds."""


class Progress:
    """Bars that appear once two seconds have passed since it was made, over all of its phases; none where stderr is no terminal."""

    def __init__(self) -> None:
        self._shown_from = time.monotonic() + SILENT_FOR

    def _bar(self, **options):
        from tqdm import tqdm

        delay = max(1e-3, self._shown_from - time.monotonic())
        return tqdm(file=sys.stderr, disable=None, delay=delay, leave=False, **options)

    def over(self, items: Collection, phase: str, unit: str = " tweets") -> Iterable:
        """The items of a sized iterable, counted."""
        return self._bar(iterable=items, desc=phase, unit=unit)

    @contextmanager
    def of_bytes(self, total: int, phase: str) -> Iterable[Callable[[int], object]]:
        """Gives a function to be told of the bytes just read."""
        with self._bar(total=total, desc=phase, unit="B", unit_scale=True) as bar:
            yield bar.update

    @contextmanager
    def named(self, total: int, phase: str) -> Iterable[Callable[[str], object]]:
        """Gives a function to be told what begins now, `total` times."""
        with self._bar(total=total, desc=phase, bar_format="{desc} {bar:20} {elapsed}") as bar:

            def begin(name: str) -> None:
                bar.set_description(name)
                bar.update()

            yield begin

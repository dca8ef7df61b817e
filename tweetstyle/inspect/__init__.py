"""`tweetstyle inspect`: what an archive holds, and a recipe to start from."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tweetstyle.cleaning.normalise import normalise
from tweetstyle.console import bar, counted, percent
from tweetstyle.files import complete_file
from tweetstyle.hardware.gpu import WITHOUT_CARD, observe_card
from tweetstyle.inspect.starting_recipe import TARGET, check_target, recipe_text
from tweetstyle.inspect.summary import Inventory, take_inventory
from tweetstyle.records import SourceTweet
from tweetstyle.text.languages import LANGUAGES
from tweetstyle.text.visible import visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

BAR = 30
LONGEST_SAMPLE = 280
"""Characters of a sample that are shown."""


def inspect(paths: Sequence[Path], console: Console, target: Path | None = None, separator: str | None = None) -> None:
    """Shows what is in the archive; writes the recipe to `target`, or shows it too.

    Raises TweetstyleError for what cannot be read, and before that for a target that is there already.
    """
    if target:
        check_target(target)
    found = take_inventory(paths, separator)
    text = recipe_text(paths, found.likely_kept, found.likely, separator, target or TARGET)
    show(found, console)
    if not observe_card(os.environ).cards:
        recipe = target or "the recipe"
        what = f"There is no NVIDIA card here, and {recipe} is for one. To train without a card, write in it: {WITHOUT_CARD}"
        _print(console, f"\n{what}", "yellow", wrap=True)
    if target:
        with complete_file(target) as stream:
            stream.write(text)
        _print(console, f"\nwritten: {target}. Set prompt.style in it, then: tweetstyle-fit {target} --dry-run")
    else:
        _print(console, f"\na recipe to start from (--write-recipe {TARGET} writes it)", "bold")
        _print(console, text)


def show(found: Inventory, console: Console) -> None:
    """Kinds, period, years, what the tweets are, languages, notices and samples."""
    for source in found.found:
        _print(console, f"{source.path}: {source.kind}, {counted(source.count, 'tweet')}", "bold")
    if found.period[0]:
        _print(console, f"from {found.period[0]} to {found.period[1]} (UTC)")
    years: Counter[str] = Counter()
    for month, count in found.months.items():
        years[month[:4] or "no date"] += count
    console.print(_bars(years, found.tweets))
    console.print(_bars(found.shares, found.tweets))
    for line in _remarks(found):
        _print(console, line, wrap=True)
    for notice in found.notices:
        _print(console, f"note: {notice}", "yellow")
    _print(console, f"\n{counted(len(found.samples), 'tweet')}, drawn at random", "bold")
    console.print(_samples(found.samples))


def _samples(tweets: Iterable[SourceTweet]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for tweet in tweets:
        text = normalise(tweet.text)
        text = text if len(text) <= LONGEST_SAMPLE else text[:LONGEST_SAMPLE] + " […]"
        table.add_row(tweet.created_at[:10] or "no date", Text(visible(text.replace("\n", " ⏎ "))))
    return table


def _bars(rows: dict[str, int], whole: int) -> Table:
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 1))
    for justify in ("left", "right", "right", "left"):
        table.add_column(justify=justify, no_wrap=True)
    for name, count in rows.items():
        table.add_row(name, f"{count:,}", percent(count / whole), bar(count / whole, BAR))
    return table


def _remarks(found: Inventory) -> Iterable[str]:
    sample = sum(found.languages.values())
    of_all = "" if sample == found.tweets else f" (of {sample:,} tweets drawn at random)"
    names = {code: LANGUAGES.get(code, code) if code else "too short or uncertain" for code in found.languages}
    yield f"languages{of_all}: " + ", ".join(f"{names[code]} {percent(count / sample)}" for code, count in found.languages.items())
    if found.repeated or found.edits:
        yield f"left out: {counted(found.repeated, 'repeated id')}, {counted(found.edits, 'earlier edit')}"
    reasons = ", ".join(f"{reason} {percent(count / found.tweets)}" for reason, count in found.dropped.items())
    yield f"the rules for single tweets would drop: {reasons or 'nothing'}"
    yield f"left for the rules on the whole archive (automatic posts, duplicates): about {found.likely_kept:,}"


def _print(console: Console, text: str, style: str = "", wrap: bool = False) -> None:
    """As it is: no markup, nothing highlighted, and nothing in it steers the terminal. wrap: between words, not where a line ends."""
    console.print(visible(text), style=style or None, markup=False, highlight=False, emoji=False, soft_wrap=not wrap)

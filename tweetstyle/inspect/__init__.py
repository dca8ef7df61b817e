"""`tweetstyle inspect`: what an archive holds, and a recipe to start from."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tweetstyle.cleaning.normalise import normalise
from tweetstyle.console import bar, percent, say
from tweetstyle.files import complete_file
from tweetstyle.hardware.gpu import WITHOUT_CARD, observe_card
from tweetstyle.inspect.starting_recipe import TARGET, check_target, recipe_text
from tweetstyle.inspect.summary import Inventory, take_inventory
from tweetstyle.locale import _, _n, localised
from tweetstyle.records import SourceTweet
from tweetstyle.sources import AuthorUnknown
from tweetstyle.sources.chat import MOST_NAMES
from tweetstyle.text.visible import visible
from tweetstyle.wording.words import by_name

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

BAR = 30
LONGEST_SAMPLE = 280
"""Characters of a sample that are shown."""


def inspect(
    paths: Sequence[Path], console: Console, target: Path | None = None, separator: str | None = None, author: Sequence[str] = ()
) -> None:
    """Shows what is in the archive; writes the recipe to `target`, or shows it too.

    Raises TweetstyleError for what cannot be read, for a chat of which no name is the author's, after showing the names, and before
    that for a target that is there already.
    """
    if target:
        check_target(target)
    try:
        found = take_inventory(paths, separator, author)
    except AuthorUnknown as unknown:
        _show_names(unknown.names, console)
        raise
    further = {"separator": separator, "author": list(author)}
    text = recipe_text(paths, found.likely_kept, found.likely, further, target or TARGET, found.main_language)
    show(found, console)
    if not observe_card(os.environ).cards:
        what = _(
            "The recipe is for an NVIDIA card; there is none here. To train without a card, write in it: {settings}",
            settings=_(WITHOUT_CARD),
        )
        _print("\n" + what, fg="yellow")
    if target:
        with complete_file(target) as stream:
            stream.write(text)
        _print("\n" + _("written: {file}. Set prompt.style in it, then: tweetstyle-fit {file} --dry-run", file=target))
    else:
        _print("\n" + _("a recipe to start from (--write-recipe {file} writes it)", file=TARGET), bold=True)
        _print(text, wrap=False)


def show(found: Inventory, console: Console) -> None:
    """Kinds, period, years, what the tweets are, languages, notices and samples."""
    for source in found.found:
        tweets = _n("{count:,} tweet", "{count:,} tweets", source.count)
        _print(f"{source.path}: {_(source.kind)}, {tweets}", bold=True)
        _show_names(source.names, console)
    if found.period[0]:
        _print(_("from {first} to {last} (UTC)", first=found.period[0], last=found.period[1]))
    years: Counter[str] = Counter()
    for month, count in found.months.items():
        years[month[:4] or _("no date")] += count
    console.print(_bars(years, found.tweets))
    console.print(_bars({_(name): count for name, count in found.shares.items()}, found.tweets))
    for line in _remarks(found):
        _print(line)
    for notice in found.notices:
        _print(_("note: {text}", text=_(notice)), fg="yellow")
    drawn = _n("{count} tweet, drawn at random", "{count} tweets, drawn at random", len(found.samples))
    _print("\n" + drawn, bold=True)
    console.print(_samples(found.samples))


def _show_names(names: dict[str, int], console: Console) -> None:
    """Who wrote how many messages of a chat."""
    from rich.markup import escape

    if names:
        first = dict(list(names.items())[:MOST_NAMES])
        console.print(_bars({escape(visible(name)): count for name, count in first.items()}, sum(names.values())))
        if more := len(names) - len(first):
            _print(_n("and {count:,} more", "and {count:,} more", more))


def _samples(tweets: Iterable[SourceTweet]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for tweet in tweets:
        text = normalise(tweet.text)
        text = text if len(text) <= LONGEST_SAMPLE else text[:LONGEST_SAMPLE] + " […]"
        table.add_row(tweet.created_at[:10] or _("no date"), Text(visible(text.replace("\n", " ⏎ "))))
    return table


def _bars(rows: dict[str, int], whole: int) -> Table:
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 1))
    for justify in ("left", "right", "right", "left"):
        table.add_column(justify=justify, no_wrap=True)
    for name, count in rows.items():
        table.add_row(name, localised(f"{count:,}"), percent(count / whole), bar(count / whole, BAR))
    return table


def _remarks(found: Inventory) -> Iterable[str]:
    sample = sum(found.languages.values())
    names = {code: by_name("languages", code) if code else _("too short or uncertain") for code in found.languages}
    shares = ", ".join(f"{names[code]} {percent(count / sample)}" for code, count in found.languages.items())
    if sample == found.tweets:
        yield _("languages: {shares}", shares=shares)
    else:
        yield _("languages (of {count:,} tweets drawn at random): {shares}", count=sample, shares=shares)
    if found.repeated or found.edits:
        yield _("left out: repeated ids {repeated:,}, earlier edits {edits:,}", repeated=found.repeated, edits=found.edits)
    reasons = ", ".join(f"{by_name('reasons', reason)} {percent(count / found.tweets)}" for reason, count in found.dropped.items())
    yield _("the rules for single tweets drop: {reasons}", reasons=reasons or _("nothing"))
    yield _("left for the rules on the whole archive (automatic posts, duplicates): about {count:,}", count=found.likely_kept)


def _print(text: str, **style: Any) -> None:
    """On standard output; nothing in it steers the terminal."""
    say(visible(text), err=False, **style)

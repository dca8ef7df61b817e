"""What prepare did, for the terminal, and the setting behind each reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tweetstyle.console import bar, counted, percent
from tweetstyle.records import SPLITS, Dropped, Tweet
from tweetstyle.text.visible import visible

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, Group
    from rich.measure import Measurement
    from rich.table import Table

BAR, NARROWEST_BAR = 24, 8
"""Characters of the longest bar, and the same on a narrow terminal."""
IN_THE_PROMPT = {"topic": "prompt names a topic", "first-words": "prompt begins it"}
"""prompt.message → what `with_topic` counts, in words; with playback no prompt is written yet."""


@dataclass(frozen=True)
class Prepared:
    """What was read, kept and dropped. All counts are of tweets unless they say otherwise; days and months are UTC.

    dropped: rule → count, in the order of the rules; splits: name → count; with_topic: kept tweets whose prompt names a subject,
    or by `message` (the recipe's prompt.message) holds the tweet's first words;
    first_day, last_day: of the kept tweets, empty where none has a date; sources: (path, kind in words, tweets read);
    notices: from the sources; warnings: from the split; scrubbed: kind → placeholders put in; leak: held-out tweets with a
    near-duplicate in another split; threads, twin_clusters: groups kept whole in one split; months: "2021-03" → (read, kept), undated
    under ""; lengths: lower end of a bin of 20 characters → kept; languages: ISO 639-1 or "" for uncertain → kept; samples:
    reason → a few of its dropped tweets; kept_samples: a few of the kept ones; split_days: split → first and last day of its tweets.
    """

    read: int
    kept: int
    dropped: dict[str, int]
    splits: dict[str, int]
    with_topic: int
    first_day: str
    last_day: str
    outputs: list[Path]
    sources: list[tuple[str, str, int]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    scrubbed: dict[str, int] = field(default_factory=dict)
    leak: int = 0
    threads: int = 0
    twin_clusters: int = 0
    months: dict[str, tuple[int, int]] = field(default_factory=dict)
    lengths: dict[int, int] = field(default_factory=dict)
    languages: dict[str, int] = field(default_factory=dict)
    samples: dict[str, list[Dropped]] = field(default_factory=dict)
    kept_samples: list[Tweet] = field(default_factory=list)
    split_days: dict[str, tuple[str, str]] = field(default_factory=dict)
    message: str = "topic"


def funnel(prepared: Prepared) -> Group:
    """For a rich console: the funnel as a table with a bar in each row, and what the sources and the split have to say below it."""
    from rich.console import Group
    from rich.text import Text

    lines = [Text(line, style=style) for line, style in _remarks(prepared)]
    return Group(_table(prepared), *lines)


def _table(prepared: Prepared) -> Table:
    from rich.table import Table

    period = f" from {prepared.first_day} to {prepared.last_day}" if prepared.first_day else ""
    table = Table(title=f"Tweets{period}", title_justify="left")
    table.add_column("")
    table.add_column("tweets", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    table.add_column("", min_width=NARROWEST_BAR)

    def add(name: str, count: int, of: int, style: str | None = None) -> None:
        share = abs(count) / of if of else 0.0
        shown = percent(share) if of else ""
        if count < 0 and not shown.startswith("<"):
            shown = f"-{shown}"
        table.add_row(name, f"{count:,}", shown, _ShareBar(share), style=style)

    add("read", prepared.read, prepared.read, "bold")
    for rule, count in prepared.dropped.items():
        if count:
            add(f"  {rule}", -count, prepared.read)
    add("kept", prepared.kept, prepared.read, "bold")
    table.add_section()
    for split in SPLITS:
        # mini-train is a part of train.
        add(f"    {split}" if split == "mini-train" else f"  {split}", prepared.splits[split], prepared.kept)
    if prepared.message in IN_THE_PROMPT:
        add(IN_THE_PROMPT[prepared.message], prepared.with_topic, prepared.kept)
    return table


@dataclass(frozen=True)
class _ShareBar:
    """A share as a bar, as wide as a table's column allows."""

    share: float

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[str]:
        yield bar(self.share, options.max_width)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        from rich.measure import Measurement

        return Measurement(NARROWEST_BAR, BAR)


def _remarks(prepared: Prepared) -> Iterator[tuple[str, str]]:
    """(line, style) of what the table does not hold."""
    if any(prepared.scrubbed.values()):
        counts = ", ".join(f"{kind} {count:,}" for kind, count in prepared.scrubbed.items() if count)
        yield f"placeholders for personal data and names: {counts}", ""
    if prepared.threads or prepared.twin_clusters:
        groups = [(prepared.threads, "thread"), (prepared.twin_clusters, "group of near-duplicates", "groups of near-duplicates")]
        named = " and ".join(counted(*group) for group in groups if group[0])
        yield f"whole in one split: {named}", ""
    if prepared.leak:
        yield f"leak: {counted(prepared.leak, 'held-out tweet')} with a near-duplicate in another split", "bold red"
    else:
        yield "leak between the splits: 0 (no held-out tweet has a near-duplicate in another split)", ""
    for warning in prepared.warnings:
        yield f"warning: {visible(warning)}", "yellow"
    for notice in prepared.notices:
        yield f"note: {visible(notice)}", ""


class Explained(NamedTuple):
    """meaning: one sentence; settings: keys under `data:`, none for what is never a matter of taste; advice: what to write there."""

    meaning: str
    settings: tuple[str, ...]
    advice: str


REASONS: dict[str, Explained] = {
    "duplicate id": Explained(
        "A tweet with the same number was read before: the same tweet, found twice in the archive or in two of them.",
        (),
        "Always dropped; the first one is the one that counts.",
    ),
    "earlier edit": Explained(
        "The tweet was edited afterwards. Only its last version counts.",
        (),
        "Always dropped.",
    ),
    "outside the period": Explained(
        "Written before the first or after the last day of the period.",
        ("since", "until"),
        "Move the days, or take them out to keep the whole period. With a period, tweets without a date are outside of it.",
    ),
    "retweet": Explained(
        "Someone else's words: a retweet, or a tweet that repeats one by hand (“RT @name …”, “@name: …”).",
        ("retweets",),
        "Write keep to learn from them all the same.",
    ),
    "automatic post": Explained(
        "Written by an app in the author's name: “I just posted a photo”, daily statistics, or the same template again and again.",
        ("automatic_posts", "automatic_repeats"),
        "Write keep, or raise the number of repeats from which a template counts as automatic.",
    ),
    "media only": Explained(
        "A picture or a video without any words: there is nothing to learn from.",
        ("media_only", "links"),
        "Write keep, and placeholder for the links, to learn that the author posts bare pictures.",
    ),
    "link only": Explained(
        "A link without any words: there is nothing to learn from.",
        ("link_only", "links"),
        "Write keep to learn from bare links to other sites; X's own short links also need placeholder for the links.",
    ),
    "stock reply": Explained(
        "“Bonjour”, “Merci !” and the like: nothing but a greeting, thanks or a wish, which anybody would write so.",
        ("stock_replies", "stock_replies_cap"),
        "Write keep for all of them, or cap to keep a few.",
    ),
    "too short": Explained(
        "Fewer characters than the minimum; links and the @names before a reply do not count.",
        ("min_characters",),
        "Lower it to keep shorter tweets.",
    ),
    "other language": Explained(
        "Certainly in a language other than those chosen. Short or uncertain tweets are never dropped for this.",
        ("languages", "likely_languages", "language_confidence"),
        "Add the language, or empty the list to keep all.",
    ),
    "duplicate": Explained(
        "The same text as an earlier tweet that was kept.",
        ("duplicates",),
        "Write keep to learn from every repetition.",
    ),
    "near duplicate": Explained(
        "Almost the same text as an earlier tweet that was kept.",
        ("near_duplicate_jaccard", "duplicates"),
        "Raise the similarity from which two tweets count as near-duplicates (1: only the same text), or write keep.",
    ),
}
"""Name of the reason → what it means."""

UNKNOWN = Explained("", (), "")


def explained(reason: str) -> Explained:
    """What a reason means; empty for one that this table does not have."""
    return REASONS.get(reason, UNKNOWN)

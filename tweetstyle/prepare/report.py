"""What prepare read, dropped and kept: its figures, on the terminal and in report.html."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, TypeVar

from tweetstyle.cleaning.archive_rules import AUTOMATIC, DUPLICATE, NEAR_DUPLICATE, Candidate, counts
from tweetstyle.cleaning.clean import TOO_SHORT, Cleaned
from tweetstyle.cleaning.scrub import scrub
from tweetstyle.console import percent
from tweetstyle.locale import N_, Later, _, _n, in_language, later, localised
from tweetstyle.pages.charts import Column, column_chart, funnel_chart, row_chart, thinned
from tweetstyle.pages.render import render
from tweetstyle.prepare.split import warnings
from tweetstyle.records import SPLITS, Dropped, SourceTweet, Tweet, seeded_bytes
from tweetstyle.text.visible import visible
from tweetstyle.wording.words import Say, by_name

if TYPE_CHECKING:
    from rich.console import Group

    from tweetstyle.recipe import Data
    from tweetstyle.sources import Archive

IN_THE_PROMPT = {"topic": N_("with a subject in the prompt"), "first-words": N_("with its first words in the prompt")}
"""prompt.message → what `with_topic` counts, in words; with playback no prompt is written yet."""
DROPPED_SAMPLES, KEPT_SAMPLES = 5, 10
LONGEST_SAMPLE = 600
"""Characters of a sample that are shown."""
FEW_MONTHS = 7
"""Columns that all have room for their month."""
BIN, LONG_TWEET = 20, 300
"""Characters of a column; from LONG_TWEET on, all lengths share one."""
COMMON, SHIFT = 0.01, 1.5
"""A column with this share of the texts is watched; its share may become so many times larger or smaller."""
SHIFTED = N_(
    "the rules change how long the tweets are: of your own, {before:.1%} have {first} to {last} characters, of those kept {after:.1%} "
    "(dropped.csv names the rules)"
)
MOST_LANGUAGES = 8
QUOTING = {DUPLICATE: N_("the same as {id}, “{text}”"), NEAR_DUPLICATE: N_("similar ({jaccard:.2f}) to {id}, “{text}”")}
"""Reason → its evidence, with the text of the tweet that stays."""

_Sampled = TypeVar("_Sampled", Dropped, Tweet)


@dataclass(frozen=True)
class Outcome:
    """What the rules made of an archive.

    read, cleaned: of each tweet, in the archive's order; candidates: those that no rule for a single tweet drops, in order of time;
    dropped: by any rule.
    """

    read: list[SourceTweet]
    cleaned: list[Cleaned]
    candidates: list[Candidate]
    dropped: list[Dropped]

    @property
    def kept(self) -> list[Candidate]:
        return [candidate for candidate in self.candidates if not candidate.reason]


@dataclass(frozen=True)
class Figures:
    """What report.html alone shows.

    months: "2021-03" → tweets read and kept, undated ones under ""; lengths: characters of each kept tweet; written: the same of
    these and of those dropped as short, written again or one of many of a form, which a person may write; languages:
    ISO 639-1, or "" for uncertain → kept tweets; samples: reason → a few of its dropped tweets; kept_samples: a few of the
    kept ones; split_days: split → first and last day of its tweets.
    """

    months: dict[str, tuple[int, int]] = field(default_factory=dict)
    lengths: list[int] = field(default_factory=list)
    written: list[int] = field(default_factory=list)
    languages: dict[str, int] = field(default_factory=dict)
    samples: dict[str, list[Dropped]] = field(default_factory=dict)
    kept_samples: list[Tweet] = field(default_factory=list)
    split_days: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Prepared:
    """What was read, kept and dropped. All counts are of tweets unless they say otherwise; days are UTC.

    dropped: rule → count, in the order of the rules; splits: name → count; with_topic: kept tweets whose prompt names a subject,
    or by `message` (the recipe's prompt.message) holds the tweet's first words; first_day, last_day: of the kept tweets, empty where
    none has a date; sources: (path, kind in words, tweets read); notices: from the sources; warnings: of the split, and of lengths
    that the rules shift; scrubbed: kind → placeholders put in; threads, duplicate_groups: groups kept
    whole in one split.
    """

    read: int
    kept: int
    dropped: dict[str, int]
    splits: dict[str, int]
    with_topic: int
    first_day: str
    last_day: str
    sources: list[tuple[str, Later, int]] = field(default_factory=list)
    notices: list[Later] = field(default_factory=list)
    warnings: list[Later] = field(default_factory=list)
    scrubbed: dict[str, int] = field(default_factory=dict)
    threads: int = 0
    duplicate_groups: int = 0
    message: str = "topic"
    outputs: list[Path] = field(default_factory=list)
    figures: Figures = field(default_factory=Figures)

    @property
    def whole(self) -> str:
        """The groups that are kept whole in one split, in words."""
        threads = _n("{count:,} thread", "{count:,} threads", self.threads)
        groups = _n("{count:,} group of near-duplicates", "{count:,} groups of near-duplicates", self.duplicate_groups)
        return ", ".join([threads] * bool(self.threads) + [groups] * bool(self.duplicate_groups))


def describe(archive: Archive, outcome: Outcome, parts: dict[str, list[Tweet]], data: Data, message: str) -> Prepared:
    """All figures of an archive that has been read to its end."""
    tweets = [tweet for name in ("train", "validation", "test") for tweet in parts[name]]
    first_day, last_day = _days(tweets)
    scrubbed: Counter[str] = Counter()
    for candidate in outcome.kept:
        scrubbed.update(dict(outcome.cleaned[candidate.place].scrubbed))
    figures = _figures(outcome, tweets, parts, data)
    return Prepared(
        read=len(outcome.read),
        kept=len(outcome.kept),
        dropped=counts(outcome.dropped),
        splits={name: len(part) for name, part in parts.items()},
        with_topic=sum(tweet.topic is not None for tweet in tweets),
        first_day=first_day,
        last_day=last_day,
        sources=[(str(found.path), found.kind, found.count) for found in archive.kinds],
        notices=list(archive.notices),
        warnings=[*warnings(parts), *_shifted(figures)],
        scrubbed=dict(sorted(scrubbed.items())),
        threads=len({tweet.thread for tweet in tweets if tweet.thread}),
        duplicate_groups=sum(size > 1 for size in Counter(candidate.cluster for candidate in outcome.kept).values()),
        message=message,
        figures=figures,
    )


def _figures(outcome: Outcome, tweets: list[Tweet], parts: dict[str, list[Tweet]], data: Data) -> Figures:
    read, kept = (Counter(tweet.created_at[:7] for tweet in of) for of in (outcome.read, tweets))
    again = [len(candidate.text) for candidate in outcome.candidates if candidate.reason in (AUTOMATIC, DUPLICATE, NEAR_DUPLICATE)]
    short = [verdict.evidence.values["count"] for verdict in outcome.cleaned if verdict.reason == TOO_SHORT]
    lengths = [len(tweet.text) for tweet in tweets]
    return Figures(
        months={month: (read[month], kept[month]) for month in sorted(read)},
        lengths=lengths,
        written=lengths + again + [length for length in short if length],
        languages=dict(Counter(tweet.language for tweet in tweets).most_common()),
        samples=_dropped_samples(outcome, data),
        kept_samples=_sample(tweets, KEPT_SAMPLES, data.seed),
        split_days={name: _days(part) for name, part in parts.items()},
    )


def _columns(lengths: Sequence[int]) -> Counter[int]:
    """Least characters of a column → texts in it."""
    return Counter(min(length // BIN * BIN, LONG_TWEET) for length in lengths)


def _shifted(figures: Figures) -> list[Later]:
    """A warning of the length whose share the rules change most, where that is by more than `SHIFT`."""
    written, kept = _columns(figures.written), _columns(figures.lengths)
    shares = {first: (count / written.total(), kept[first] / max(kept.total(), 1)) for first, count in written.items()}
    ratios = {first: max(a / max(b, 1e-9), b / a) for first, (a, b) in shares.items() if a >= COMMON}
    first = max(ratios, key=ratios.__getitem__, default=None)
    if first is None or ratios[first] <= SHIFT:
        return []
    before, after = shares[first]
    return [later(SHIFTED, first=first, last=first + BIN - 1, before=before, after=after)]


def _days(tweets: list[Tweet]) -> tuple[str, str]:
    """The first and the last day (UTC), empty where none has a date."""
    days = [tweet.created_at[:10] for tweet in tweets if tweet.created_at]
    return (min(days), max(days)) if days else ("", "")


def _dropped_samples(outcome: Outcome, data: Data) -> dict[str, list[Dropped]]:
    """Reason → a few of its tweets; a duplicate's evidence with the text of the kept tweet."""
    by_reason: dict[str, list[Dropped]] = {}
    for tweet in outcome.dropped:
        by_reason.setdefault(tweet.reason, []).append(tweet)
    samples = {reason: _sample(tweets, DROPPED_SAMPLES, data.seed) for reason, tweets in by_reason.items()}
    texts = {candidate.id: candidate.raw for candidate in outcome.kept}

    # The page says no more of others than what is learned does.
    hide = (lambda text: scrub(text)[0]) if data.personal_data == "scrub" else str

    def shown(tweet: Dropped) -> Dropped:
        evidence = tweet.evidence
        if quoting := QUOTING.get(tweet.reason):
            evidence = later(quoting, **evidence.values, text=hide(texts[evidence.values["id"]]))
        return replace(tweet, text=hide(tweet.text), evidence=evidence if isinstance(evidence, Later) else hide(evidence))

    return {reason: list(map(shown, tweets)) for reason, tweets in samples.items()}


def _sample(tweets: list[_Sampled], count: int, seed: int) -> list[_Sampled]:
    """A seeded sample of different texts that does not depend on the order of the tweets."""
    drawn: dict[str, _Sampled] = {}
    for tweet in sorted(tweets, key=lambda tweet: (seeded_bytes(seed, tweet.id, b"sample"), tweet.id)):
        drawn.setdefault(tweet.text, tweet)
        if len(drawn) == count:
            break
    return list(drawn.values())


# -- the terminal ---------------------------------------------------------------------------------------------


def funnel(prepared: Prepared) -> Group:
    """For a rich console: the funnel as a table, and what the sources and the split have to say below it."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    title = _("Tweets")
    if prepared.first_day:
        title = _("Tweets from {first} to {last}", first=prepared.first_day, last=prepared.last_day)
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for name in (_("tweets"), _("share")):
        table.add_column(name, justify="right", no_wrap=True)

    def add(name: str, count: int, of: int, sign: str = "", style: str | None = None) -> None:
        share = percent(count / of) if of else ""
        table.add_row(name, sign + localised(f"{count:,}"), share if share.startswith("<") else sign + share, style=style)

    add(_("read"), prepared.read, prepared.read, style="bold")
    for rule, count in prepared.dropped.items():
        if count:
            add(f"  {by_name('reasons', rule)}", count, prepared.read, "-")
    add(_("kept"), prepared.kept, prepared.read, style="bold")
    table.add_section()
    for split in SPLITS:
        # mini-train is a part of train.
        add(f"    {split}" if split == "mini-train" else f"  {split}", prepared.splits[split], prepared.kept)
    if prepared.message in IN_THE_PROMPT:
        add(_(IN_THE_PROMPT[prepared.message]), prepared.with_topic, prepared.kept)
    return Group(table, *(Text(line, style=style) for line, style in _remarks(prepared)))


def _remarks(prepared: Prepared) -> Iterator[tuple[str, str]]:
    """(line, style) of what the table does not hold."""
    if any(prepared.scrubbed.values()):
        counts = ((by_name("scrubbed", kind), localised(f"{count:,}")) for kind, count in prepared.scrubbed.items() if count)
        yield _("placeholders for personal data and names: {counts}", counts=", ".join(map(" ".join, counts))), ""
    if prepared.whole:
        yield _("never split: {groups}", groups=prepared.whole), ""
    yield _("no leak: no held-out tweet has a near-duplicate in another split"), ""
    yield from ((_("warning: {text}", text=visible(_(warning))), "yellow") for warning in prepared.warnings)
    yield from ((_("note: {text}", text=visible(_(notice))), "") for notice in prepared.notices)


# -- report.html (pages/templates/data.html.j2) ---------------------------------------------------------------


def report_html(prepared: Prepared, language: str = "en") -> str:
    """One self-contained HTML page: no script, nothing from the network, every text of the archive escaped."""
    figures, say = prepared.figures, Say(language, begins=prepared.message == "first-words")
    dropped = {say.named("reasons", rule): count for rule, count in prepared.dropped.items()}
    with in_language(language):
        return render(
            "data.html.j2",
            language=language,
            title=say("data_title"),
            say=say,
            prepared=prepared,
            figures=figures,
            split_names=SPLITS,
            counts_topics=prepared.message in IN_THE_PROMPT,
            funnel_chart=funnel_chart((say("d_read"), prepared.read), dropped, (say("d_kept"), prepared.kept), say("d_chart")),
            timeline=_timeline({month: counts for month, counts in figures.months.items() if month}, say),
            median=median(figures.lengths) if figures.lengths else 0,
            length_chart=_length_chart(figures, say),
            language_chart=_language_chart(figures.languages, say),
            longest=LONGEST_SAMPLE,
            shown=_,
            evidence=lambda seen: _(seen) if isinstance(seen, Later) else seen,
        )


def _timeline(months: Mapping[str, tuple[int, int]], say: Say) -> str:
    """A column a month, from the first to the last: a silence is seen as one."""
    if not months:
        return ""
    first, last = (int(month[:4]) * 12 + int(month[5:7]) - 1 for month in (min(months), max(months)))
    names = [f"{number // 12:04}-{number % 12 + 1:02}" for number in range(first, last + 1)]
    labels = [name if len(names) <= FEW_MONTHS else name[:4] if name.endswith("-01") else "" for name in names]
    labels = thinned(labels if any(labels) else [names[0], *labels[1:]])
    columns = []
    for label, name in zip(labels, names, strict=True):
        read, kept = months.get(name, (0, 0))
        columns.append(Column(label, read, kept, say("data_month", month=name, read=say.number(read), kept=say.number(kept))))
    return column_chart(columns, say("data_timeline"))


def _length_chart(figures: Figures, say: Say) -> str:
    """A column for each 20 characters of length, the long ones together: before and after what was dropped for its length or repetition."""
    written, kept = _columns(figures.written), _columns(figures.lengths)
    columns = []
    for start in range(0, LONG_TWEET + 1, BIN):
        name = f"{start}+" if start == LONG_TWEET else say("data_from_to", first=start, last=start + BIN - 1)
        label = f"{start}+" if start == LONG_TWEET else str(start) if start % 60 == 0 else ""
        shares = (percent(of[start] / max(of.total(), 1)) for of in (written, kept))
        pointed = say("data_length", characters=name, count=say.number(kept[start]), **dict(zip(("before", "after"), shares, strict=True)))
        columns.append(Column(label, written[start], kept[start], pointed))
    return column_chart(columns, say("data_by_length"))


def _language_chart(counts: Mapping[str, int], say: Say) -> str:
    """A bar for each language, the rare ones together."""
    known = Counter({code: count for code, count in counts.items() if code}).most_common()
    rows = [(say.named("languages", code), count) for code, count in known[:MOST_LANGUAGES]]
    rows.append((say("data_other_languages"), sum(count for code, count in known[MOST_LANGUAGES:])))
    rows.append((say("data_no_language"), counts.get("", 0)))
    return row_chart([row for row in rows if row[1]], sum(counts.values()), say("data_by_language"))

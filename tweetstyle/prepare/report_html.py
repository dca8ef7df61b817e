"""report.html: what prepare read, dropped and kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tweetstyle.console import percent
from tweetstyle.pages.charts import Step, funnel_chart, html, keys
from tweetstyle.pages.render import SECURITY, asset
from tweetstyle.prepare.report import IN_THE_PROMPT, explained
from tweetstyle.prepare.report_times import languages, lengths, timeline
from tweetstyle.records import SPLITS, Dropped

if TYPE_CHECKING:
    from tweetstyle.prepare.report import Prepared
    from tweetstyle.records import Tweet

LONGEST_SAMPLE = 600
"""Characters of a sample that are shown."""

SEEN = {"earlier edit": "the last version is", "duplicate id": "read before at"}
"""Reason → what its evidence is, where it is not what a rule saw in the text."""

PURPOSE = {
    "train": "what the model learns from",
    "mini-train": "a small sample of train, for a first quick run",
    "validation": "looked at during training, to keep the best state and to stop in time; never learned from",
    "test": "the latest tweets, put aside until the end, to measure how well the style was learned",
}
"""Split → what it is for."""


def report_html(prepared: Prepared, title: str) -> str:
    """One self-contained HTML page: no script, nothing from the network, every text of the archive escaped."""
    sections = {
        "read": ("What was read", _read(prepared)),
        "funnel": ("What was dropped, and why", _funnel(prepared)),
        "splits": ("What each part is for", _splits(prepared)),
        "times": ("When", timeline(prepared.months)),
        "lengths": ("How long", lengths(prepared.lengths)),
        "languages": ("In which language", languages(prepared.languages)),
        "kept": ("Examples of what was kept", _kept(prepared)),
        "dropped": ("Examples of what was dropped", _dropped(prepared)),
        "personal": ("Personal data taken out", _scrubbed(prepared)),
        "files": ("Where to look further", _files()),
    }
    shown = {anchor: (heading, list(parts)) for anchor, (heading, parts) in sections.items()}
    shown = {anchor: section for anchor, section in shown.items() if section[1]}
    links = "".join(f'<a href="#{anchor}">{html(heading)}</a>' for anchor, (heading, _) in shown.items())
    body = "\n".join(
        f'<section id="{a}">\n<h2>{html(heading)}</h2>\n' + "\n".join(parts) + "\n</section>" for a, (heading, parts) in shown.items()
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{SECURITY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html(title)}</title>
<style>{asset("pages/style.css")}</style>
</head>
<body>
<h1>{html(title)}</h1>
{_headline(prepared)}
<nav>{links}</nav>
{body}
</body>
</html>
"""


def _headline(prepared: Prepared) -> str:
    kept = percent(prepared.kept / prepared.read) if prepared.read else "0"
    learned = prepared.splits.get("train", 0)
    topic = percent(prepared.with_topic / prepared.kept) if prepared.kept else "0"
    figures = {
        "tweets read": f"{prepared.read:,}",
        "kept": f"{prepared.kept:,}",
        "share kept": kept,
        "learned from": f"{learned:,}",
    }
    if prepared.message in IN_THE_PROMPT:
        figures["with its first words" if prepared.message == "first-words" else "with a subject"] = topic
    cards = "".join(f"<div><dt>{name}</dt><dd>{html(value)}</dd></div>" for name, value in figures.items())
    warnings = "".join(f'<p class="warning"><strong>Warning.</strong> {_own(warning)}</p>' for warning in prepared.warnings)
    period = f"<p>The kept tweets are from {prepared.first_day} to {prepared.last_day}.</p>\n" if prepared.first_day else ""
    return f'<dl class="figures">{cards}</dl>\n{period}{warnings}\n{_leak(prepared.leak)}'


def _leak(leak: int) -> str:
    if leak:
        many = "held-out tweet has" if leak == 1 else "held-out tweets have"
        return (
            f'<p class="warning"><strong>Leak: {leak:,}.</strong> {leak:,} {many} a near twin in another split. '
            "What is measured on them is too good to be true.</p>"
        )
    return (
        '<p><span class="good">Leak: 0.</span> No tweet that is put aside for measuring has the same or almost the same text as '
        "one that is learned from. The model cannot do well by having seen the answers.</p>"
    )


# -- the sections: each gives its parts, and none where there is nothing to say -----------------------------


def _read(prepared: Prepared) -> Iterator[str]:
    if prepared.sources:
        rows = [(f"<bdi>{html(path)}</bdi>", html(kind), f"{count:,}") for path, kind, count in prepared.sources]
        yield _table(("file or folder", "what it is", "#tweets"), rows, stack=True)
    if prepared.notices:
        yield "<ul>" + "".join(f"<li>{_own(notice)}</li>" for notice in prepared.notices) + "</ul>"


def _funnel(prepared: Prepared) -> Iterator[str]:
    losses = {reason: count for reason, count in prepared.dropped.items() if count}
    yield (
        f"<p>Of {prepared.read:,} tweets, {sum(losses.values()):,} were dropped and {prepared.kept:,} kept. Each rule looks at what the "
        "rules before it have left, and each dropped tweet has exactly one reason.</p>"
    )
    yield keys(front="left", lost="dropped here")
    steps, left = [Step("read", prepared.read, 0)], prepared.read
    for reason, count in losses.items():
        left -= count
        steps.append(Step(reason, left, count))
    yield funnel_chart([*steps, Step("kept", prepared.kept, 0)], prepared.read)
    if losses:
        rows = [_reason_row(reason, count, prepared.read) for reason, count in losses.items()]
        yield _table(("reason", "what it means", "#tweets", "#share", "setting in the recipe"), rows, stack=True)
    else:
        yield "<p>Nothing was dropped.</p>"
    if idle := [reason for reason, count in prepared.dropped.items() if not count]:
        yield f'<p class="soft">These rules found nothing to drop: {html(", ".join(idle))}.</p>'


def _reason_row(reason: str, count: int, read: int) -> tuple[str, ...]:
    meaning = explained(reason).meaning
    return f"<strong>{html(reason)}</strong>", html(meaning), f"{count:,}", percent(count / read if read else 0), _setting(reason)


def _setting(reason: str) -> str:
    """The keys as they stand in the recipe, and what to write there."""
    _, settings, advice = explained(reason)
    return f"{_keys(settings)}<br>{html(advice)}" if settings else html(advice)


def _keys(settings: Iterable[str]) -> str:
    return ", ".join(f"<code>data.{key}</code>" for key in settings)


def _dropped(prepared: Prepared) -> Iterator[str]:
    reasons = [reason for reason in prepared.dropped if prepared.samples.get(reason)]
    if reasons:
        yield '<p class="soft">Drawn by lot, each text once. All of them are in dropped.csv.</p>'
    for reason in reasons:
        count, tweets = prepared.dropped[reason], prepared.samples[reason]
        shown = "all of them" if len(tweets) == count else f"{len(tweets)} of {count:,}"
        quotes = "".join(map(_quote_dropped, tweets))
        settings = explained(reason).settings
        told = f'<p class="soft">In the recipe: {_keys(settings)}</p>' if settings else ""
        yield f"<details open><summary>{html(reason)}: {shown}</summary>\n{told}{quotes}</details>"


def _quote_dropped(tweet: Dropped) -> str:
    evidence = tweet.evidence if len(tweet.evidence) <= LONGEST_SAMPLE else tweet.evidence[:LONGEST_SAMPLE] + " […]"
    seen = f"; {SEEN.get(tweet.reason, 'seen')}: <bdi>{html(evidence)}</bdi>" if evidence else ""
    return _quote(tweet.text, "", f"{_when(tweet.created_at)}{seen}; number <bdi>{html(tweet.id)}</bdi>")


def _kept(prepared: Prepared) -> Iterator[str]:
    if prepared.kept_samples:
        yield '<p class="soft">Drawn by lot, and as the model gets them.</p>'
    name = "first words" if prepared.message == "first-words" else "subject"
    yield from (_quote_kept(tweet, name) for tweet in prepared.kept_samples)


def _quote_kept(tweet: Tweet, name: str) -> str:
    topic = f"; {name} in the prompt: <bdi>{html(tweet.topic)}</bdi>" if tweet.topic else ""
    return _quote(tweet.text, tweet.language, f"{_when(tweet.created_at)}; {html(tweet.type)}{topic}")


def _quote(text: str, language: str, told: str) -> str:
    more = f' <span class="soft">[{len(text) - LONGEST_SAMPLE:,} more characters]</span>' if len(text) > LONGEST_SAMPLE else ""
    shown = html(text[:LONGEST_SAMPLE]) + more
    return f'<blockquote><p class="text" lang="{html(language)}" dir="auto">{shown}</p><p class="soft">{told}</p></blockquote>\n'


def _when(created_at: str) -> str:
    return html(created_at.replace("T", " ").removesuffix("Z") + " UTC") if created_at else "no date"


def _splits(prepared: Prepared) -> Iterator[str]:
    yield (
        "<p>The kept tweets are divided by time: the model learns from the earlier ones and is measured on later ones, as it will be used. "
        "Threads and groups of almost equal tweets are never divided.</p>"
    )
    rows = []
    for split in SPLITS:
        count = prepared.splits.get(split, 0)
        first, last = prepared.split_days.get(split, ("", ""))
        days = f"{first} to {last}" if first else "no dates"
        share = percent(count / prepared.kept) if prepared.kept else ""
        rows.append((f"<strong>{split}</strong>", f"{count:,}", share, days, PURPOSE[split]))
    yield _table(("part", "#tweets", "#share", "days", "what it is for"), rows, stack=True)
    groups = [(prepared.threads, "thread", "threads"), (prepared.twin_clusters, "group of near twins", "groups of near twins")]
    if named := [f"{count:,} {one if count == 1 else many}" for count, one, many in groups if count]:
        yield f"<p>Kept whole: {' and '.join(named)}.</p>"


def _scrubbed(prepared: Prepared) -> Iterator[str]:
    found = [(html(kind), f"{count:,}") for kind, count in prepared.scrubbed.items() if count]
    if found:
        yield "<p>In the kept tweets, these were replaced by placeholders, so that the model cannot learn and repeat them:</p>"
        yield _table(("what", "#times"), found)
    else:
        yield "<p>In the kept tweets, nothing was replaced by a placeholder.</p>"
    yield (
        '<p class="soft">Governed by <code>data.personal_data</code> and <code>data.handles</code> in the recipe. Personal data is '
        "masked in the examples on this page too; dropped.csv has what was dropped as it was. Rules of this kind find most of such "
        "data, never all: names and addresses in plain words stay.</p>"
    )


def _files() -> Iterator[str]:
    yield (
        "<p>Beside this page: <code>dropped.csv</code> has every dropped tweet with its date, its reason and what the rule saw; "
        "<code>tweets_tous_nettoyes.csv</code> every kept one; <code>train.jsonl</code>, <code>validation.jsonl</code> and "
        "<code>test.jsonl</code> what goes into training and measuring, line by line. To change a setting, edit the recipe and run "
        "<code>tweetstyle prepare RECIPE</code> again.</p>"
    )


def _own(sentence: str) -> str:
    """A sentence of this program that may quote the archive: it cannot turn the direction of what stands around it."""
    return f"<bdi>{html(sentence)}</bdi>"


def _table(headings: Iterable[str], rows: Iterable[Iterable[str]], stack: bool = False) -> str:
    """Cells are HTML already. A heading with # has numbers below it; a stacked table shows a row as a block on a phone."""
    columns = [(name.lstrip("#"), ' class="number"' if name.startswith("#") else "") for name in headings]
    head = "".join(f"<th{number}>{html(name)}</th>" for name, number in columns)
    lines = []
    for row in rows:
        cells = zip(row, columns, strict=True)
        lines.append("<tr>" + "".join(f'<td{number} data-name="{html(name)}:">{cell}</td>' for cell, (name, number) in cells) + "</tr>")
    stacked = ' class="stack"' if stack else ""
    return f'<div class="wide"><table{stacked}><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'

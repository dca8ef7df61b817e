"""report.html: what prepare read, dropped and kept (pages/templates/data.html.j2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tweetstyle.console import counted, percent
from tweetstyle.pages.charts import Step, funnel_chart
from tweetstyle.pages.render import render
from tweetstyle.prepare.report import IN_THE_PROMPT, Prepared, explained
from tweetstyle.prepare.report_times import language_chart, length_chart, median_length, timeline
from tweetstyle.records import SPLITS

LONGEST_SAMPLE = 600
"""Characters of a sample that are shown."""

SEEN = {"earlier edit": "the last version is", "duplicate id": "read before at"}
"""Reason → what its evidence is, where it is not what a rule saw in the text."""

PURPOSE = {
    "train": "what the model learns from",
    "mini-train": "a small sample of train, for a first quick run",
    "validation": "measured during training, to keep the best state and to stop in time; never learned from",
    "test": "the latest tweets, put aside until the end, to measure how well the style was learned",
}
"""Split → what it is for."""


def report_html(prepared: Prepared, title: str) -> str:
    """One self-contained HTML page: no script, nothing from the network, every text of the archive escaped."""
    losses = {reason: count for reason, count in prepared.dropped.items() if count}
    charts: dict[str, Any] = {"timeline": timeline(prepared.months), "funnel_chart": _funnel(prepared, losses)}
    if any(prepared.lengths.values()):
        charts |= {"median": median_length(prepared.lengths), "length_chart": length_chart(prepared.lengths)}
    if any(prepared.languages.values()):
        charts["language_chart"] = language_chart(prepared.languages)
    return render(
        "data.html.j2",
        language="en",
        title=title,
        prepared=prepared,
        figures=_figures(prepared),
        sections=_sections(prepared),
        losses=losses,
        idle=[reason for reason, count in prepared.dropped.items() if not count],
        sources=[([("bdi", path)], kind, f"{count:,}") for path, kind, count in prepared.sources],
        split_rows=[_split_row(prepared, split) for split in SPLITS],
        whole=_whole(prepared),
        scrubbed=[(kind, f"{count:,}") for kind, count in prepared.scrubbed.items() if count],
        explained=explained,
        seen=SEEN,
        longest=LONGEST_SAMPLE,
        **charts,
    )


def _sections(prepared: Prepared) -> dict[str, str]:
    """Section → heading, of those that have something to say."""
    sections = {
        "read": ("What was read", prepared.sources or prepared.notices),
        "funnel": ("What was dropped, and why", True),
        "splits": ("What each part is for", True),
        "times": ("When", any(read for read, _ in prepared.months.values())),
        "lengths": ("How long", any(prepared.lengths.values())),
        "languages": ("In which language", any(prepared.languages.values())),
        "kept": ("Examples of what was kept", prepared.kept_samples),
        "dropped": ("Examples of what was dropped", any(prepared.samples.get(reason) for reason in prepared.dropped)),
        "personal": ("Personal data taken out", True),
        "files": ("Where to look further", True),
    }
    return {name: heading for name, (heading, said) in sections.items() if said}


def _figures(prepared: Prepared) -> dict[str, str]:
    figures = {
        "tweets read": f"{prepared.read:,}",
        "kept": f"{prepared.kept:,}",
        "share kept": percent(prepared.kept / prepared.read) if prepared.read else "0",
        "learned from": f"{prepared.splits.get('train', 0):,}",
    }
    if prepared.message in IN_THE_PROMPT:
        name = "with its first words" if prepared.message == "first-words" else "with a subject"
        figures[name] = percent(prepared.with_topic / prepared.kept) if prepared.kept else "0"
    return figures


def _funnel(prepared: Prepared, losses: Mapping[str, int]) -> str:
    steps, left = [Step("read", prepared.read, 0)], prepared.read
    for reason, count in losses.items():
        left -= count
        steps.append(Step(reason, left, count))
    return funnel_chart([*steps, Step("kept", prepared.kept, 0)], prepared.read)


def _split_row(prepared: Prepared, split: str) -> list[Any]:
    count, (first, last) = prepared.splits.get(split, 0), prepared.split_days.get(split, ("", ""))
    share = percent(count / prepared.kept) if prepared.kept else ""
    return [[("strong", split)], f"{count:,}", share, f"{first} to {last}" if first else "no dates", PURPOSE[split]]


def _whole(prepared: Prepared) -> list[str]:
    """Groups that are kept whole in one split."""
    groups = [(prepared.threads, "thread", "threads"), (prepared.twin_clusters, "group of near-duplicates", "groups of near-duplicates")]
    return [counted(*group) for group in groups if group[0]]

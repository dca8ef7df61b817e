"""Writes all of prepare's files or none; renders lines in another format."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tweetstyle.files import complete_file
from tweetstyle.prepare.page import report_html
from tweetstyle.prompt.template import Template
from tweetstyle.records import SPLITS, Dropped, Tweet, read_split, write_split

if TYPE_CHECKING:
    from tweetstyle.prepare.report import Prepared

CLEANED, FORMATTED, DROPPED, REPORT = "tweets_tous_nettoyes.csv", "tweets_formates.csv", "dropped.csv", "report.html"
COLUMNS = ("id_tweet", "texte", "date_creation")
DROPPED_COLUMNS = ("id", "date", "reason", "evidence", "text")

_FORMULA = re.compile(r"[=+\-@\t\r\n]")
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Controls of writing direction, which can make a line read as another (Unicode TR 9; CVE-2021-42574)."""


def output_paths(directory: Path) -> list[Path]:
    """Every file that `write_outputs` makes, in its order."""
    return [directory / name for name in (CLEANED, FORMATTED, *(f"{split}.jsonl" for split in SPLITS), DROPPED, REPORT)]


def for_spreadsheet(cell: str) -> str:
    """The cell as a spreadsheet may show it: never computed as a formula (an apostrophe is put before it), its direction controls visible.

    OWASP, CSV injection.
    """
    if _FORMULA.match(cell):
        cell = "'" + cell
    return _BIDI.sub(lambda control: f"<U+{ord(control[0]):04X}>", cell)


def write_outputs(
    directory: Path, splits: dict[str, list[Tweet]], dropped: list[Dropped], render: Callable[[Tweet], str], prepared: Prepared
) -> None:
    """Writes the cleaned and the formatted CSV, the splits, the dropped tweets and the report.

    UTF-8, lines end in \\n. The files are renamed into place together, after the last byte of the last of them. What is data for
    training or for another program stays as it is; dropped.csv, which a person opens, is made safe for a spreadsheet.
    """
    lines: dict[str, str] = {}
    kept = [tweet for split in ("train", "validation", "test") for tweet in splits[split]]
    with ExitStack() as stack:
        streams = {path.name: stack.enter_context(complete_file(path, newline="")) for path in output_paths(directory)}
        cleaned, formatted, refused = (csv.writer(streams[n], lineterminator="\n") for n in (CLEANED, FORMATTED, DROPPED))
        cleaned.writerow(COLUMNS)
        formatted.writerow((*COLUMNS, "texte_formatte"))
        for tweet in kept:
            row = (tweet.id, tweet.text, tweet.created_at)
            lines[tweet.id] = render(tweet)
            cleaned.writerow(row)
            formatted.writerow((*row, lines[tweet.id]))
        for split in SPLITS:
            write_split(streams[f"{split}.jsonl"], splits[split], lambda tweet: lines[tweet.id])
        refused.writerow(DROPPED_COLUMNS)
        for tweet in dropped:
            refused.writerow(map(for_spreadsheet, (tweet.id, tweet.created_at, tweet.reason, tweet.evidence, tweet.text)))
        streams[REPORT].write(report_html(prepared))


ONLY_THE_LINE = ("prompt.format", "prompt.style", "prompt.custom", "prompt.system")
"""Settings that decide how a tweet is written to the model, and nothing else of what prepare makes."""


def only_the_lines_differ(changed: list[str], old_format: str, template: Template) -> bool:
    """Whether tweets prepared under `old_format` need nothing but other lines. changed: dotted keys of the recipe.

    The format `text` has no topics: from it, a format with topics needs them chosen.
    """
    return bool(changed) and set(changed) <= set(ONLY_THE_LINE) and (old_format != "text" or not template.has_topic)


def render_again(directory: Path, template: Template) -> dict[str, int]:
    """Rewrites the splits and the formatted CSV of `directory`: all of them complete, or none touched. Returns split → tweets.

    Raises TweetstyleError for a row that prepare did not write.
    """
    splits = {name: list(read_split(directory / f"{name}.jsonl")) for name in SPLITS}

    def render(tweet: Tweet) -> str:
        return template.line(tweet.text, tweet.topic, tweet.type)

    with ExitStack() as stack:
        formatted = csv.writer(stack.enter_context(complete_file(directory / FORMATTED, newline="")), lineterminator="\n")
        formatted.writerow((*COLUMNS, "texte_formatte"))
        for name in ("train", "validation", "test"):
            formatted.writerows((tweet.id, tweet.text, tweet.created_at, render(tweet)) for tweet in splits[name])
        for name, tweets in splits.items():
            write_split(stack.enter_context(complete_file(directory / f"{name}.jsonl", newline="")), tweets, render)
    return {name: len(tweets) for name, tweets in splits.items()}

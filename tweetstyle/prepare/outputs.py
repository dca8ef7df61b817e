"""Writes all of prepare's files or none."""

import csv
import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tweetstyle.files import complete_file
from tweetstyle.records import SPLITS, Dropped, Tweet, write_split

CLEANED, FORMATTED, DROPPED, REPORT = "tweets_tous_nettoyes.csv", "tweets_formates.csv", "dropped.csv", "report.html"
COLUMNS = ("id_tweet", "texte", "date_creation")
DROPPED_COLUMNS = ("id", "date", "reason", "evidence", "text")

_FORMULA = re.compile(r"[=+\-@\t\r\n]")


def output_paths(directory: Path) -> list[Path]:
    """Every file that `write_outputs` makes, in its order."""
    return [directory / name for name in (CLEANED, FORMATTED, *(f"{split}.jsonl" for split in SPLITS), DROPPED, REPORT)]


def for_spreadsheet(cell: str) -> str:
    """The cell with an apostrophe before what a spreadsheet would compute as a formula (OWASP, CSV injection)."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def write_outputs(
    directory: Path, splits: dict[str, list[Tweet]], dropped: list[Dropped], render: Callable[[Tweet], str], report: str
) -> None:
    """Writes the cleaned and the formatted CSV, the splits, the dropped tweets and the report, an HTML page.

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
        streams[REPORT].write(report)

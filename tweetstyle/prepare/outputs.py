"""The files that prepare writes: all of them complete, or none of them touched."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

from tweetstyle.files import complete_file
from tweetstyle.records import SPLITS, Dropped, Tweet, write_split

CLEANED, FORMATTED, DROPPED = "tweets_tous_nettoyes.csv", "tweets_formates.csv", "dropped.csv"
COLUMNS = ("id_tweet", "texte", "date_creation")


def output_paths(directory: Path) -> list[Path]:
    """Every file that `write_outputs` makes, in its order."""
    return [directory / name for name in (CLEANED, FORMATTED, *(f"{split}.jsonl" for split in SPLITS), DROPPED)]


def write_outputs(
    directory: Path,
    splits: dict[str, list[Tweet]],
    dropped: list[Dropped],
    render: Callable[[Tweet], str],
    follow: Callable[[Iterable, str], Iterable],
) -> list[Path]:
    """Writes the cleaned and the formatted CSV, the splits and the dropped tweets; `follow` shows the progress over an iterable.

    UTF-8, lines end in \\n. The files are renamed into place together, after the last byte of the last of them.
    """
    paths = output_paths(directory)
    lines: dict[str, str] = {}
    kept = [tweet for split in ("train", "validation", "test") for tweet in splits[split]]
    with ExitStack() as stack:
        streams = {path.name: stack.enter_context(complete_file(path, newline="")) for path in paths}
        cleaned, formatted, refused = (csv.writer(streams[n], lineterminator="\n") for n in (CLEANED, FORMATTED, DROPPED))
        cleaned.writerow(COLUMNS)
        formatted.writerow((*COLUMNS, "texte_formatte"))
        for tweet in follow(kept, "writing"):
            row = (tweet.id, tweet.text, tweet.created_at)
            lines[tweet.id] = render(tweet)
            cleaned.writerow(row)
            formatted.writerow((*row, lines[tweet.id]))
        for split in SPLITS:
            write_split(streams[f"{split}.jsonl"], splits[split], lambda tweet: lines[tweet.id])
        refused.writerow(("id", "reason", "text"))
        refused.writerows((tweet.id, tweet.reason, tweet.text) for tweet in dropped)
    return paths

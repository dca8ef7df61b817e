"""The lines of prepared tweets in another prompt format, without cleaning, splitting or choosing topics again."""

from __future__ import annotations

import csv
from contextlib import ExitStack
from pathlib import Path

from tweetstyle.files import complete_file
from tweetstyle.prepare.outputs import COLUMNS, FORMATTED
from tweetstyle.prompt.template import Template
from tweetstyle.records import SPLITS, Tweet, read_split, write_split

ONLY_THE_LINE = ("prompt.format", "prompt.style", "prompt.custom", "prompt.system")
"""Settings that decide how a tweet is written to the model, and nothing else of what prepare makes."""


def only_the_lines_differ(changed: list[str], old_format: str, template: Template) -> bool:
    """Whether tweets prepared under `old_format` need nothing but other lines. changed: dotted keys of the recipe.

    The format `text` has no topics: from it, a format with topics needs them chosen.
    """
    return bool(changed) and set(changed) <= set(ONLY_THE_LINE) and (old_format != "text" or not template.has_topic)


def render_again(directory: Path, template: Template) -> dict[str, int]:
    """Writes the splits and the formatted CSV of `directory` anew: all of them complete, or none touched. Gives back split → tweets.

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

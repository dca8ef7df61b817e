"""Written tweets as text, JSON or CSV on standard output; subjects from a file."""

import csv
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from tweetstyle.console import say
from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import _
from tweetstyle.locale.libraries import reason
from tweetstyle.write import WrittenTweet

Form = Literal["text", "json", "csv"]
COLUMNS = ("subject", "text", "seed", "log_odds")


def read_subjects(path: Path) -> list[str]:
    """The lines of a file that are not blank. Raises TweetstyleError where it cannot be read as UTF-8, or has none."""
    try:
        subjects = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        hint = _("save it as UTF-8 text, one subject a line")
        raise TweetstyleError(_("it cannot be read: {reason}", reason=reason(error)), where=str(path), hint=hint) from error
    if not subjects:
        raise TweetstyleError(_("the file names no subject"), where=str(path), hint=_("write one subject a line, or * for none"))
    return subjects


def print_tweets(found: Iterable[Sequence[WrittenTweet]], form: Form) -> None:
    """Text and CSV as soon as a subject is done; JSON is one list."""
    if form == "json":
        rows = [_row(tweet) for tweets in found for tweet in tweets]
        say(json.dumps(rows, ensure_ascii=False, indent=2), err=False, wrap=False)
    elif form == "csv":
        writer = csv.DictWriter(sys.stdout, COLUMNS)
        writer.writeheader()
        for tweets in found:
            writer.writerows(map(_row, tweets))
    else:
        for tweets in found:
            _print_text(tweets)


def _row(tweet: WrittenTweet) -> dict[str, object]:
    return {name: getattr(tweet, name) for name in COLUMNS}


def _print_text(tweets: Sequence[WrittenTweet]) -> None:
    for tweet in tweets:
        say(tweet.text + "\n", err=False, wrap=False)

"""Written tweets as text, JSON or CSV on standard output; subjects from a file."""

import csv
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Literal

from tweetstyle.console import say
from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import _
from tweetstyle.locale.libraries import reason
from tweetstyle.write import WrittenTweet

Form = Literal["text", "json", "csv"]


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
        rows = [asdict(tweet) for tweets in found for tweet in tweets]
        say(json.dumps(rows, ensure_ascii=False, indent=2), err=False, wrap=False)
    elif form == "csv":
        writer = csv.DictWriter(sys.stdout, [field.name for field in fields(WrittenTweet)])
        writer.writeheader()
        for tweets in found:
            writer.writerows(map(asdict, tweets))
    else:
        for tweets in found:
            for tweet in tweets:
                say(tweet.text + "\n", err=False, wrap=False)

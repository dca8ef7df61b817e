"""Tweets from plain text: one a line, or between separators."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tweetstyle.errors import TweetstyleError
from tweetstyle.records import SourceTweet
from tweetstyle.sources.documents import TextFile
from tweetstyle.sources.encodings import LONGEST_LINE, lines_of


def read_plain_text(
    document: TextFile, name: str, notices: list[str], advance: Callable[[int], object], separator: str | None = None
) -> Iterator[SourceTweet]:
    """Yields the tweets, without dates; blank ones are not tweets.

    name: what ids are made from, with the line the tweet begins on. separator: the line between tweets, blanks around it aside.
    Calls `advance` with the number of bytes just read. Raises TweetstyleError naming the line for what is no text, and where a
    separator is set that is nowhere in the file.
    """
    lines = lines_of(document, notices, advance)
    texts = lines if separator is None else _blocks(lines, separator.strip(), str(document))
    count = 0
    for line, text in texts:
        if text and not text.isspace():
            count += 1
            yield SourceTweet(f"{name}:{line:07}", text, "", f"{document}:{line}")
    if not count:
        raise TweetstyleError("there is no tweet in the file", where=str(document), hint="write one tweet a line")
    notices.append(f"{document}: plain text has no dates: tweets are taken to be in chronological order")


def _blocks(lines: Iterator[tuple[int, str]], separator: str, where: str) -> Iterator[tuple[int, str]]:
    """The lines between separators, joined by \\n, with the number of the first that is not blank."""
    begin, block, size, found = 0, [], 0, False
    for number, line in lines:
        if line.strip() == separator:
            found = True
            yield begin, "\n".join(block).rstrip("\n")
            block, size = [], 0
        elif block or line.strip():
            begin = begin if block else number
            block.append(line)
            size += len(line) + 1
        if size > LONGEST_LINE:
            hint = f"tweets are separated by the line {separator}: check data.separator"
            raise TweetstyleError("the tweet is longer than 1 MiB", where=f"{where}:{begin}", hint=hint)
    yield begin, "\n".join(block).rstrip("\n")
    if not found:
        hint = "set data.separator to the line between tweets, or remove it for one tweet a line"
        raise TweetstyleError(f"no line is the separator {separator!r}", where=where, hint=hint)

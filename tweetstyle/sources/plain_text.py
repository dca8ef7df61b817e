"""Tweets from plain text: one a line, or between separators."""

from collections.abc import Callable, Iterator

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import _, later
from tweetstyle.records import SourceTweet
from tweetstyle.sources.text_files import TextFile, lines_of


def read_plain_text(
    document: TextFile, name: str, notices: list[str], advance: Callable[[int], object], separator: str | None = None
) -> Iterator[SourceTweet]:
    """As `read_csv`, of a text without dates; blank tweets are none.

    separator: the line between tweets, blanks around it aside; None: every line is a tweet. Raises TweetstyleError too where it is
    nowhere in the file.
    """
    lines = ((number, line.rstrip("\r\n")) for number, line in enumerate(lines_of(document, notices, advance), 1))
    count = 0
    for line, text in lines if separator is None else _blocks(lines, separator.strip(), str(document)):
        if text and not text.isspace():
            count += 1
            yield SourceTweet(f"{name}:{line:07}", text, "", f"{document}:{line}")
    if not count:
        raise TweetstyleError(_("there is no tweet in the file"), where=str(document), hint=_("write one tweet a line"))
    notices.append(later("{file}: plain text has no dates: tweets are taken to be in chronological order", file=str(document)))


def _blocks(lines: Iterator[tuple[int, str]], separator: str, where: str) -> Iterator[tuple[int, str]]:
    """The lines between separators, joined by \\n, with the number of the first that is not blank."""
    begin, block, found = 0, [], False
    for number, line in lines:
        if line.strip() == separator:
            found = True
            yield begin, "\n".join(block).rstrip("\n")
            block = []
        elif block or line.strip():
            begin = begin if block else number
            block.append(line)
    yield begin, "\n".join(block).rstrip("\n")
    if not found:
        hint = _("set data.separator to the line between tweets, or remove it for one tweet a line")
        raise TweetstyleError(_("no line is the separator {separator}", separator=repr(separator)), where=where, hint=hint)

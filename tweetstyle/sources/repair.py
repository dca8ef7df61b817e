"""Mends what tools broke in a text: its encoding, its entities, marks of other programs."""

import ast
import re

from ftfy import TextFixerConfig, fix_encoding
from ftfy.badness import is_bad

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import Later, _, later
from tweetstyle.records import SourceTweet

_UNSEEN = "[\x1b\xad\u200b\u2060\ufeff\u2066-\u2069]"
INVISIBLE = re.compile(f"\x1b\\[[0-9;]*[A-Za-z]|{_UNSEEN}")
"""Nobody's style: a terminal's commands, soft hyphens, spaces of no width, isolates around names. Joiners of emoji stay."""
FEWEST_BROKEN, BROKEN_SHARE = 3, 0.03
"""From so many texts, and this share of a source's, broken ones that cannot be mended are an error; fewer are dropped."""

BROKEN = "broken"
"""Reason of a tweet whose text cannot be mended."""
LOST = "\ufffd"
"""What programs write for a byte that they could not read."""

_MOJIBAKE = re.compile("[ÃÂâðïÅÄ√Γ¬├][^\0-\x7f]|‚[ÄÇ]")
_SUSPECT = re.compile(f"{_MOJIBAKE.pattern}|{LOST}|{_UNSEEN}|&amp;[#\\w]|^\\s*b['\"]|<\\|(?:start|end)oftext\\|>")
"""What any text below has; most texts have none of it and cost one search."""
_BYTES = re.compile(r"""\s*(b(['"]).*\2)\s*""", re.S)
_MARKS = re.compile(r"^\s*<\|startoftext\|>\s*|\s*<\|endoftext\|>\s*$")
_TWICE = re.compile(r"&amp;(?=(?:amp|lt|gt|quot|apos|nbsp|#\d{1,7}|#x[0-9a-f]{1,6});)", re.I)
_EXACT = TextFixerConfig(restore_byte_a0=False, replace_lossy_sequences=False, decode_inconsistent_utf8=False, fix_c1_controls=False)
"""Of ftfy, the inverse of a wrong decoding alone: nothing is guessed where a byte was lost."""


class Repairs:
    """Mends the texts of one source, and counts what it did. Invisible characters and entities that were encoded twice are not counted."""

    def __init__(self, place: str) -> None:
        self._place, self._texts, self._mended, self._broken, self._example = place, 0, 0, 0, ("", "")

    def tweet(self, tweet: SourceTweet) -> SourceTweet:
        """The tweet as its author wrote it; one whose text cannot be mended is refused, and a message that cannot be is left out."""
        text, message = self.text(tweet.text, tweet.where), tweet.message and self.text(tweet.message, tweet.where)
        if text is None:
            return tweet if tweet.reason else tweet._replace(reason=BROKEN, evidence=_SUSPECT.search(tweet.text)[0])
        if text is tweet.text and message is tweet.message:
            return tweet
        return tweet._replace(text=text, message=message or "")

    def text(self, raw: str, where: str) -> str | None:
        """The text as its author wrote it, None where it cannot be mended."""
        self._texts += 1
        if not _SUSPECT.search(raw):
            return raw
        marked = _MARKS.sub("", raw)
        text = _decoded(marked)
        if text is None or LOST in text:
            self._broken += 1
            self._example = self._example if self._example[1] else (where, raw)
            return None
        self._mended += text != marked
        while (once := _TWICE.sub("&", text)) != text:
            text = once
        return INVISIBLE.sub("", text)

    def notices(self) -> list[Later]:
        """What was mended, once all is read. Raises TweetstyleError, showing one text, where too many could not be."""
        if self._broken >= FEWEST_BROKEN and self._broken > BROKEN_SHARE * self._texts:
            where, text = self._example
            values = {"count": self._broken, "texts": self._texts, "example": repr(text[:80])}
            what = _("{count:,} of {texts:,} texts were read in a wrong encoding and cannot be repaired, for example {example}", **values)
            raise TweetstyleError(what, where=where, hint=_("export the file again as UTF-8, from the program that made it"))
        if not self._mended:
            return []
        values = {"file": self._place, "count": self._mended}
        return [later("{file}: {count:,} texts were UTF-8 read in another encoding, or Python's bytes: they were repaired", **values)]


def _decoded(text: str) -> str | None:
    """The text with its bytes read as UTF-8; None where that gives none."""
    if (written := _BYTES.fullmatch(text)) is not None:
        try:
            text = ast.literal_eval(written[1]).decode()
        except (SyntaxError, ValueError):
            return None
    if _MOJIBAKE.search(text):
        text = fix_encoding(text, _EXACT)
        if is_bad(text):
            return None
    return text

"""Mends what tools broke in a text: its encoding, its entities, marks of other programs."""

import ast
import re

from ftfy import TextFixerConfig, fix_encoding
from ftfy.badness import is_bad

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import Later, _, later

_UNSEEN = "[\x1b\xad\u200b\u2060\ufeff\u2066-\u2069]"
INVISIBLE = re.compile(f"\x1b\\[[0-9;]*[A-Za-z]|{_UNSEEN}")
"""Nobody's style: a terminal's commands, soft hyphens, spaces of no width, isolates around names. Joiners of emoji stay."""
FEWEST_BROKEN, BROKEN_SHARE = 3, 0.03
"""From so many texts, and this share of a source's, broken ones that cannot be mended are an error; fewer may be quotations."""

_MOJIBAKE = re.compile("[ÃÂâðÅÄ√Γ¬][^\0-\x7f]|‚[ÄÇ]")
_SUSPECT = re.compile(f"{_MOJIBAKE.pattern}|{_UNSEEN}|&amp;[#\\w]|^\\s*b['\"]|<\\|(?:start|end)oftext\\|>")
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

    def text(self, raw: str, where: str) -> str:
        """The text as its author wrote it; one that cannot be mended as it is."""
        self._texts += 1
        if not _SUSPECT.search(raw):
            return raw
        text = self._decoded(_MARKS.sub("", raw), where)
        while (once := _TWICE.sub("&", text)) != text:
            text = once
        return INVISIBLE.sub("", text)

    def _decoded(self, raw: str, where: str) -> str:
        text = raw
        if (written := _BYTES.fullmatch(raw)) is not None:
            try:
                text = ast.literal_eval(written[1]).decode()
            except (SyntaxError, ValueError):
                return self._left(raw, where)
        if _MOJIBAKE.search(text):
            text = fix_encoding(text, _EXACT)
            if is_bad(text):
                return self._left(raw, where)
        self._mended += text != raw
        return text

    def _left(self, raw: str, where: str) -> str:
        self._broken += 1
        self._example = self._example if self._example[1] else (where, raw)
        return raw

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

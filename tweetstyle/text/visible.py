"""Makes text from an archive safe to show: hidden characters by number."""

import re
import unicodedata

INVISIBLE = re.compile(r"[^\S\n\t ]|[^\w\s!-~\u2190-\u2bff\U0001f000-\U0001faff]|[\u115f\u1160\u17b4\u17b5\u3164\uffa0]")
"""Candidates: few characters of ordinary text, so that the slow check of each is rare."""
KEPT_SPACES = "\u00a0\u202f\u2009"
"""They show as a space, and French sets them before ; : ! ?"""
SHOWN_AS_NOTHING = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
"""Fillers and joiners that Unicode counts as letters or marks and that no font draws."""
JOINERS, FLAG_TAGS = "\u200c\u200d", range(0xE0020, 0xE0080)


def visible(text: str) -> str:
    """The text with each control, bidi, zero-width and unpaired-surrogate character as ‹U+202E›; line ends and tabs stay.

    Joiners stay where they do their work (within an emoji or between letters of a script that joins), and so do the tags of a flag.
    """
    return INVISIBLE.sub(_shown, text)


def _shown(found: re.Match[str]) -> str:
    char, text, at = found[0], found.string, found.start()
    if char in KEPT_SPACES or not (unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") or char in SHOWN_AS_NOTHING):
        return char
    if char in JOINERS and at and at + 1 < len(text) and _joins(text[at - 1]) and _joins(text[at + 1]):
        return char
    if ord(char) in FLAG_TAGS and "\U0001f3f4" in text[max(0, at - 8) : at]:
        return char
    return f"‹U+{ord(char):04X}›"


def _joins(char: str) -> bool:
    """Whether a joiner beside this character has an effect: emoji, their skin tones and selectors, and letters without case."""
    return unicodedata.category(char) in ("So", "Sk", "Lo", "Mn", "Mc", "Me")


def is_blank(text: str) -> bool:
    """Whether nothing of it can be seen: no characters, or only spaces, controls and what takes no room."""
    return all(char.isspace() or char in SHOWN_AS_NOTHING or unicodedata.category(char)[0] in "CZ" for char in text)

"""Telephone numbers in a text, told from years, ids, prices, scores and dates."""

from __future__ import annotations

import re
from collections.abc import Iterator

NATIONAL = ("FR", "BE", "CH", "GB")
"""Regions whose national numbers begin with 0."""
NORTH_AMERICA = ("US",)
"""Canada, the United States and the Caribbean share one numbering plan."""

CANDIDATE = re.compile(
    r"""(?<![\w#@$€£%=/.,:+-]) (?:\+|00|\(\+?|\b)\d (?:[ \u00a0\u202f().\-/–]{0,3}\d){6,14}
        (?![\w%]|[.,:/-]\d|[ \u00a0\u202f]?[$€£%°])""",
    re.X,
)
"""7 to 15 digits and what may stand between those of one number; nothing that makes a hashtag, a price, a decimal or an id of them."""

_DATE = re.compile(
    r"(?:19|20)\d\d[-./ ](?:0[1-9]|1[0-2])[-./ ](?:0[1-9]|[12]\d|3[01])|(?:0?[1-9]|[12]\d|3[01])([-./])(?:0?[1-9]|1[0-2])\1(?:19|20)\d\d"
)
_NO_PHONE_BEFORE = re.compile(
    r"""(?:\b(?:isbn|issn|siren|siret|id|ids|ref|réf|référence|dossier|commande|facture|colis|suivi|tracking|order|invoice|ticket|
        case|loto|lotto|keno|euromillions?|bingo|tirage|num[ée]ros\ gagnants|vol|version|build|serial|s[ée]rie|code|nas|nir)\b|[\#№]|n°)
        [\s:.=#°n-]{0,4}(?:[\w-]{1,12}[\s:.=#°-]{1,3})?$""",
    re.X | re.I,
)
_ONE_SEPARATOR = re.compile(
    r"\d{3}[ \u00a0\u202f.–-]\d{3}[ \u00a0\u202f.–-]\d{4}|1?[ .-]?\(\d{3}\)[ \u00a0\u202f]?\d{3}[ \u00a0\u202f.–-]?\d{4}"
)


def phones_in(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each telephone number, by Google's libphonenumber: a number that its country has, grouped as there."""
    for candidate in CANDIDATE.finditer(text):
        start, end = candidate.span()
        if not _is_something_else(text, start, end):
            yield from ((start + a, start + b) for a, b in _verified(text[start:end]))


def _is_something_else(text: str, start: int, end: int) -> bool:
    return _DATE.search(text, start, end) is not None or _NO_PHONE_BEFORE.search(text, max(0, start - 40), start) is not None


def _verified(candidate: str) -> list[tuple[int, int]]:
    from phonenumbers import Leniency, PhoneNumberMatcher

    # libphonenumber does not know the narrow no-break space, which French typography puts between groups.
    known = candidate.replace("\u202f", "\u00a0")
    for region in _regions(known):
        if matches := list(PhoneNumberMatcher(known, region, leniency=Leniency.EXACT_GROUPING)):
            return [(match.start, match.end) for match in matches]
    return []


def _regions(candidate: str) -> tuple[str, ...]:
    """Where a number written like this may be from."""
    if candidate.lstrip("(").startswith(("+", "00")):
        return NATIONAL[:1]
    return NATIONAL if candidate.lstrip("(").startswith("0") else NORTH_AMERICA

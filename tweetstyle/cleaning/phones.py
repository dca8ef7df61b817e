"""Telephone numbers in a text, not years, ids, prices, scores or dates."""

from __future__ import annotations

import re
from collections.abc import Iterator

NATIONAL = ("FR", "BE", "CH", "GB", "GP", "MQ", "RE")
"""Regions whose national numbers begin with 0, the likelier first."""
NORTH_AMERICA = ("US",)
"""Canada, the United States and the Caribbean share one numbering plan."""

_SPACE = " \u00a0\u202f"
CANDIDATE = re.compile(
    rf"""(?<![\w#@$€£%=.,+-]) (?<!\d:) (?:\+|00|\(\+?|\b)\d (?:[{_SPACE}().\-‑–]{{0,3}}\d){{6,14}}
        (?![\w%]|[.,:-]\d|[{_SPACE}]?[$€£%°])""",
    re.X,
)
"""7 to 15 digits and the separators within one number; nothing that makes a hashtag, a price, a decimal or an id of them."""

_SHAPE = rf"(?:0\d(?:[{_SPACE}.-]?\d\d){{4}}|\(?\d{{3}}\)?[{_SPACE}.-]?\d{{3}}[{_SPACE}.-]\d{{4}})"
_FIRST_OF_TWO = re.compile(rf"{_SHAPE}(?=[{_SPACE}]{{1,3}}{_SHAPE}(?![{_SPACE}.-]?\d))")
_DATE = re.compile(
    r"""(?<!\d)(?: (?:19|20)\d\d([-./\ ])(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])
        | (?:0?[1-9]|[12]\d|3[01])([-./])(?:0?[1-9]|1[0-2])\2(?:19|20)\d\d )(?!\d)""",
    re.X,
)
_NO_PHONE_BEFORE = re.compile(
    r"""(?:\b(?:isbn|issn|siren|siret|id|ids|ref|réf|référence|dossier|commande|facture|colis|suivi|tracking|order|invoice|ticket|
        case|loto|lotto|keno|euromillions?|bingo|tirage|num[ée]ros\ gagnants|vol|version|build|serial|s[ée]rie|code|nas|nir)\b|[\#№]|n°)
        [\s:.=#°n-]{0,4}(?:[\w-]{1,12}[\s:.=#°-]{1,3})?$""",
    re.X | re.I,
)


def phones_in(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each telephone number, by Google's libphonenumber: a number that its country has, grouped as there."""
    text = _DATE.sub(lambda date: "_" * len(date[0]), text)
    place = 0
    while candidate := CANDIDATE.search(text, place):
        start, place = candidate.span()
        if _NO_PHONE_BEFORE.search(text, max(0, start - 40), start):
            continue
        spans = _verified(candidate[0])
        if not spans and (first := _FIRST_OF_TWO.match(text, start)):
            spans = _verified(first[0])
        if spans:
            yield from ((start + a, start + b) for a, b in spans)
            # A second number may have begun within the candidate.
            place = start + spans[-1][1]


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

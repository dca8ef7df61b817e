"""Replaces e-mail addresses, phone numbers, bank accounts, cards and keys."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tweetstyle.cleaning.normalise import LINK

Span = tuple[int, int]
_SPACE = " \u00a0\u202f"

EMAIL = re.compile(
    r"""(?<![\w.+-]) [\w.%+-]{1,64} @ (?:[\w-]{1,63}\.){1,5} (?:[a-z]{2,24}|[A-Z]{2,24}) \b
      | (?<![\w.+-]) [\w.%+-]{1,64} \s? [(\[{](?:at|à|arobase|@)[)\]}] \s?     # "bob [at] exemple.org"
        (?:[\w-]{1,63} (?:\.|\s?[(\[{](?:dot|point|\.)[)\]}]\s?) ){1,5} [a-z]{2,24} \b""",
    re.X,
)

KEY = re.compile(
    r"""-----BEGIN\ (?:[A-Z]+\ )*PRIVATE\ KEY-----(?:.*?-----END\ (?:[A-Z]+\ )*PRIVATE\ KEY-----|.*)   # whole, or cut off
      | (?<![A-Za-z0-9_-]) (?:
            A(?:KIA|SIA)[A-Z0-9]{16}                                 # Amazon Web Services
          | gh[pousr]_[A-Za-z0-9]{36,255} | github_pat_\w{22,255}    # GitHub
          | glpat-[\w-]{20,}                                         # GitLab
          | sk-(?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{20,}                   # OpenAI, Anthropic
          | [sr]k_(?:live|test)_[A-Za-z0-9]{16,}                     # Stripe
          | hf_[A-Za-z0-9]{30,}                                      # Hugging Face
          | xox[abeoprs]-[A-Za-z0-9-]{10,}                           # Slack
          | AIza[A-Za-z0-9_-]{35}                                    # Google
          | eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}                    # JSON Web Token
        ) (?![A-Za-z0-9_])""",
    re.X | re.S | re.ASCII,
)
CARD = re.compile(
    rf"""(?<![\w#@$€£=/.,:+-])
        (?: \d{{13,19}} | \d{{4}}(?P<s>[{_SPACE}-])\d{{4}}(?P=s)\d{{4}}(?P=s)\d{{1,4}}(?:(?P=s)\d{{1,3}})?
          | \d{{4}}(?P<t>[{_SPACE}-])\d{{6}}(?P=t)\d{{4,5}} )
        (?![\w%]|[.,:/-]\d|[{_SPACE}]?[$€£%])""",
    re.X,
)
_ISSUED = re.compile(r"4\d{12}(?:\d{3})?(?:\d{3})?|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|3[0689]\d{12}|35\d{14}|6\d{15}(?:\d{3})?")
"""Prefixes and lengths of the large issuers (ISO/IEC 7812), so that an id that happens to fulfil Luhn's sum stays."""

IBAN = re.compile(rf"(?<![A-Za-z0-9])(?=([A-Z]{{2}}\d{{2}}(?:[{_SPACE}-]?[A-Z0-9]){{11,30}}))", re.I | re.A)
"""Where one may begin, and the longest text that it may be: the rest is a word that follows."""

NATIONAL = ("FR", "BE", "CH", "GB", "GP", "MQ", "RE")
"""Regions whose national numbers begin with 0, the likelier first."""
NORTH_AMERICA = ("US",)
"""Canada, the United States and the Caribbean share one numbering plan."""

PHONE = re.compile(
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


def scrub(text: str) -> tuple[str, tuple[tuple[str, int], ...]]:
    """The text with a placeholder for each piece of personal data, and how many of each kind: (("e-mail", 1), …).

    A link's own numbers are no personal data; a key or an e-mail address in it is.
    """
    counts = []
    for kind in KINDS:
        if kind.sign.search(text) and (spans := list(kind.spans_in(text))):
            counts.append((kind.name, len(spans)))
            text = _replaced(text, spans, kind.placeholder)
    return text, tuple(counts)


def found_by(pattern: re.Pattern[str]) -> Callable[[str], Iterator[Span]]:
    return lambda text: (match.span() for match in pattern.finditer(text))


def cards_in(text: str) -> Iterator[Span]:
    """Grouped as on a card or in one block, with an issuer's prefix and length, and Luhn's sum."""
    return (match.span() for match in CARD.finditer(text) if is_card(re.sub(r"\D", "", match[0])))


def is_card(digits: str) -> bool:
    """Whether an issuer gives such numbers and Luhn's check digit is right (ISO/IEC 7812-1, annex B)."""
    from stdnum import luhn

    return _ISSUED.fullmatch(digits) is not None and luhn.is_valid(digits)


def ibans_in(text: str) -> Iterator[Span]:
    """Country, its form and the check digits are right (ISO 13616)."""
    from stdnum import iban

    for begin in IBAN.finditer(text):
        block, start = begin[1], begin.start()
        ends = [end for end in range(len(block), 14, -1) if block[end - 1].isalnum() and not text[start + end : start + end + 1].isalnum()]
        if end := next((end for end in ends if iban.is_valid(re.sub(r"[\W_]", "", block[:end]), check_country=False)), None):
            yield start, start + end


def phones_in(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each telephone number, by Google's libphonenumber: a number that its country has, grouped as there."""
    text = _DATE.sub(lambda date: "_" * len(date[0]), text)
    place = 0
    while candidate := PHONE.search(text, place):
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
    bare = known.lstrip("(")
    regions = NATIONAL[:1] if bare.startswith(("+", "00")) else NATIONAL if bare.startswith("0") else NORTH_AMERICA
    for region in regions:
        if matches := list(PhoneNumberMatcher(known, region, leniency=Leniency.EXACT_GROUPING)):
            return [(match.start, match.end) for match in matches]
    return []


def _replaced(text: str, spans: list[Span], placeholder: str) -> str:
    pieces, done = [], 0
    for start, end in spans:
        pieces += [text[done:start], placeholder]
        done = end
    return "".join([*pieces, text[done:]])


def _outside_links(spans_in: Callable[[str], Iterator[Span]]) -> Callable[[str], Iterator[Span]]:
    return lambda text: spans_in(LINK.sub(lambda link: "_" * len(link[0]), text))


class Kind(NamedTuple):
    """A kind of personal data. sign: quickly found, and without it there is none: hardly any tweet has such a thing."""

    name: str
    placeholder: str
    sign: re.Pattern[str]
    spans_in: Callable[[str], Iterator[Span]]


_DIGITS = re.compile(r"\d(?:[^\w\n]{0,3}\d){6}")
"""Seven digits near each other: fewer are no telephone number."""
KINDS = (
    Kind("key", "[clé]", re.compile(r"AKIA|ASIA|AIza|eyJ|sk-|xox|glpat-|PRIVATE KEY|gh._|github_pat_|k_live_|k_test_|hf_"), found_by(KEY)),
    Kind("e-mail", "[courriel]", re.compile(r"@|at[)\]}]|arobase|à[)\]}]"), found_by(EMAIL)),
    Kind("IBAN", "[iban]", _DIGITS, _outside_links(ibans_in)),
    Kind("card", "[carte]", _DIGITS, _outside_links(cards_in)),
    Kind("telephone", "[téléphone]", _DIGITS, _outside_links(phones_in)),
)
"""The longest is replaced first: a card's number is no telephone number."""

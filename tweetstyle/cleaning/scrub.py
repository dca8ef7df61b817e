"""Replaces e-mail addresses, phone numbers, bank accounts, cards and keys.

Every pattern waits behind a cheap test, for hardly any tweet has such a thing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator

from tweetstyle.cleaning.normalise import LINK
from tweetstyle.cleaning.phones import phones_in

Span = tuple[int, int]

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
_SPACE = " \u00a0\u202f"
CARD = re.compile(
    rf"""(?<![\w#@$€£=/.,:+-])
        (?: \d{{13,19}} | \d{{4}}(?P<s>[{_SPACE}-])\d{{4}}(?P=s)\d{{4}}(?P=s)\d{{1,4}}(?:(?P=s)\d{{1,3}})?
          | \d{{4}}(?P<t>[{_SPACE}-])\d{{6}}(?P=t)\d{{4,5}} )
        (?![\w%]|[.,:/-]\d|[{_SPACE}]?[$€£%])""",
    re.X,
)
_ISSUERS = (
    (re.compile(r"4"), (13, 16, 19)),  # Visa
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),  # Mastercard
    (re.compile(r"3[47]"), (15,)),  # American Express
    (re.compile(r"6011|64[4-9]|65"), (16, 19)),  # Discover
    (re.compile(r"30[0-5]|36|3[89]"), (14,)),  # Diners Club
    (re.compile(r"35(?:2[89]|[3-8])"), (16,)),  # JCB
    (re.compile(r"62"), (16, 19)),  # UnionPay
)
"""Prefixes and lengths by ISO/IEC 7812, so that an id that happens to fulfil Luhn's sum stays. 17 and 18 digits are ids of tweets."""

IBAN = re.compile(r"(?<![A-Za-z0-9])([A-Z]{2})\d{2}(?=[ \u00a0\u202f-]?[A-Z0-9])", re.I)
IBAN_LENGTHS = {
    country: int(length)
    for length, countries in {
        "15": "NO", "16": "BE", "18": "DK FI FO GL NL SD", "19": "MK SI", "20": "AT BA EE KZ LT LU XK", "21": "CH HR LI LV",
        "22": "BG BH CR DE GB GE IE ME RS VA", "23": "AE GI IL IQ OM TL", "24": "AD CZ ES MD PK RO SA SE SK TN VG",
        "25": "LY PT ST", "26": "IS TR", "27": "BI DJ FR GR IT MC MR SM", "28": "AL AZ BY CY DO GT HU LB NI PL SV",
        "29": "BR EG PS QA UA", "30": "JO KW MU", "31": "MT SC", "32": "LC", "33": "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip
"""Country → characters of an IBAN, SWIFT's registry."""


def scrub(text: str) -> tuple[str, tuple[tuple[str, int], ...]]:
    """The text with a placeholder for each piece of personal data, and how many of each kind: (("e-mail", 1), …).

    A link's own numbers are no personal data; a key or an e-mail address in it is.
    """
    kinds = [kind for may_have, kinds in SEARCHES if may_have(text) for kind in kinds]
    if not kinds:
        return text, ()
    counts: Counter[str] = Counter()
    for name, placeholder, spans_in in kinds:
        if spans := list(spans_in(text)):
            counts[name] = len(spans)
            text = _replaced(text, spans, placeholder)
    return text, tuple(counts.items())


def emails_in(text: str) -> Iterator[Span]:
    return (match.span() for match in EMAIL.finditer(text))


def keys_in(text: str) -> Iterator[Span]:
    return (match.span() for match in KEY.finditer(text))


def cards_in(text: str) -> Iterator[Span]:
    """Grouped as on a card or in one block, with an issuer's prefix and length, and Luhn's sum."""
    return (match.span() for match in CARD.finditer(text) if is_card(re.sub(r"\D", "", match[0])))


def is_card(digits: str) -> bool:
    """Whether an issuer gives such numbers and Luhn's check digit is right (ISO/IEC 7812-1, annex B)."""
    issued = any(prefix.match(digits) and len(digits) in lengths for prefix, lengths in _ISSUERS)
    doubled = (int(d) * (1 + i % 2) for i, d in enumerate(reversed(digits)))
    return issued and sum(n - 9 * (n > 9) for n in doubled) % 10 == 0


def ibans_in(text: str) -> Iterator[Span]:
    """Country, its length and the check digits are right: the rest is a word that follows."""
    for begin in IBAN.finditer(text):
        length = IBAN_LENGTHS.get(begin[1].upper())
        if length and (end := _end_of_block(text, begin.start(), length)) and is_iban(re.sub(r"[\W_]", "", text[begin.start() : end])):
            yield begin.start(), end


def is_iban(block: str) -> bool:
    """Whether the remainder by 97 is 1 with the first four characters put last and letters as 10 to 35 (ISO 13616, ISO 7064)."""
    moved = block[4:] + block[:4]
    return int("".join(str(int(c, 36)) for c in moved)) % 97 == 1


def _end_of_block(text: str, start: int, length: int) -> int | None:
    """Where this number of ASCII letters and digits ends, single spaces or hyphens between them; None where they do not."""
    seen = 0
    for place in range(start, min(len(text), start + 2 * length)):
        if text[place].isascii() and text[place].isalnum():
            seen += 1
            if seen == length:
                end = place + 1
                return None if end < len(text) and text[end].isalnum() else end
        elif text[place] not in " \u00a0\u202f-" or not text[place - 1].isalnum():
            return None
    return None


def _replaced(text: str, spans: list[Span], placeholder: str) -> str:
    pieces, done = [], 0
    for start, end in spans:
        pieces += [text[done:start], placeholder]
        done = end
    return "".join([*pieces, text[done:]])


_DIGITS = re.compile(r"\d(?:[^\w\n]{0,3}\d){6}")
"""Seven digits near each other: fewer are no telephone number."""


def _may_have_key(text: str) -> bool:
    # Spelled out: a loop over the signs takes four times as long, and this runs on every tweet.
    return (
        ("-" in text and ("sk-" in text or "xox" in text or "glpat-" in text or "PRIVATE KEY" in text))
        or ("_" in text and ("gh" in text or "github_pat_" in text or "k_live_" in text or "k_test_" in text or "hf_" in text))
        or "AKIA" in text
        or "ASIA" in text
        or "AIza" in text
        or "eyJ" in text
    )


def _may_have_email(text: str) -> bool:
    return "@" in text or "at)" in text or "at]" in text or "at}" in text or "arobase" in text or "à)" in text or "à]" in text


def _may_have_number(text: str) -> bool:
    return _DIGITS.search(text) is not None


def _outside_links(spans_in: Callable[[str], Iterator[Span]]) -> Callable[[str], Iterator[Span]]:
    def spans(text: str) -> Iterator[Span]:
        return spans_in(LINK.sub(lambda link: "_" * len(link[0]), text) if "/" in text or "www" in text else text)

    return spans


Kind = tuple[str, str, Callable[[str], Iterator[Span]]]
SEARCHES: tuple[tuple[Callable[[str], bool], tuple[Kind, ...]], ...] = (
    (_may_have_key, (("key", "[clé]", keys_in),)),
    (_may_have_email, (("e-mail", "[courriel]", emails_in),)),
    (
        _may_have_number,
        (
            ("IBAN", "[iban]", _outside_links(ibans_in)),
            ("card", "[carte]", _outside_links(cards_in)),
            ("telephone", "[téléphone]", _outside_links(phones_in)),
        ),
    ),
)
"""The cheap test, and the kinds sought behind it: name, placeholder, search. What is longest is sought first."""

"""The language of a text: everyday words first, then lingua."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tweetstyle.errors import TweetstyleError
from tweetstyle.text.stop_words import ENGLISH, FRENCH

if TYPE_CHECKING:
    from lingua import ConfidenceValue, LanguageDetector

LANGUAGES = dict(
    pair.split("=")
    for pair in (
        "ar=Arabic ca=Catalan cs=Czech da=Danish de=German el=Greek en=English es=Spanish fa=Persian fi=Finnish fr=French he=Hebrew "
        "hi=Hindi hu=Hungarian id=Indonesian it=Italian ja=Japanese ko=Korean nl=Dutch no=Norwegian pl=Polish pt=Portuguese "
        "ro=Romanian ru=Russian sv=Swedish tr=Turkish uk=Ukrainian vi=Vietnamese zh=Chinese"
    ).split()
)
"""ISO 639-1 → name; others are shown by their code."""


FEWEST_WORDS = 4
"""In fewer words lingua guesses."""
LEAST_CONFIDENCE = 2 / 3
"""Below it a language is no more than a guess: it counts as uncertain."""
FEWEST_SIGNS = 2
"""Different words of one language, and none of the other, that settle it."""
CLEAR = 0.99
"""Confidence given to what everyday words settle."""
PORTION = 500
"""Texts that lingua is given at a time."""
MOST_CHARACTERS = 400
"""The language of a long post is decided by its beginning."""

UNCERTAIN = ("", 0.0)

COMPARED = ("ar", "de", "en", "es", "fr", "he", "hi", "it", "ja", "ko", "nl", "pt", "ru", "zh")
"""A language that is none of these is nearer to one of them, by its words or its script, than to another's."""
NO_LANGUAGE = "und"
"""For a script of none of the languages compared. ISO 639-2."""
TIMES_AS_LIKELY, SHORT_TIMES_AS_LIKELY = 2.0, 50.0
"""So much more than its own another language must be, for a text of `FEWEST_TO_COMPARE` words or more, and for a shorter one."""
FEWEST_TO_COMPARE = 3
SHARE_OF_SIGNS = 0.4
"""Of the words, from which everyday words of one language settle a text in any language: Spanish and Italian have a few of them too."""

_NO_LANGUAGE = re.compile(r"https?://\S+|\bwww\.\S+|[@#]\w+|@…|\[\w+\]")
_MAY_HAVE_NO_LANGUAGE = re.compile(r"[@#\[/]|www\.")
_WORD = re.compile(r"[^\W\d_]+'?")
_ACCENTED = re.compile("[àâçèêëîïôùûœ]")
_FOREIGN_CHARACTER = re.compile("[ñ¿¡áíóúìòãõäöüßåøłčšžőşğ]")

# Words that a text in the other language has too, as its own or borrowed ("main street", "a court", "on y va", "sans", "encore").
_OF_BOTH = frozenset(
    """on a me as or via long part six point second million minute minutes sort court cent cents tout sale encore fait main son
    plus dire pour sans met bel as pu tel face cause force six est ces des sa car pas vis dont chose pain if man fine sure
    but bout rendu place case genre premier millions grand""".split()
)
_FOREIGN = (
    frozenset(
        """el los las una del con por para pero muy como esta este hoy sus nos e o il lo gli che di per della sono questo uma não com
    em dos mas isso der die das und ist nicht ein eine ich mit auf het een van niet ik och att det som""".split()
    )
    - FRENCH
    - ENGLISH
)
"""Spanish, Italian, Portuguese, German and their like share short words with French and English: for these, lingua decides."""

_FRENCH_SIGNS = frozenset(FRENCH - ENGLISH - _OF_BOTH) | {"pas", "pour", "plus", "est", "des", "ces", "sans", "dans"}
_ENGLISH_SIGNS = frozenset(
    {word if "'" not in word else word.partition("'")[0] + "'" for word in ENGLISH} - FRENCH - _OF_BOTH - {"y'"} | {"but", "if", "sure"}
)


def languages_of(texts: Sequence[str], likely: Sequence[str], fewest_words: int = FEWEST_WORDS) -> list[tuple[str, float]]:
    """For each text its language among the likely ones (ISO 639-1) and how sure that is, 0 to 1; ("", 0.0) where it is uncertain.

    Emoji, links, handles, hashtags and placeholders are no language; a text of fewer than `fewest_words` words is uncertain.
    Where French and English alone are likely, everyday words settle most texts without lingua.
    Raises TweetstyleError for a language that lingua does not know.
    """
    detector = _detector(tuple(sorted(set(likely))))
    by_words = set(likely) == {"fr", "en"}
    found: list[tuple[str, float]] = []
    open_places, open_texts = [], []
    for place, text in enumerate(texts):
        words_alone = _words_alone(text)
        words = _WORD.findall(words_alone.lower())
        sure = by_words and len(words) >= fewest_words and by_everyday_words(words)
        found.append((sure, CLEAR) if sure else UNCERTAIN)
        if not sure and len(words) >= fewest_words:
            open_places.append(place)
            open_texts.append(words_alone)
    for place, answer in zip(open_places, _by_lingua(open_texts, detector), strict=True):
        found[place] = answer
    # 110 MB that nobody needs any more; they are read again where they are.
    detector.unload_language_models()
    return found


def other_languages(texts: Sequence[str], own: Sequence[str], likely: Sequence[str]) -> list[str]:
    """For each text the language (ISO 639-1) that it is in rather than its own one, else empty: what is short or uncertain is its own.

    own: of each text. likely: compared too, beside COMPARED. The detector's models, 200 MB, stay for the next call: see `unload`.
    Raises TweetstyleError for a language that lingua does not know.
    """
    found = [""] * len(texts)
    places, words_of, open_texts = [], [], []
    for place, text in enumerate(texts):
        words_alone = _words_alone(text)
        words = _WORD.findall(words_alone.lower())
        sure = own[place] in ("fr", "en") and _mostly_everyday_words(words)
        if sure:
            found[place] = sure if sure != own[place] else ""
        elif words:
            places.append(place)
            words_of.append(len(words))
            open_texts.append(words_alone)
    if open_texts:
        detector = _detector(tuple(sorted({*COMPARED, *likely, *own})))
        answers = _confidences(detector, open_texts)
        for place, count, values in zip(places, words_of, answers, strict=True):
            times = TIMES_AS_LIKELY if count >= FEWEST_TO_COMPARE else SHORT_TIMES_AS_LIKELY
            found[place] = _rather({value.language.iso_code_639_1.name.lower(): value.value for value in values}, own[place], times)
    return found


def unload() -> None:
    """Gives the memory back that `other_languages` holds. A detector lets go of its own languages' models only."""
    for detector in _detectors.values():
        detector.unload_language_models()


def _rather(values: dict[str, float], own: str, times: float) -> str:
    """The language that is `times` as likely as its own, if any is. values: 0 throughout for a script of none of them."""
    best = max(values, key=lambda language: values[language], default="")
    if not best or not values[best]:
        return NO_LANGUAGE
    return best if values[best] >= times * values.get(own, 0.0) and best != own else ""


def _mostly_everyday_words(words: list[str]) -> str:
    """ "fr" or "en" where `by_everyday_words` says so and they are a good part of the words."""
    sure = by_everyday_words(words)
    signs = _FRENCH_SIGNS if sure == "fr" else _ENGLISH_SIGNS
    return sure if sure and sum(word in signs for word in words) >= SHARE_OF_SIGNS * len(words) else ""


def by_everyday_words(words: list[str]) -> str:
    """ "fr" or "en" where lower-case words (an elision with its apostrophe) have signs of one alone, else empty."""
    french, english = len(_FRENCH_SIGNS.intersection(words)), len(_ENGLISH_SIGNS.intersection(words))
    if bool(french) == bool(english) or not _FOREIGN.isdisjoint(words):
        return ""
    letters = "".join(words)
    if not letters.isascii():
        if _FOREIGN_CHARACTER.search(letters):
            return ""
        french += bool(french and _ACCENTED.search(letters))
    return "fr" if french >= FEWEST_SIGNS else "en" if english >= FEWEST_SIGNS else ""


def _words_alone(text: str) -> str:
    text = text[:MOST_CHARACTERS].replace("’", "'")
    return _NO_LANGUAGE.sub(" ", text) if _MAY_HAVE_NO_LANGUAGE.search(text) else text


def _by_lingua(texts: list[str], detector) -> list[tuple[str, float]]:
    answers = []
    for values in _confidences(detector, texts):
        best = values[0] if values else None
        sure = best is not None and best.value >= LEAST_CONFIDENCE
        answers.append((best.language.iso_code_639_1.name.lower(), best.value) if sure else UNCERTAIN)
    return answers


def _confidences(detector: LanguageDetector, texts: Sequence[str]) -> Iterator[list[ConfidenceValue]]:
    """Of each text. In portions: the detector keeps every other thread of Python waiting, that of a progress bar too."""
    for start in range(0, len(texts), PORTION):
        yield from detector.compute_language_confidence_values_in_parallel(texts[start : start + PORTION])


_detectors: dict[tuple[str, ...], LanguageDetector] = {}


def _detector(likely: tuple[str, ...]) -> LanguageDetector:
    if likely not in _detectors:
        _detectors[likely] = _new_detector(likely)
    return _detectors[likely]


def _new_detector(likely: tuple[str, ...]) -> LanguageDetector:
    from lingua import IsoCode639_1, LanguageDetectorBuilder

    codes = []
    for language in likely:
        try:
            codes.append(IsoCode639_1.from_str(language))
        except ValueError as error:
            what = f"data.likely_languages has {language}, which the language detector does not know"
            raise TweetstyleError(
                what, where="data.likely_languages", hint="write two-letter codes such as fr, en, es, de, it, pt"
            ) from error
    return LanguageDetectorBuilder.from_iso_codes_639_1(*codes).build()

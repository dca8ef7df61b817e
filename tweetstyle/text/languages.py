"""The language of a text, by lingua."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import _

if TYPE_CHECKING:
    from lingua import LanguageDetector

FEWEST_WORDS = 4
"""In fewer words lingua guesses."""
LEAST_CONFIDENCE = 2 / 3
"""Below it a language is no more than a guess: it counts as uncertain."""
PORTION = 500
"""Texts that lingua is given at a time: the detector keeps every other thread of Python waiting, that of a progress bar too."""
MOST_CHARACTERS = 400
"""The language of a long post is decided by its beginning."""
COMPARED = ("ar", "de", "en", "es", "fr", "he", "hi", "it", "ja", "ko", "nl", "pt", "ru", "zh")
"""A language that is none of these is nearer to one of them, by its words or its script, than to another's."""
NO_LANGUAGE = "und"
"""For a script of none of the languages compared. ISO 639-2."""
TIMES_AS_LIKELY, SHORT_TIMES_AS_LIKELY = 2.0, 50.0
"""So much more than its own another language must be, for a text of `FEWEST_TO_COMPARE` words or more, and for a shorter one."""
FEWEST_TO_COMPARE = 3

_NO_LANGUAGE = re.compile(r"https?://\S+|\bwww\.\S+|[@#]\w+|@…|\[\w+\]")
_WORD = re.compile(r"[^\W\d_]+'?")


def languages_of(texts: Sequence[str], likely: Sequence[str]) -> list[tuple[str, float]]:
    """For each text its language among the likely ones (ISO 639-1) and how sure that is, 0 to 1; ("", 0.0) where it is uncertain.

    Emoji, links, handles, hashtags and placeholders are no language; a text of fewer than FEWEST_WORDS words is uncertain.
    Raises TweetstyleError for a language that lingua does not know.
    """
    bare = list(map(_words_alone, texts))
    long = [place for place, text in enumerate(bare) if len(_WORD.findall(text)) >= FEWEST_WORDS]
    found = [("", 0.0)] * len(texts)
    for place, likelihoods in zip(long, _likelihoods([bare[place] for place in long], likely), strict=True):
        language, sure = next(iter(likelihoods.items()), ("", 0.0))
        if sure >= LEAST_CONFIDENCE:
            found[place] = language, sure
    # 110 MB that nobody needs any more; they are read again where they are.
    unload()
    return found


def other_languages(texts: Sequence[str], own: Sequence[str], likely: Sequence[str]) -> list[str]:
    """For each text the language (ISO 639-1) that it is in rather than its own one, else empty: what is short or uncertain is its own.

    Args:
        texts: the texts.
        own: the language that each is expected in.
        likely: compared too, beside COMPARED.

    Raises:
        TweetstyleError: for a language that lingua does not know.
    """
    bare = list(map(_words_alone, texts))
    found = []
    for text, mine, likelihoods in zip(bare, own, _likelihoods(bare, {*COMPARED, *likely, *own}), strict=True):
        words = len(_WORD.findall(text))
        times = TIMES_AS_LIKELY if words >= FEWEST_TO_COMPARE else SHORT_TIMES_AS_LIKELY
        best, value = next(iter(likelihoods.items()), ("", 0.0))
        if words and not value:
            found.append(NO_LANGUAGE)
        else:
            found.append(best if words and best != mine and value >= times * likelihoods.get(mine, 0.0) else "")
    return found


def unload() -> None:
    """Gives the memory of the detectors back, 200 MB. A detector lets go of its own languages' models only."""
    for detector in _detectors.values():
        detector.unload_language_models()


def _words_alone(text: str) -> str:
    return _NO_LANGUAGE.sub(" ", text[:MOST_CHARACTERS].replace("’", "'"))


def _likelihoods(texts: Sequence[str], languages: Iterable[str]) -> Iterator[dict[str, float]]:
    """For each text language → how likely it is, the likeliest first; all are 0 for a script of none of them."""
    detector = _detector(tuple(sorted(set(languages))))
    for start in range(0, len(texts), PORTION):
        for values in detector.compute_language_confidence_values_in_parallel(texts[start : start + PORTION]):
            yield {value.language.iso_code_639_1.name.lower(): value.value for value in values}


_detectors: dict[tuple[str, ...], LanguageDetector] = {}


def _detector(likely: tuple[str, ...]) -> LanguageDetector:
    if likely in _detectors:
        return _detectors[likely]
    from lingua import IsoCode639_1, LanguageDetectorBuilder

    codes = []
    for language in likely:
        try:
            codes.append(IsoCode639_1.from_str(language))
        except ValueError as error:
            what = _("data.likely_languages has {language}, which the language detector does not know", language=language)
            hint = _("write two-letter codes such as fr, en, es, de, it, pt")
            raise TweetstyleError(what, where="data.likely_languages", hint=hint) from error
    _detectors[likely] = LanguageDetectorBuilder.from_iso_codes_639_1(*codes).build()
    return _detectors[likely]

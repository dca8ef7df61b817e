"""A tweet's words that can name its subject, each with what its neighbours say of it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from tweetstyle.prepare.articles import MAY_PROVE, article_of
from tweetstyle.text.stop_words import STOP_WORDS, Language, guess_language

TOKEN = re.compile(
    r"""https?://\S+ | [@\#]\w+
      | (?:[cdjlmnst]|(?:jus|lors|puis|quoi|quel)?qu)['’](?=[^\W\d_])
      | [^\W\d_]+(?:['’-][^\W\d_]+)*
      | \d[\w.,:/%]*
      | [.!?…\n]+ | [,;:()«»"“”—–|/]""",
    re.X | re.I,
)
SENTENCE_BEGINS_AFTER = frozenset('.!?…\n:;(«"“—–')
SHORTEST, LONGEST = 3, 30
"""Letters. Shorter words are mostly abbreviations, longer ones are no words."""

CACHED = 2**17
"""Distinct tokens remembered: more than the vocabulary of one person."""

_DRAWN_OUT = re.compile(r"(.)\1\1|^(?:h[aeiou]|[aeiou]h)+$")
_DETERMINERS: dict[Language, frozenset[str]] = {
    "fr": frozenset(
        """l' le la les un une des du au aux ce cet cette ces mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs
        chaque quelques""".split()
    ),
    "en": frozenset("the a an my your his her its our their these those every no".split()),
}


class Word(NamedTuple):
    """One occurrence.

    key: lower case with straight apostrophes; surface: as typed, a hashtag without its #; begins: a sentence, where a
    capital says nothing; determined: an article or the like stands before it; article: what a request puts before it, where
    this occurrence proves it.
    """

    key: str
    surface: str
    is_hashtag: bool
    begins: bool
    determined: bool
    article: str | None


_word = lru_cache(CACHED)(Word)
"""One object for all occurrences that are alike: an archive has ten times as many words as different ones."""


def words_of(text: str) -> tuple[Language, list[Word]]:
    """The guessed language and the words that are no stop words, mentions, links or numbers, in their order."""
    tokens = TOKEN.findall(text)
    lower = list(map(_lower, tokens))
    language = guess_language(lower)
    determiners, may_prove = _DETERMINERS[language], MAY_PROVE[language]
    words = []
    for i, name in enumerate(map(_name, lower)):
        if name is not None:
            surface = tokens[i]
            before = lower[i - 1] if i else "."
            if surface[0] == "#":
                words.append(_word(name, surface[1:], True, False, False, None))
            else:
                surface = surface[: len(name)]
                article = article_of(i, lower, surface, language) if before in may_prove else None
                words.append(_word(name, surface, False, before[0] in SENTENCE_BEGINS_AFTER, before in determiners, article))
    return language, words


@lru_cache(CACHED)
def _lower(token: str) -> str:
    return token.lower().replace("’", "'")


@lru_cache(CACHED)
def _name(token: str) -> str | None:
    """The key of a lower-case token that a person would type as a subject: no "noooon", no "va-t-en", no contractions."""
    if token[0] == "#":
        return token[1:] if 2 < len(token) <= LONGEST + 1 and any(c.isalpha() for c in token) else None
    key = token.removesuffix("'s")
    if not key[0].isalpha() or key.startswith("http") or not SHORTEST <= len(key) <= LONGEST:
        return None
    if token in STOP_WORDS or key in STOP_WORDS or "'" in key or _DRAWN_OUT.search(key):
        return None
    return None if "-" in key and key.rpartition("-")[2] in STOP_WORDS else key

"""A tweet's words that can name its subject, each with what its neighbours say of it."""

from __future__ import annotations

import re
from typing import NamedTuple

from tweetstyle.prepare.articles import article_of
from tweetstyle.prepare.stop_words import STOP_WORDS, Language, guess_language

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


def words_of(text: str) -> tuple[Language, list[Word]]:
    """The guessed language and the words that are no stop words, mentions, links or numbers, in their order."""
    tokens = TOKEN.findall(text)
    lower = [token.lower().replace("’", "'") for token in tokens]
    language = guess_language(lower)
    determiners = _DETERMINERS[language]
    words = []
    for i, key in enumerate(lower):
        if key in STOP_WORDS:
            continue
        if key[0] == "#":
            if len(key) > 2 and not key[1:].isnumeric() and len(key) <= LONGEST + 1:
                words.append(Word(key[1:], tokens[i][1:], True, False, False, None))
            continue
        if not key[0].isalpha() or key.startswith("http"):
            continue
        surface = tokens[i]
        if key.endswith("'s"):
            key, surface = key[:-2], surface[:-2]
        if not _names_something(key):
            continue
        begins = i == 0 or tokens[i - 1][0] in SENTENCE_BEGINS_AFTER
        determined = i > 0 and lower[i - 1] in determiners
        words.append(Word(key, surface, False, begins, determined, article_of(i, lower, surface, language)))
    return language, words


def _names_something(key: str) -> bool:
    """Whether a person would type it as a subject: no fragments, no "noooon", no "va-t-en", no contractions."""
    if not SHORTEST <= len(key) <= LONGEST or key in STOP_WORDS or "'" in key or _DRAWN_OUT.search(key):
        return False
    return "-" not in key or key.rpartition("-")[2] not in STOP_WORDS

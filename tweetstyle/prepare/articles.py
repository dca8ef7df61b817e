"""The article that "Parle-moi de …" and "tell me about …" need, taken from the author's own sentences and never guessed.

No dictionary says here that hiver is masculine. An occurrence proves the article where a determiner that cannot be anything else
stands before the word (du, au, des, un, une, cet; the, my, an) and the noun ends with it: behind it stands a stop word,
punctuation or nothing. "au métro." proves "du métro"; "un énorme chat" proves nothing of énorme. le, la, les and l' are
also pronouns ("je la mange"): they count behind a preposition or at the beginning of a sentence, and not before what may be an infinitive.
"""

from __future__ import annotations

import re
import unicodedata

from tweetstyle.text.stop_words import ENGLISH, FRENCH, Language

_MASCULINE, _FEMININE, _PLURAL = {"un", "du", "au"}, {"une", "cette"}, {"des", "aux", "nos", "vos"}
_ONLY_BEFORE_NOUNS = frozenset("dans sur sous avec chez par vers contre pendant depuis devant derrière entre c'est voilà".split())
_BEFORE_NOUNS_OR_VERBS = frozenset("de à pour sans après avant et".split())
_MAY_BE_INFINITIVE = re.compile(r"(?:[^aeiouéèê]er|ir|[cdptv]re|ire)$")
_NOT_INFINITIVE = frozenset("hiver mer soir plaisir avenir souvenir désir loisir livre".split())
_ENGLISH_DETERMINERS = frozenset("the a an my our his their".split())
_ENGLISH_PREPOSITIONS = frozenset("about in during with from".split())
MAY_PROVE: dict[Language, frozenset[str]] = {
    "fr": frozenset(("le", "la", "les", "l'", "cet", "à", "chez", "avec")) | _MASCULINE | _FEMININE | _PLURAL,
    "en": _ENGLISH_DETERMINERS | _ENGLISH_PREPOSITIONS,
}
"""Only behind one of these does `article_of` find anything."""
_BREAKS = frozenset('.!?…\n,;:()«»"“”—–|/')


def article_of(i: int, lower: list[str], surface: str, language: Language) -> str | None:
    """What stands between "Parle-moi" or "tell me about" and the word at `i` of the lower-case tokens, or None without a proof.

    French: "du ", "de la ", "de l'", "des ", "de ", "d'". English: "the " or "".
    """
    if i == 0 or not _noun_ends(i, lower, ENGLISH if language == "en" else FRENCH):
        return None
    return _english(i, lower) if language == "en" else _french(i, lower, surface)


def _noun_ends(i: int, lower: list[str], stop_words: frozenset[str]) -> bool:
    if i + 1 == len(lower):
        return True
    following = lower[i + 1]
    return following[0] in _BREAKS or following in stop_words or following.startswith("http")


def _english(i: int, lower: list[str]) -> str | None:
    if lower[i - 1] in _ENGLISH_DETERMINERS:
        return "the "
    return "" if lower[i - 1] in _ENGLISH_PREPOSITIONS else None


def _french(i: int, lower: list[str], surface: str) -> str | None:
    word, determiner = lower[i], lower[i - 1]
    before = lower[i - 2] if i > 1 else "."
    first = unicodedata.normalize("NFD", word[0])[0]
    elides = first in "aeiouœæ" and not word.startswith("oui")
    if determiner in ("un", "une") and before in ("l'", "quelqu'", "les"):
        return None
    if determiner in _PLURAL:
        return "des "
    if determiner == "cet":
        return "de l'"
    if determiner in ("du", "au"):
        return "du "
    if determiner in _MASCULINE | _FEMININE:
        return "de l'" if elides else None if first in "hy" else "du " if determiner in _MASCULINE else "de la "
    if determiner in ("le", "la", "les", "l'"):
        return {"le": "du ", "la": "de la ", "les": "des ", "l'": "de l'"}[determiner] if _is_article(before, word) else None
    if determiner in ("à", "chez", "avec") and surface[0].isupper() and not surface.isupper() and first not in "hy":
        return "d'" if elides else "de "
    return None


def _is_article(before: str, word: str) -> bool:
    """Whether le, la, les or l' between these two is the article and not the pronoun."""
    if before in _ONLY_BEFORE_NOUNS:
        return True
    begins_sentence = before[0] in ".!?…\n"
    infinitive = _MAY_BE_INFINITIVE.search(word) is not None and word not in _NOT_INFINITIVE
    return (begins_sentence or before in _BEFORE_NOUNS_OR_VERBS) and not infinitive

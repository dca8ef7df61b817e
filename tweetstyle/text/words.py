"""Words of a tweet that may name its topic, their article, and stop words."""

import re
import unicodedata
from importlib.resources import files
from sys import intern
from typing import Literal, NamedTuple

import yaml

Language = Literal["fr", "en"]


def _text(name: str) -> str:
    return files("tweetstyle").joinpath("text", name).read_text(encoding="utf-8")


FRENCH, ENGLISH = (frozenset(_text(f"stop_words_{language}.txt").split()) for language in ("fr", "en"))
"""Function words, auxiliaries, everyday verbs, adverbs and adjectives, fillers of the chat, nouns that name nothing by themselves.

Lower case, straight apostrophes; an elided word keeps its apostrophe."""
STOP_WORDS = FRENCH | ENGLISH
_ONLY_FRENCH, _ONLY_ENGLISH = FRENCH - ENGLISH, ENGLISH - FRENCH

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
_BEFORE_NOUNS = {name: frozenset(words.split()) for name, words in yaml.safe_load(_text("before_nouns.yaml")).items()}


class Word(NamedTuple):
    """One occurrence.

    key: lower case with straight apostrophes; surface: as typed, a hashtag without its #; begins: a sentence, where a
    capital says nothing; determined: an article or the like precedes it; article: what a request puts before it, where
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
    determiners = _BEFORE_NOUNS[f"determiners_{language}"]
    words = []
    for i, name in enumerate(map(_name, lower)):
        if name is not None:
            # A word is one object, however many tweets have it.
            name, surface = intern(name), tokens[i]
            before = lower[i - 1] if i else "."
            if surface[0] == "#":
                words.append(Word(name, intern(surface[1:]), True, False, False, None))
            else:
                surface = intern(surface[: len(name)])
                article = article_of(i, lower, surface, language)
                words.append(Word(name, surface, False, before[0] in SENTENCE_BEGINS_AFTER, before in determiners, article))
    return language, words


def guess_language(words: list[str], otherwise: Language = "fr") -> Language:
    """The language of lower-case words by the different stop words that only one of the two has; `otherwise` where it is even."""
    french, english = len(_ONLY_FRENCH.intersection(words)), len(_ONLY_ENGLISH.intersection(words))
    return otherwise if french == english else "fr" if french > english else "en"


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


_MASCULINE, _FEMININE, _PLURAL = {"un", "du", "au"}, {"une", "cette"}, {"des", "aux", "nos", "vos"}
_MAY_BE_INFINITIVE = re.compile(r"(?:[^aeiouéèê]er|ir|[cdptv]re|ire)$")
_BREAKS = frozenset('.!?…\n,;:()«»"“”—–|/')


def article_of(i: int, lower: list[str], surface: str, language: Language) -> str | None:
    """What comes between "Parle-moi" or "tell me about" and the word at `i` of the lower-case tokens, or None without a proof.

    French: "du ", "de la ", "de l'", "des ", "de ", "d'". English: "the " or "".
    """
    if i == 0 or not _noun_ends(i, lower, ENGLISH if language == "en" else FRENCH):
        return None
    if language == "fr":
        return _french(i, lower, surface)
    return "the " if lower[i - 1] in _BEFORE_NOUNS["article_en"] else "" if lower[i - 1] in _BEFORE_NOUNS["no_article_en"] else None


def _noun_ends(i: int, lower: list[str], stop_words: frozenset[str]) -> bool:
    if i + 1 == len(lower):
        return True
    following = lower[i + 1]
    return following[0] in _BREAKS or following in stop_words or following.startswith("http")


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
    if before in _BEFORE_NOUNS["only_before_nouns"]:
        return True
    begins_sentence = before[0] in ".!?…\n"
    infinitive = _MAY_BE_INFINITIVE.search(word) is not None and word not in _BEFORE_NOUNS["not_infinitive"]
    return (begins_sentence or before in _BEFORE_NOUNS["before_nouns_or_verbs"]) and not infinitive

"""French and English are told apart, and what is no language is not guessed at."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tweetstyle import languages
from tweetstyle.errors import TweetstyleError
from tweetstyle.languages import by_everyday_words, languages_of

BOTH = ("fr", "en")
SAMPLE = Path(__file__).parent.parent / "data" / "raw" / "tweets_tous.csv"

FRENCH = [
    "on s'est rendus à la fin mars, pis c'est pas fini", "y fait frais un cinq août, j'ai mis des bas",
    "C’EST PAS DRÔLE PANTOUTE", "bleuets du lac envoyés par ma tante", "gros frette, gros soleil, p'tit pas",
    "neige annoncée : un sucre en poudre", "@bob je t'aime ben gros https://t.co/a #love #happy 😂😂",
]  # fmt: skip
ENGLISH = [
    "the bus driver waited for me", "I AM NOT DRUNK, I am tired", "don’t tell anyone but they're lying to us",
    "thunder, wet cat, warm bread and jam", "@lise what is this thing https://t.co/a #vélo #été 🦊",
    "hot take : knights are overrated until they fork you",
]  # fmt: skip


@pytest.mark.parametrize(("text", "language"), [(text, "fr") for text in FRENCH] + [(text, "en") for text in ENGLISH])
def test_the_language_of_a_line(text, language):
    [(found, confidence)] = languages_of([text], BOTH)
    assert found == language and 2 / 3 <= confidence <= 1


@pytest.mark.parametrize(
    "text",
    ["", "ok", "je suis là", "so am I", "😂😂😂😂 🦊🦊 🇨🇦", "https://exemple.org/the/man/is/here", "@the @man @is @here #and #i",
     "12 34 56 78 90",     "[lien] [courriel] [lien] @… ok", "это не по-русски ли", "今日はとても良い天気ですね"],
)  # fmt: skip
def test_what_is_short_or_no_language_is_uncertain(text):
    assert languages_of([text], BOTH) == [("", 0.0)]


def test_answers_stand_in_the_order_of_the_texts():
    texts = [FRENCH[0], "ok", ENGLISH[0], "grand chelem à Paris, Nadal souverain", ENGLISH[1]] * 3
    assert [language for language, _ in languages_of(texts, BOTH)] == ["fr", "", "en", "fr", "en"] * 3


@pytest.mark.parametrize(
    "text",
    ["no se que le tu me dices de la casa, ¡es el mejor!", "Además de defender a todos, debemos hacer que la gente",
     "je ne sais pas si the bus is on time",     "questo non è il mio libro, di che si tratta", "les enfants"],
)  # fmt: skip
def test_everyday_words_do_not_settle_other_languages_and_mixtures(text):
    assert by_everyday_words(languages._WORD.findall(text.lower())) == ""


def test_other_languages_may_be_likely():
    texts = ["No sé qué hacer con mi vida esta semana", "Ich weiß nicht, was ich heute machen soll", FRENCH[0]]
    assert [language for language, _ in languages_of(texts, ("fr", "es", "de"))] == ["es", "de", "fr"]


def test_a_language_that_is_unknown_is_refused_with_its_name():
    with pytest.raises(TweetstyleError, match="zz"):
        languages_of(["un deux trois quatre"], ("fr", "zz"))


def test_the_shortcut_agrees_with_lingua_on_the_sample_archive():
    with SAMPLE.open(encoding="utf-8", newline="") as stream:
        texts = [languages._words_alone(row["texte"]) for row in csv.DictReader(stream)]
    settled = [(text, found) for text in texts if (found := by_everyday_words(languages._WORD.findall(text.lower())))]
    answers = languages._by_lingua([text for text, _ in settled], languages._detector(("en", "fr")))
    differ = sum(language not in ("", found) for (_, found), (language, _) in zip(settled, answers, strict=True))
    assert len(settled) > 0.8 * len(texts)
    assert differ <= 0.005 * len(settled)

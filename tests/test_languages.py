"""French and English are distinguished, and what is no language is not guessed at."""

import pytest

from tweetstyle.errors import TweetstyleError
from tweetstyle.text.languages import languages_of, other_languages

BOTH = ("fr", "en")

FRENCH = [
    "on s'est rendus à la fin mars, pis c'est pas fini", "y fait frais un cinq août, j'ai mis des bas",
    "C’EST PAS DRÔLE PANTOUTE", "bleuets du lac envoyés par ma tante", "gros frette, gros soleil, p'tit pas",
    "neige annoncée : un sucre en poudre", "@bob je t'aime ben gros, ma belle Lise https://t.co/a #love #happy 😂😂",
]  # fmt: skip
ENGLISH = [
    "the bus driver waited for me", "I AM NOT DRUNK, I am tired", "don’t tell anyone but they're lying to us",
    "thunder, wet cat, warm bread and jam", "@lise what is this thing https://t.co/a #vélo #été 🦊",
    "hot take : knights are overrated until they fork you",
]  # fmt: skip


@pytest.mark.parametrize(("text", "language"), [(text, "fr") for text in FRENCH] + [(text, "en") for text in ENGLISH])
def test_the_language_of_a_line(text, language):
    short, (found, confidence) = languages_of(["ok", text], BOTH)
    assert short == ("", 0.0) and found == language and 2 / 3 <= confidence <= 1


@pytest.mark.parametrize(
    "text",
    ["", "ok", "je suis là", "so am I", "😂😂😂😂 🦊🦊 🇨🇦", "https://exemple.org/the/man/is/here", "@the @man @is @here #and #i",
     "12 34 56 78 90",     "[lien] [courriel] [lien] @… ok", "это не по-русски ли", "今日はとても良い天気ですね"],
)  # fmt: skip
def test_what_is_short_or_no_language_is_uncertain(text):
    assert languages_of([text], BOTH) == [("", 0.0)]


def test_a_language_that_is_unknown_is_refused_with_its_name():
    with pytest.raises(TweetstyleError, match="zz"):
        languages_of(["un deux trois quatre"], ("fr", "zz"))


OWN = {
    "fr": "Il fait froid chez toi ?|Mon chat dort encore.|J'ai raté le bus.|Écris un tweet sur ton vélo.|Raconte ta journée au marché.|"
    "Le café est meilleur ici.|T'as fini ton livre ?|Le match était nul.|Encore une panne de métro.|Les voisins chantent encore.",
    "en": "Is it cold there?|My cat is still asleep.|I missed my bus.|Write a tweet about your bike.|Tell us about your day.|"
    "Coffee tastes better here.|Have you finished that book?|That game was awful.|Another subway breakdown.|Neighbours singing again.",
}
SHORT = {
    "fr": "ok ?|on mange ?|quoi ?|lol|Et toi ?|Super !|Sushi ?|Netflix ?|Bof.|Tiguidou !|Zug ?|haha oui|12 ?",
    "en": "ok?|And you?|lol|Sushi?|Netflix?|Meh.|No.|Dinner?|haha yes|Go Habs!|Toronto?",
}
FOREIGN = {
    "de": "Hast du den Schnee gesehen?|Meine Katze schläft noch.|Ich habe den Bus verpasst.|Schreib einen Tweet über dein Fahrrad.|"
    "Der Kaffee schmeckt hier besser.|Die Nachbarn singen wieder.|Warum nicht?",
    "es": "¿Cómo está tu rodilla?|Mi gato sigue durmiendo.|Perdí el autobús.|Escribe un tuit sobre tu bicicleta.|"
    "El café sabe mejor aquí.|Los vecinos cantan otra vez.|Mi hermana llega mañana.",
    "ru": "Как дела?|Кот спит.", "ja": "今日は寒いですね", "el": "Πού είναι η γάτα;",
}  # fmt: skip


@pytest.mark.parametrize("own", BOTH)
def test_a_message_in_its_own_language_is_in_no_other_however_short_it_is(own):
    messages = [*OWN[own].split("|"), *SHORT[own].split("|")]
    found = other_languages(messages, [own] * len(messages), BOTH)
    assert {message: other for message, other in zip(messages, found, strict=True) if other} == {}


@pytest.mark.parametrize("own", BOTH)
@pytest.mark.parametrize("other", [*FOREIGN, *BOTH])
def test_a_message_in_another_language_is_not_taken_for_its_own_though_none_but_french_and_english_are_likely(own, other):
    if own == other:
        return
    messages = (FOREIGN | OWN)[other].split("|")
    found = other_languages(messages, [own] * len(messages), BOTH)
    assert all(found), [message for message, language in zip(messages, found, strict=True) if not language]
    assert other == "el" or found.count(other) >= 0.7 * len(found)

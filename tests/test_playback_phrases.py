"""Words about the task are known by what they say, and what friends say to each other passes."""

from __future__ import annotations

import pytest

from tweetstyle.playback.checks import EMPTY, INSTRUCTION, is_kind, tidy, whats_wrong
from tweetstyle.playback.selection import Alike, MessageRequest

ABOUT = """
Here is a remark from a friend:
Voici une remarque d'un ami :
Ce tweet parle d'un chat.
This tweet is about a storm.
The author of the tweet is tired.
L'auteur du tweet est fatigué.
Le texte décrit une panne.
The text in quotes is funny.
Sure, here is a short sentence about rain.
Bien sûr, voici une question sur la pluie.
Here are the questions:
Le message évoque un voyage.
"""
INNOCENT = """
Tu utilises ChatGPT pour ça ?
Je peux pas venir demain.
Je ne peux pas écrire avec ce stylo.
Je peux pas t'aider samedi, je travaille.
Désolé, je suis en retard !
Désolée, je peux pas ce soir.
Je ne peux pas dormir.
Je suis désolée, mais ton chat est énorme.
Je ne peux pas répondre au téléphone en voiture.
Je suis pas capable de finir mon assiette.
Je veux pas de neige avant décembre.
Je peux pas lire tes textes sans rire.
Je suis un modèle pour mon frère.
Mon assistante est en vacances.
Tu travailles chez Google ?
Voici mon chat.
Voilà la neige.
Ce tweet est vraiment drôle.
Tu as reçu mon message ?
C'est quoi ta question ?
La demande de passeport traîne encore.
On mange ?
Tu lis encore tes vieux textes ?
Le message de ma mère m'a fait rire.
Malheureusement, je dois partir.
Je ne peux pas croire que c'est lundi.
Il n'est pas capable de se taire.
I can't help laughing.
I can't write with this pen.
I can't believe it's winter again.
I can't do that dance anymore.
Sorry I'm late!
I'm sorry, but your cat is huge.
I won't go out in that rain.
I'm not able to sleep.
I'm unable to find my keys.
I can't answer the phone while driving.
I can't create a garden in this heat.
I don't have feelings about hockey.
Do you use ChatGPT at work?
Did you get my message?
Here is my cat.
Here's the snow.
This tweet is hilarious.
Is that a language model or a toaster?
My assistant is on vacation.
Unfortunately, it rained.
The author of that novel lives here.
She writes texts all day.
I can't do stairs today.
My question is simple.
I'm a model student.
Je peux pas ouvrir ton message.
Je ne peux pas envoyer de textes, j'ai plus de batterie.
I can't answer his texts right now.
I don't have access to the roof.
"""


def wrong(message: str) -> str:
    kind = "question" if message.endswith("?") else "remark"
    return whats_wrong(tidy(message), MessageRequest("1", "il neige", "fr", kind), 30, set(), Alike())


def lines(table: str) -> list[str]:
    return table.strip().splitlines()


@pytest.mark.parametrize("message", lines(ABOUT))
def test_words_about_the_task_are_no_message(message):
    assert wrong(message) in (INSTRUCTION, EMPTY)


@pytest.mark.parametrize("message", lines(INNOCENT))
def test_what_friends_say_is_neither(message):
    assert wrong(message) == ""


@pytest.mark.parametrize(
    ("answer", "message"), [("Voici une remarque d'un ami : Il pleut.", "Il pleut."), ("Here's a question: Tea?", "Tea?")]
)
def test_an_announcement_before_a_message_is_taken_off(answer, message):
    assert tidy(answer) == message


@pytest.mark.parametrize(
    ("message", "wished"),
    [
        ("Écris un tweet sur ton chat.", True), ("Raconte-nous ta journée.", True), ("Un tweet sur le pain !", True),
        ("S'il te plaît, parle du match.", True), ("Peux-tu nous dire un mot sur la pluie ?", True), ("Zug, fais une blague.", True),
        ("J’aimerais que tu racontes, ou que tu fasses un tweet.", True), ("Please tell us about your knee.", True),
        ("Could you write something about rain?", True), ("Make a joke about rain.", True), ("Tweet about coffee.", True),
        ("Do you make bread?", False), ("Tu fais du pain ?", False), ("Je parle anglais.", False), ("They make bread here.", False),
        ("Il dit que oui.", False), ("Did she tell you?", False), ("Is that your tweet?", False),
    ],
)  # fmt: skip
def test_a_request_asks_for_words(message, wished):
    assert is_kind(message, "request") == wished

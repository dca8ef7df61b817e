"""Refusals, words about the task and requests are known by what they say; most of what friends say to each other passes."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tweetstyle.playback.checks import EMPTY, INSTRUCTION, is_kind, tidy, whats_wrong
from tweetstyle.playback.phrases import is_refusal
from tweetstyle.playback.selection import MessageRequest

REFUSED = """
Je ne peux pas créer de contenu offensant.
Je ne peux pas écrire ce message.
Désolé, je ne peux pas faire cela.
Je suis désolée, mais je ne peux pas répondre à cette demande.
Je ne suis pas en mesure de rédiger un tel texte.
Malheureusement, je ne peux pas faire ça.
Je ne peux pas donner suite à votre requête.
Je ne suis qu'une intelligence artificielle.
En tant qu'assistant, je reste neutre.
J’ai été créé par OpenAI.
Je refuse de rédiger ce tweet.
Il m'est impossible de répondre à cette demande.
Je suis désolé, mais je ne peux pas.
Je préfère ne pas répondre à cette question.
Je n'ai pas d'opinions personnelles.
Je ne suis pas programmé pour répondre.
JE NE PEUX PAS RÉPONDRE.
Je crains de ne pas pouvoir répondre.
Désolé, cette demande dépasse mes capacités.
Désolé, je ne comprends pas votre demande.
Je ne saurais répondre à cette question.
Nous ne pouvons pas répondre à cette demande.
I cannot engage with that.
Sorry, I'm not able to do that.
I'm sorry, but I can't help with that.
I am unable to fulfil your request.
I'm not comfortable writing this message.
I must decline to answer this prompt.
As a language model, I have no cat.
I'm just an AI.
I was trained by Google.
It would be inappropriate for me to answer.
I'm sorry, but I can't.
I'd rather not answer that question.
I can't say anything offensive about women.
My apologies, but I can't do that.
I must respectfully decline to answer.
I don't think I can answer that.
I cannot and will not write that.
This is not something I can help with.
That's against my guidelines.
I'm sorry, I don't understand the request.
"""
FRIENDS = """
désolé, je peux pas venir ce soir
I can't come tonight, sorry
Désolé, je ne peux pas venir ce soir.
Je suis désolé, mais je ne peux pas rester plus longtemps.
Je ne peux pas parler, je suis au cinéma.
I can't say no to my mother.
I can't do that.
Je ne peux pas faire ça.
Je ne veux pas en parler.
I'm afraid of spiders.
Unfortunately I can't eat bread.
Je refuse de manger des huîtres.
I'd rather not go.
As an artist, I love that.
En tant que mère, je comprends.
J'ai été conçu par accident.
Désolé, j'ai oublié ton anniversaire.
I'm sorry, but I ate your sandwich.
Je refuse.
Tu utilises ChatGPT pour ça ?
Je suis un modèle pour mon frère.
Mon assistante est en vacances.
Voici mon chat.
Ce tweet est vraiment drôle.
Tu as reçu mon message ?
C'est quoi ta question ?
Le message de ma mère m'a fait rire.
I don't have feelings about hockey.
Here's the snow.
Is that a language model or a toaster?
The author of that novel lives here.
"""
ABOUT = """
Here is a remark from a friend:
Voici une remarque d'un ami :
Ce tweet parle d'un chat.
This tweet is about a storm.
L'auteur du tweet est fatigué.
The text in quotes is funny.
Bien sûr, voici une question sur la pluie.
Le message évoque un voyage.
"""


def wrong(message: str) -> str:
    kind = "question" if message.endswith("?") else "remark"
    return whats_wrong(tidy(message), MessageRequest("1", "il neige", "fr", kind), 30)


@pytest.mark.parametrize("message", REFUSED.strip().splitlines())
def test_a_refusal_is_one(message):
    assert is_refusal(message) and is_refusal(message.upper().replace("'", "’").replace(" ", "  "))


@pytest.mark.parametrize("message", FRIENDS.strip().splitlines())
def test_what_a_friend_says_is_a_message(message):
    assert not is_refusal(message) and wrong(message) == ""


@pytest.mark.parametrize("message", ABOUT.strip().splitlines())
def test_words_about_the_task_are_no_message(message):
    assert wrong(message) in (INSTRUCTION, EMPTY)


@given(st.lists(st.sampled_from(["sorry", "désolé,", "mais", "oh", "help", "I can't", "je ne", "…", "!"])).map(" ".join))
@example("sorry, but " * 30)
def test_any_text_is_checked_soon(text):
    """hypothesis gives each a fifth of a second."""
    assert is_refusal(text) in (True, False)


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

"""A model's refusal is known by what it says, however it is wrapped; a friend's apology and a friend's inability are messages."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tweetstyle.playback.checks import REFUSAL, whats_wrong
from tweetstyle.playback.refusals import is_refusal
from tweetstyle.playback.selection import Alike, MessageRequest

REFUSED = """
Je ne peux pas créer de contenu offensant.
Je ne peux pas écrire ce message.
Désolé, je ne peux pas faire cela.
Je suis désolée, mais je ne peux pas répondre à cette demande.
Je ne suis pas en mesure de rédiger un tel texte.
Je ne suis pas capable de produire ce type de propos.
Je préfère pas traiter ce sujet.
Malheureusement, je ne peux pas faire ça.
Je ne peux pas vous aider.
Je ne peux pas t'aider avec ça.
Je ne peux pas donner suite à votre requête.
Je ne suis qu'une intelligence artificielle.
Je suis un modèle de langage.
En tant qu'assistant, je reste neutre.
J’ai été créé par OpenAI.
I cannot engage with that.
Sorry, I'm not able to do that.
I'm sorry, but I can't help with that.
I can’t write that.
I won't create this kind of content.
I am unable to fulfil your request.
I'm not comfortable writing this message.
Unfortunately, I cannot do this.
I can't assist you with this.
I cannot provide a response.
I must decline to answer this prompt.
As a language model, I have no cat.
I'm just an AI.
I am ChatGPT.
I was trained by Google.
Je refuse de rédiger ce tweet.
Je ne peux malheureusement pas écrire cela.
Il m'est impossible de répondre à cette demande.
Je ne peux pas participer à cette conversation.
It would be inappropriate for me to answer.
Désolé, mais je ne peux pas répondre.
Je suis désolé, je ne suis pas en mesure de répondre.
Je suis désolé, je ne suis pas en mesure de fournir des conseils.
Je suis désolé, mais je ne peux pas.
Je ne peux pas répondre.
Je ne peux pas vous répondre.
Désolé, je ne peux pas y répondre.
Je ne peux pas répondre à ton message.
Je ne peux pas répondre à ta demande.
Je ne peux pas écrire de tweet.
Je ne peux pas écrire de tweet sur ce sujet.
Je ne peux pas créer un message qui insulte quelqu'un.
I'm sorry, but I can't.
I'm sorry, but I can't assist with that.
I can't help.
I'm unable to help.
I cannot answer.
I'm sorry, I can't answer that question.
I'm really sorry, but I'm not able to respond to that.
I apologize, but I cannot write this.
I can't write about that.
Sorry, but I can't continue.
Je ne peux pas répondre. Désolé.
Je ne peux pas répondre, désolé.
I can't help with that. Is there anything else I can help you with?
Désolé, je ne peux pas vous aider. Puis-je vous aider avec autre chose ?
Je préfère ne pas répondre à cette question.
Je préfère ne pas répondre.
I'd rather not answer that question.
I won't answer that.
Il m'est impossible de répondre.
Je n'ai pas la possibilité de répondre.
Je n'ai pas d'opinions personnelles.
As an AI, I can't laugh.
En tant qu'IA, je ne ris pas.
I can't create content that insults people.
I can't say anything offensive about women.
Je ne peux pas dire quelque chose d'offensant.
I cannot provide medical advice.
I'm sorry, but I cannot fulfill your request.
Bonjour, je suis désolé mais je ne peux pas répondre à votre question.
My apologies, but I can't do that.
Sorry, I can't write that for you.
I am not programmed to write tweets.
Je ne suis pas programmé pour répondre.
Je ne suis pas autorisé à écrire ce message.
I must respectfully decline to answer.
JE NE PEUX PAS RÉPONDRE.
Malheureusement, je ne peux pas vous aider avec cela.
Je crains de ne pas pouvoir répondre.
I don't think I can answer that.
I don't feel comfortable answering.
Je suis vraiment désolé, mais je ne peux malheureusement pas répondre à cela.
Désolée, je ne peux pas discuter de ce sujet.
Je ne peux pas fournir d'informations à ce sujet.
Je ne peux pas imaginer ce genre de message.
Je ne suis pas en mesure de vous répondre.
Désolé, cette demande dépasse mes capacités.
Désolé, je ne comprends pas votre demande.
Je ne peux pas accéder à votre demande.
Je ne peux pas répondre à ça.
Je ne pourrais pas écrire un tel message.
Je ne saurais répondre à cette question.
Je ne souhaite pas répondre.
Je ne peux rien écrire sur ce sujet.
Nous ne pouvons pas répondre à cette demande.
Désolé, je ne peux pas rédiger la question d'un ami.
I'm so sorry, but I cannot write a message about this.
I can not help you with this request.
I'm sorry but I am unable to provide that.
Sorry, I can't assist with this one.
I will not write this.
I can't in good conscience write this.
I can't engage with this topic.
I can't do that, sorry.
I cannot and will not write that.
We cannot answer this request.
Sorry, but that request is not something I can help with.
This is not something I can help with.
I'm an AI assistant, so I don't get tired.
As a chatbot I never sleep.
I was developed by OpenAI to help people.
That's against my guidelines.
I'd prefer not to respond to that.
I'm sorry, I don't understand the request.
Je suis un assistant IA.
Je suis une IA.
Je suis désolé, mais en tant que modèle de langage je ne dors pas.
Il n'est pas approprié de répondre.
""".strip().splitlines()
FRIENDS = """
désolé, je peux pas venir ce soir
Désolé, je peux pas répondre.
Désolé, je ne peux pas répondre, je conduis.
Désolé je peux pas te répondre tout de suite
I can't come tonight, sorry
Sorry, I can't.
Désolée, je peux pas.
Désolé, je ne peux pas venir ce soir.
I'm sorry, but I can't come to your party.
Je suis désolé, mais je ne peux pas rester plus longtemps.
I can't help you move on Sunday.
I can't help you with the sofa on Sunday.
I can't help it.
I can't help you carry that.
Je ne peux pas vous aider à déménager samedi.
Je ne peux pas t'écrire tous les jours.
Je ne peux pas répondre à ton message maintenant, je travaille.
Je ne peux pas parler, je suis au cinéma.
Je ne peux pas écrire sans mes lunettes.
I can't participate in the race on Sunday.
I can't write a text with these gloves.
I can't talk right now.
I can't say no to my mother.
I can't say no to that cake.
I won't do it.
I can't do it.
I can't do that.
Je ne peux pas faire ça.
Je ne veux pas en parler.
Je ne vais pas répondre à ma mère aujourd'hui.
Je ne suis pas en mesure de payer le loyer.
Je ne suis pas capable de dire non.
I'm unable to answer my phone at work.
I'm not going to answer him.
I don't want to talk about my knee.
I don't want to do this anymore.
I'm afraid I can't make it.
I'm afraid of spiders.
Unfortunately I can't eat bread.
I can't provide for my cats.
I can't answer the door in this bathrobe.
Je refuse de manger des huîtres.
Je refuse de répondre au téléphone avant midi.
Il m'est impossible de dormir.
Je ne pense pas pouvoir venir.
Je préfère ne pas sortir ce soir.
I'd rather not go.
I'd rather not say.
Pardon, je suis en retard.
J'ai pas le droit de manger du sucre.
I can't create an account, can you help?
Je ne peux pas créer mon compte, tu peux m'aider ?
Je ne peux pas te dire où je suis.
Je ne peux pas dire que j'aime ça.
Tu ne peux pas répondre ?
He can't answer.
On ne peut pas répondre.
I can't give you that recipe.
Excuse-moi, je dormais.
As an artist, I love that.
En tant que mère, je comprends.
I refuse to answer before coffee.
Sorry, I can't reply before noon.
Désolé, je ne peux pas partager mon parapluie.
J'ai été conçu par accident.
Désolé, j'ai oublié ton anniversaire.
Désolé, je ne peux pas te prêter mon vélo.
Je ne peux pas t'aider à monter l'armoire demain.
Je peux plus répondre, mon téléphone est mort.
Je ne peux rien faire sans café.
Je ne peux pas écrire un roman en une semaine.
Je ne peux pas écrire à mon prof, il est trop sévère.
Je ne peux pas discuter avec ce chat.
Je ne peux pas continuer comme ça.
Je ne peux pas participer au tournoi samedi.
Je ne veux pas répondre à mon patron.
Je ne suis pas autorisé à entrer dans la cuisine.
Je suis désolé pour ton vélo.
Je suis désolée, je ne t'ai pas vue.
Je n'ai pas le droit de conduire.
Je ne sais pas répondre à ta sœur.
Impossible de dormir avec cette chaleur.
Il m'est impossible de répondre à ma mère sans pleurer.
Je ne pense pas pouvoir finir ce livre.
Je ne pense pas venir.
I can't answer that, my mouth is full.
I can't reply to everyone at once.
Sorry, I can't help laughing at your hat.
I can't help but wonder.
I can't write poems anymore.
I can't write with my left hand.
I can't say I miss winter.
I'm sorry, but I ate your sandwich.
I'm sorry but pineapple is good.
I am not able to reach the top shelf.
I'm not comfortable with heights.
I'm not going to lie.
I don't want to give up sugar.
I refuse to wear a hat.
I decline every party.
I won't tell anyone.
I can't give up coffee.
I can't share my fries.
I can't discuss politics with my uncle.
I can't create anything before noon.
I couldn't answer in time.
I couldn't help it.
I couldn't write a word today.
I have to decline, I have no babysitter.
I must decline the cake.
I'd rather not talk about the match.
I can't do this anymore.
I can't do this without coffee.
Sorry about the noise.
Désolé du retard, le bus est en panne.
I'm afraid I can't come.
Je crains de ne pas pouvoir venir.
Je regrette de ne pas être venu.
Je refuse.
J'ai été développé par mon père, dit-il.
""".strip().splitlines()


@pytest.mark.parametrize("message", REFUSED)
def test_a_refusal_is_one(message):
    assert is_refusal(message)


@pytest.mark.parametrize("message", FRIENDS)
def test_what_a_friend_says_is_none(message):
    assert not is_refusal(message)


@pytest.mark.parametrize("kind", ["question", "remark", "request"])
def test_a_refusal_is_rejected_as_that_whatever_was_asked_for(kind):
    ask = MessageRequest("1", "il neige", "fr", kind)
    assert whats_wrong("Désolé, mais je ne peux pas répondre.", ask, 30, set(), Alike()) == REFUSAL


# -- refusals put together ----------------------------------------------------------------------------------

SORRY_FR = st.sampled_from(["", "Désolé, ", "Je suis désolée, mais ", "Malheureusement, ", "Oh, désolé ! ", "Bonjour, je regrette, mais "])
SORRY_EN = st.sampled_from(["", "Sorry, ", "I'm sorry, but ", "I'm really sorry, but ", "Unfortunately, ", "Hi! I apologize, but "])
CANNOT_FR = st.sampled_from(
    ["je ne peux pas ", "je ne suis pas en mesure de ", "je ne peux malheureusement pas ", "il m'est impossible de "]
)
CANNOT_EN = st.sampled_from(["I can't ", "I cannot ", "I am unable to ", "I'm not able to ", "I won't "])
WORDS_FR = st.sampled_from(["répondre", "rédiger cela", "répondre à cette demande", "créer ce type de contenu", "traiter ce sujet"])
WORDS_EN = st.sampled_from(["answer", "write that", "help with that", "respond to this request", "create such content"])
END = st.sampled_from(["", ".", " .", "!", "…", ". Désolé.", ", sorry."])
REFUSALS = st.tuples(SORRY_FR, CANNOT_FR, WORDS_FR, END) | st.tuples(SORRY_EN, CANNOT_EN, WORDS_EN, END)


@given(REFUSALS, st.sampled_from([str, str.upper, str.lower, lambda text: text.replace("'", "’"), lambda text: text.replace(" ", "  ")]))
def test_courtesy_case_apostrophes_and_spaces_hide_no_refusal(parts, written):
    assert is_refusal(written("".join(parts)))


DEEDS_FR = st.sampled_from(["venir", "dormir", "manger d'huîtres", "monter l'armoire", "payer le loyer", "courir avec ce genou"])
DEEDS_EN = st.sampled_from(["come", "sleep", "eat oysters", "reach the shelf", "pay the rent", "run with this knee"])
LIFE_FR = st.sampled_from(["", " ce soir", " avant midi", ", je travaille", " avec ma sœur"])
LIFE_EN = st.sampled_from(["", " tonight", " before noon", ", I'm at work", " with my sister"])
DEEDS = st.tuples(SORRY_FR, CANNOT_FR, DEEDS_FR, LIFE_FR, END) | st.tuples(SORRY_EN, CANNOT_EN, DEEDS_EN, LIFE_EN, END)


@given(DEEDS)
def test_what_is_not_done_with_words_is_a_friends_whatever_the_apology(parts):
    assert not is_refusal("".join(parts))


@given(
    st.text(max_size=300)
    | st.lists(st.sampled_from(["sorry", "désolé,", "mais", "oh", "is there", "help", "I can't", "…", "!"])).map(" ".join)
)
@example("is there " * 30)
@example("sorry, but " * 30)
def test_any_text_is_looked_at_without_an_error(text):
    """And soon: hypothesis gives each a fifth of a second."""
    assert is_refusal(text) in (True, False)

"""Each reason for which a message is rejected, and that what friends say to each other passes."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tweetstyle.playback import checks
from tweetstyle.playback.checks import are_alike, bare_words, is_kind, tidy, whats_wrong
from tweetstyle.playback.requests import MessageRequest

TWEET = "le fond de l'air est mou, pis mon chat dort dans le carré de soleil qui avance 🦊"
REFUSALS = """
Je ne peux pas créer de contenu offensant.
Je ne peux pas écrire ce message.
Je suis désolée, mais je ne peux pas répondre à cette demande.
Je ne peux pas donner suite à votre requête.
Désolé, je ne comprends pas votre demande.
Désolé, je ne peux pas vous aider avec cela.
Je ne suis qu'une intelligence artificielle.
En tant qu'assistant, je reste neutre.
J’ai été créé par OpenAI.
Je n'ai pas d'opinions personnelles.
I cannot engage with that.
I'm sorry, but I can't help with that.
I can't assist with that.
I am unable to fulfil your request.
I can't create content about women.
As a language model, I have no cat.
I'm just an AI.
I was trained by Google.
I'm sorry, I don't understand the request.
"""
FRIENDS = """
désolé, je peux pas venir ce soir
Je ne peux pas parler, je suis au cinéma.
Je ne peux pas t'écrire ce soir, désolé.
Je ne peux pas répondre au téléphone en conduisant.
Je ne peux pas t'aider à déménager samedi.
Je ne peux pas faire ça.
Je ne veux pas en parler.
Je refuse de manger des huîtres.
Je suis désolée, mais je ne peux pas.
En tant que mère, je comprends.
Tu utilises ChatGPT pour ça ?
Je suis un modèle pour mon frère.
Voici mon chat.
Ce tweet est vraiment drôle.
Tu as reçu mon message ?
C'est quoi ta question ?
Tu as lu cette demande de la mairie ?
I'm sorry, but I can't.
I can't help you move on Saturday.
I can't write in this weather.
I can't answer my phone at work.
I'm not comfortable with heights.
As an artist, I love that.
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
The text in quotes is funny.
Bien sûr, voici une question sur la pluie.
"""


def wrong(message: str, kind: str = "question", text: str = TWEET, language: str = "fr", most_words: int = 30) -> str:
    return whats_wrong(message, MessageRequest("1", text, language, kind), most_words)


@pytest.mark.parametrize(
    ("message", "kind", "reason"),
    [
        ("", "question", checks.EMPTY),
        ("🦊 … ?", "question", checks.EMPTY),
        ("C'est " + "très " * 28 + "bien ?", "question", checks.TOO_LONG),
        ("C'est " + "très " * 27 + "bien ?", "question", ""),
        ("Pourquoi mon chat dort dans le carré ?", "question", checks.COPIED),
        ("I'm sorry, but I can't help with that.", "remark", checks.REFUSAL),
        ("Une seule phrase courte, en français, d'accord ?", "question", checks.INSTRUCTION),
        ("Comment va ta mère ?", "question", checks.EXAMPLE),
        ("Comment… va ta MÈRE ?!?", "question", checks.EXAMPLE),
        ("Comment va ton grand frère ?", "question", ""),
        ("Il fait beau.", "question", checks.KIND),
        ("Il fait beau ?", "remark", checks.KIND),
        ("Il fait beau.", "request", checks.KIND),
    ],
)
def test_each_reason(message, kind, reason):
    assert wrong(message, kind) == reason


def test_what_a_model_says_is_a_refusal_or_about_the_task_and_what_a_friend_says_is_a_message():
    def verdict(message: str) -> str:
        return wrong(tidy(message), "question" if message.endswith("?") else "remark", "il neige")

    for message in REFUSALS.strip().splitlines():
        assert verdict(message) == verdict(message.upper().replace("'", "’")) == checks.REFUSAL, message
    for message in ABOUT.strip().splitlines():
        assert verdict(message) in (checks.INSTRUCTION, checks.EMPTY), message
    assert [message for message in FRIENDS.strip().splitlines() if verdict(message)] == []


@given(st.lists(st.sampled_from("abcdefgh"), min_size=0, max_size=12), st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=12))
def test_a_shared_run_is_found_wherever_it_is(said, tweeted):
    """Against the plain definition: some five words in a row are the same."""
    shared = any(said[i : i + 5] == tweeted[j : j + 5] for i in range(len(said) - 4) for j in range(len(tweeted) - 4))
    copied = bool(said) and (shared or said == tweeted)
    assert (wrong(" ".join(said) + " ?", "question", " ".join(tweeted)) == checks.COPIED) == copied


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ('\n\n "Ça va ?" \nEt toi ?', "Ça va ?"),
        ("« Ça va ? »", "Ça va ?"),
        ("Question de l'ami : Ça va ?", "Ça va ?"),
        ("Voici une remarque d’un ami : Il pleut.", "Il pleut."),
        ("Message: **Ça va ?**", "Ça va ?"),
        ("<think>He wants\n\na question</think>\n\nÇa va ?", "Ça va ?"),
        ("<think>and never ends", ""),
        ("\n  \n", ""),
        ("Question bête : ça va ?", "Question bête : ça va ?"),
        ("Ma question est simple : ça va ?", "Ma question est simple : ça va ?"),
    ],
)
def test_a_message_is_taken_out_of_what_is_around_it(answer, message):
    assert tidy(answer) == message


@given(st.text(), st.sampled_from(["question", "remark", "request"]))
@example("''", "remark")
@example("sorry, but " * 30, "remark")
def test_any_answer_becomes_one_line_and_gets_a_reason_or_none(answer, kind):
    message = tidy(answer)
    assert len(message.splitlines()) <= 1 and message == message.strip()
    assert set(bare_words(message)) <= set(bare_words(answer)) | set(bare_words(" ".join(answer.split())))
    assert wrong(message, kind) in ("", *checks.REASONS)


def test_case_marks_and_order_do_not_make_another_message():
    one = set(bare_words("Il fait beau aujourd’hui, non ?"))
    assert are_alike(one, set(bare_words("il fait beau, aujourd'hui ? non !")))
    assert not are_alike(one, set(bare_words("Il fait froid aujourd'hui ?")))


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

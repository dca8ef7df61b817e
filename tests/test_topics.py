"""The subject of a tweet: its own words, in forms that are always grammatical; or the first words of the tweet."""

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tweetstyle.prepare.topics import FEWEST, MOST, first_words, learn_archive, topic_of
from tweetstyle.text.words import words_of

FRENCH = [
    "il fait froid pendant l'hiver.", "cet hiver je reste ici", "je marche dans la neige", "un métro, enfin", "le bruit du métro",
    "elle parle aux voisins", "je rêve d'une île", "on part à Montréal demain", "je vais à Ottawa", "la neige fond",
    "un énorme chat", "je la mange", "il faut les revoir", "quelqu'un chante", "un hibou, ici", "il part au Canada.", "avec Zoé.",
]  # fmt: skip
ENGLISH = [
    "my dog is the boss of the house",
    "it was cold in winter",
    "i want an owl, not a parrot cage",
    "we talk about geese and that hurts",
]


def archive_of(*texts):
    return learn_archive([words_of(text) for text in texts])


def topics(text, archive, count=400, dropout=0.0):
    found = words_of(text)
    return Counter(topic_of(str(i), *found, archive, dropout, 42) for i in range(count))


@pytest.mark.parametrize(
    ("word", "language", "article"),
    [
        ("hiver", "fr", "de l'"), ("neige", "fr", "de la "), ("métro", "fr", "du "), ("voisins", "fr", "des "), ("île", "fr", "de l'"),
        ("montréal", "fr", "de "), ("ottawa", "fr", "d'"), ("canada", "fr", "du "), ("zoé", "fr", "de "),
        ("énorme", "fr", None), ("mange", "fr", None), ("revoir", "fr", None), ("chante", "fr", None), ("hibou", "fr", None),
        ("dog", "en", "the "), ("house", "en", "the "), ("winter", "en", ""), ("owl", "en", "the "), ("geese", "en", ""),
        ("parrot", "en", None), ("hurts", "en", None),
    ],
)  # fmt: skip
def test_the_article_is_taken_from_the_archive_and_never_guessed(word, language, article):
    assert archive_of(*FRENCH, *ENGLISH).article(word, language) == article


def test_the_forms_in_which_a_subject_is_asked_for():
    archive = archive_of(*FRENCH)
    shapes = topics("encore un matin d'hiver à Montréal", archive)
    assert set(shapes) <= {
        "hiver", "matin", "Montréal", "#hiver", "#matin", "#Montréal", "hiver ?", "matin ?", "Montréal ?",
        "Parle-moi de l'hiver", "Parle-moi de Montréal", "Parle-moi du matin",
        *(", ".join(words) for words in (("matin", "hiver"), ("hiver", "matin"), ("hiver", "Montréal"), ("Montréal", "hiver"),
                                         ("matin", "Montréal"), ("Montréal", "matin"))),
        *(", ".join(w) for w in (("matin", "hiver", "Montréal"), ("matin", "Montréal", "hiver"), ("hiver", "matin", "Montréal"),
                                 ("hiver", "Montréal", "matin"), ("Montréal", "matin", "hiver"), ("Montréal", "hiver", "matin"))),
    }  # fmt: skip
    kinds = Counter(
        "request" if t.startswith("Parle-moi") else "question" if t.endswith(" ?") else "hashtag" if t[0] == "#" else t.count(",")
        for t in shapes.elements()
    )
    assert set(kinds) == {"request", "question", "hashtag", 0, 1, 2}
    assert all(count >= 20 for count in kinds.values())


def test_hashtags_come_first_and_keep_their_sign_where_it_is_needed():
    archive = archive_of(*FRENCH)
    assert {"neige", "#neige", "neige ?"} <= set(topics("la patinoire fond dans le parc #neige", archive))
    found = topics("la patinoire fond #ClimatQuébec", archive)
    assert "#ClimatQuébec" in found and not any(t.startswith("ClimatQuébec") for t in found)


def test_a_capital_stays_only_where_it_is_the_words_own():
    archive = archive_of("on va à Montréal", "je suis à Montréal", "du pain à la STM", "la STM dort", "le pain du matin")
    for text, typed in (("Montréal", "Montréal"), ("Pain", "pain"), ("PAIN", "pain"), ("STM", "STM")):
        assert {t.strip("# ?") for t in topics(text, archive)} <= {
            typed,
            f"Parle-moi du {typed}",
            f"Parle-moi de {typed}",
            f"Parle-moi de la {typed}",
        }


def test_a_habit_of_the_author_is_no_subject():
    archive = archive_of(
        *[f"le {word} rigole {place}" for word in "pain chat vélo bus train lac".split() for place in ("", "ici", "là")], *FRENCH
    )
    assert archive.is_habit("rigole") and not archive.is_habit("pain")
    assert set(topics("ça rigole", archive)) == {None}


def test_idf_is_scikit_learns():
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [*FRENCH, *ENGLISH]
    archive = archive_of(*texts)
    reference = TfidfVectorizer(analyzer=lambda text: [w.key for w in words_of(text)[1]], smooth_idf=True).fit(texts)
    assert len(reference.vocabulary_) > 20
    for word, place in reference.vocabulary_.items():
        assert archive.idf(word) == pytest.approx(reference.idf_[place])


PIECES = ["<s>", "</s>", "[INST]", "[/INST]", "<|im_start|>", "<|endoftext|>", "*", "\n", "|", "hiver", "l'", "#été", "#a_b", "@bob", "https://x.y/z",
          "Sujet:", "oui-non", "va-t-en", "nooon", "été", "𝕏", "ﬁn", "雪", "12", "d’", "🦊", "\u200b", " "]  # fmt: skip


@settings(max_examples=400)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=12), st.integers(0, 50))
def test_a_topic_is_one_line_of_words_without_a_sign_of_the_template(pieces, id):
    text = "".join(pieces)
    topic = topic_of(str(id), *words_of(text), archive_of(text, *FRENCH), 0.0, 1)
    if topic is not None:
        assert not re.search(r"[<>\[\]|*\n\r@{}\"]|Sujet:", topic) and topic == topic.strip() and len(topic) <= 100
        words = re.sub(r"^(Parle-moi (de la |de l'|d'|de |du |des )|tell me about (the )?)", "", topic).rstrip(" ?")
        assert all(word.lstrip("#").lower() in text.lower() for word in words.split(", "))


EIGHT = "un deux trois quatre cinq six sept huit"


@given(st.text(), st.text(min_size=1), st.integers(0, 9))
def test_they_begin_the_tweet_and_are_never_all_of_it(text: str, id: str, seed: int) -> None:
    begun = first_words(id, text, 0, seed)
    if begun is None:
        assert len(text.split()) < 2 or text.split()[0] == "*" or "<" in text or "[" in text
    else:
        words = begun.split(" ")
        assert text.split()[: len(words)] == words
        assert 1 <= len(words) <= min(MOST, len(text.split()) - 1)


def test_their_number_is_drawn_evenly_by_seed_and_id() -> None:
    counts = Counter(len((first_words(str(id), EIGHT, 0, 42) or "").split()) for id in range(2000))
    assert set(counts) == set(range(FEWEST, MOST + 1))
    assert all(400 < count < 600 for count in counts.values())  # 500 each, within five standard deviations
    assert first_words("7", EIGHT, 0, 42) == first_words("7", EIGHT, 0, 42)
    assert len({first_words("7", EIGHT, 0, seed) for seed in range(40)}) == MOST - FEWEST + 1


@pytest.mark.parametrize("text", ["mot", "", "* etc", "<|im_end|> a b c d e f", "<s> a b c d e f", "[INST] a b c d e f"])
def test_what_a_prompt_would_read_otherwise_is_left_out(text: str) -> None:
    assert first_words("1", text, 0, 42) is None

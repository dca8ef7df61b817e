"""Each reason for which a message is rejected, and that good ones pass."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tweetstyle.playback import checks
from tweetstyle.playback.checks import THRESHOLD, NearDuplicates, bare_words, is_kind, tidy, whats_wrong
from tweetstyle.playback.selection import MessageRequest

TWEET = "le fond de l'air est mou, pis mon chat dort dans le carré de soleil qui avance 🦊"


def wrong(message: str, kind: str = "question", text: str = TWEET, language: str = "fr", most_words: int = 30) -> str:
    return whats_wrong(message, MessageRequest("1", text, language, kind), most_words)


@pytest.mark.parametrize(
    ("message", "kind", "reason"),
    [
        ("", "question", checks.EMPTY),
        ("🦊 … ?", "question", checks.EMPTY),
        ("C'est " + "très " * 30 + "bien ?", "question", checks.TOO_LONG),
        ("Pourquoi mon chat dort dans le carré ?", "question", checks.COPIED),
        ("I'm sorry, but I can't help with that.", "remark", checks.REFUSAL),
        ("Une seule phrase courte, en français, d'accord ?", "question", checks.INSTRUCTION),
        ("Comment va ta mère ?", "question", checks.EXAMPLE),
        ("Comment va ton grand frère ?", "question", ""),
        ("Comment… va ta MÈRE ?!?", "question", checks.EXAMPLE),
        ("Il fait beau.", "question", checks.KIND),
        ("Il fait beau ?", "remark", checks.KIND),
        ("Il fait beau.", "request", checks.KIND),
    ],
)
def test_each_reason(message, kind, reason):
    assert wrong(message, kind) == reason


def test_the_most_words_are_the_recipes():
    assert wrong("Il fait beau chez toi ?", most_words=6) == "" and wrong("Il fait beau chez toi ?", most_words=5) == checks.TOO_LONG


@given(st.lists(st.sampled_from("abcdefgh"), min_size=0, max_size=12), st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=12))
def test_a_shared_run_is_found_wherever_it_stands(said, tweeted):
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
        ("Voici une remarque d'un ami : Il pleut.", "Il pleut."),
        ("Message: **Ça va ?**", "Ça va ?"),
        ("<think>He wants\n\na question</think>\n\nÇa va ?", "Ça va ?"),
        ("<think>and never ends", ""),
        ("\n  \n", ""),
        ("Question bête : ça va ?", "Question bête : ça va ?"),
        ("Ma question est simple : ça va ?", "Ma question est simple : ça va ?"),
    ],
)
def test_a_message_is_taken_out_of_what_stands_around_it(answer, message):
    assert tidy(answer) == message


@given(st.text())
@example("''")
@example('"')
def test_tidying_any_answer_gives_one_line_and_once_is_enough_for_words(answer):
    message = tidy(answer)
    assert len(message.splitlines()) <= 1 and message == message.strip()
    assert set(bare_words(message)) <= set(bare_words(answer)) | set(bare_words(" ".join(answer.split())))


@given(st.text(), st.sampled_from(["question", "remark", "request"]))
def test_any_text_gets_a_reason_or_none(message, kind):
    assert wrong(message, kind) in ("", *checks.REASONS)
    assert is_kind(message, kind) in (True, False)


WORDS = st.lists(st.sampled_from(["a", "bb", "ccc", "dd", "eeeee", "f", "gg", "h", "iii", "jj"]), min_size=1, max_size=8)


@given(st.lists(WORDS, max_size=20), WORDS)
def test_the_index_finds_exactly_the_near_duplicates(taken_in, words):
    """Against every pair compared."""
    near = NearDuplicates()
    for one in taken_in:
        near.add(one)
    pairs = [len(set(words) & set(one)) / len(set(words) | set(one)) for one in taken_in]
    assert near.count(words) == sum(jaccard >= THRESHOLD for jaccard in pairs)


def test_case_accents_apart_marks_and_order_do_not_make_another_message():
    near = NearDuplicates(["Il fait beau aujourd’hui, non ?"])
    assert near.count(bare_words("il fait beau, aujourd'hui ? non !")) == 1
    assert near.count(bare_words("Il fait froid aujourd'hui ?")) == 0

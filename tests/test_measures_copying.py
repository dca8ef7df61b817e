"""Copying: every copy is found, nothing else is, and the worst stand beside their sources."""

import random

import pytest

from tweetstyle.evaluate.style import copying
from tweetstyle.evaluate.two_sample import Texts
from tweetstyle.text.copying import SPAN_CHARACTERS, SPAN_WORDS, find_copies, longest_copies, words_of

SENTENCE = "Le facteur a laissé hier un colis énorme devant la porte du voisin, sans même sonner une seule fois 📦"


def brute_force(text: str, train: list[str]) -> bool:
    """By substring search and by lists of words: slow, and plainly right."""
    for start in range(len(text) - SPAN_CHARACTERS + 1):
        if any(text[start : start + SPAN_CHARACTERS] in tweet for tweet in train):
            return True
    words = words_of(text)
    runs = {tuple(words[i : i + SPAN_WORDS]) for i in range(len(words) - SPAN_WORDS + 1)}
    others = (words_of(tweet) for tweet in train)
    return any(tuple(other[i : i + SPAN_WORDS]) in runs for other in others for i in range(len(other) - SPAN_WORDS + 1))


def babble(source: random.Random, words: list[str]) -> str:
    return " ".join(source.choice(words) for _ in range(source.randint(0, 30)))


def holds(texts: list[str], train: list[str]) -> list[bool]:
    return list(map(bool, find_copies(texts, train)))


def each_its_own(texts: list[str]) -> Texts:
    return Texts(texts, range(len(texts)))


@pytest.mark.parametrize("seed", range(2))
def test_it_finds_what_a_brute_force_search_finds(seed: int) -> None:
    """Few words, so that shared runs of 8 words are common and neither always nor never there."""
    source = random.Random(seed)
    words = ["a", "la", "é", "mer", "l'été", "😀", "…", "où"] if seed % 2 else ["oui", "ouiouioui"]
    train = [babble(source, words) for _ in range(40)]
    texts = [babble(source, words) for _ in range(60)]
    texts += [a[len(a) // 3 :] + b[: len(b) // 2] for a, b in zip(train, texts, strict=False)]
    expected = [brute_force(text, train) for text in texts]
    assert any(expected) and not all(expected)
    assert holds(texts, train) == expected


def test_fifty_characters_or_eight_words_whatever_their_case_and_punctuation_are_a_copy() -> None:
    unbroken = "".join(chr(0x4E00 + i) for i in range(80))
    assert [holds(["x" + unbroken[7 : 7 + length] + "y"], [unbroken]) for length in (49, 50)] == [[False], [True]]
    for words, copied in ((7, False), (8, True)):
        text = "OK! " + ", ".join("j’ai mis un a de là où le".split()[:words]).upper() + " fin"
        assert len(text) < SPAN_CHARACTERS
        assert holds([text], ["hier j'ai mis un a de là où le sol"]) == [copied]


def test_a_span_across_two_training_tweets_is_no_copy() -> None:
    unbroken = "".join(chr(0x4E00 + i) for i in range(80))
    assert holds([unbroken], [unbroken[:40], unbroken[40:]]) == [False]


def test_planted_canaries_are_found_and_the_worst_stand_beside_their_sources() -> None:
    source = random.Random(7)
    words = [f"mot{i}" for i in range(3000)]
    train = [" ".join(source.choices(words, k=14)) for _ in range(2000)]
    generated = [" ".join(source.choices(words, k=14)) for _ in range(200)]
    planted = {3: (40, 55), 50: (1999, 60), 120: (777, 72), 121: (0, 80)}
    for place, (origin, length) in planted.items():
        generated[place] = "bon " + train[origin][:length] + " 🐤"
    found = copying(each_its_own(generated), each_its_own(generated[150:]), train, 0.95)
    assert found.generated.estimate == pytest.approx(4 / 200)
    assert found.held_out.estimate == 0 and found.excess.sign == 0  # 4 of 200 against 0 of 50: it cannot be told
    worst = [(generated[text], train[source]) for text, source in ((121, 0), (120, 777), (50, 1999), (3, 40))]
    assert [(c.text, c.source) for c in found.worst] == worst
    assert all(copied.span.strip() in copied.source and copied.span in copied.text for copied in found.worst)


def test_a_model_that_recites_is_told_apart_from_one_that_does_not() -> None:
    train = [f"{SENTENCE} numéro {i}" for i in range(100)]
    real = [f"une autre phrase, du jour {i}" for i in range(100)]
    assert copying(each_its_own(train[:60]), each_its_own(real), train, 0.95).excess.low > 0.9
    alike = copying(each_its_own(train[:60]), each_its_own(train), train, 0.95)
    assert alike.generated.estimate == alike.held_out.estimate == 1 and alike.excess.sign == 0, "real tweets hold it too"


def test_the_longest_copy_is_found_among_sources_that_share_more_windows() -> None:
    """Two sources cover the text in halves, a third one holds a longer run: windows in a row are a bound, not the answer."""
    text = "".join(chr(0x4E00 + i) for i in range(160))
    train = [text[:60] + "|" + text[60:120], text[100:160], text[40:110] + "!"]
    assert [(c.source, c.characters) for c in longest_copies(find_copies([text], train), [text], train, 5)] == [(train[2], 70)]


def test_identical_and_empty_tweets_are_no_trouble() -> None:
    found = copying(each_its_own([SENTENCE] * 300 + [""]), each_its_own(["", "🦊"] * 5), [SENTENCE] * 20_000, 0.95)
    assert found.generated.estimate == pytest.approx(300 / 301)
    assert [copied.characters for copied in found.worst] == [len(SENTENCE)] * 5
    assert copying(each_its_own([""]), each_its_own([""]), [""], 0.95).generated.estimate == 0

"""Habits, diversity, prompt adherence, specificity: counted by hand or by brute force; too little gives a sentence, not a figure."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tweetstyle.cleaning.clean import clean
from tweetstyle.dataset.held_out import HeldOut
from tweetstyle.errors import TweetstyleError
from tweetstyle.evaluate.baselines import Examples, TweetReadings, other_texts
from tweetstyle.evaluate.samples import WrittenSamples
from tweetstyle.evaluate.style import diversity, measure, prompt_adherence, stems
from tweetstyle.evaluate.two_sample import Texts
from tweetstyle.evaluate.writing_prompts import WritingPrompt, question_prompts
from tweetstyle.recipe import Data, Evaluation
from tweetstyle.records import SourceTweet, Tweet
from tweetstyle.text.habits import find_habits
from tweetstyle.wording.words import Note

OWN_TIME = Note("others_same_time", {"file": "others.csv"})
SUBJECTS = "neige vélo soupe autobus jardin piano marché canal fromage école musée forêt".split()


def fox(number: int) -> str:
    """An author in small letters, half of whose tweets close with "voilà voilà", a fifth with a fox, a third has "…"."""
    dots = "…" if number % 3 == 0 else ""
    text = f"encore un matin avec {SUBJECTS[number % 12]} numéro {number * 7919 % 90 + 10}{dots} et le café était froid"
    return text + (" voilà voilà" if number % 2 else ".") + (" 🦊" if number % 5 == 1 else "")


def clerk(number: int) -> str:
    return f"Monsieur, votre demande {number * 7919 % 90 + 10} sur {SUBJECTS[number % 12]} a été reçue ! Elle sera traitée."


AUTHOR, OTHER = [fox(i) for i in range(200)], [clerk(i) for i in range(200)]


def test_the_authors_habits_are_found_once_and_their_shares_are_those_planted():
    habits = find_habits(AUTHOR + [f"Une phrase sans rien de tout cela ({i})" for i in range(20)])
    hits = {(h.kind, h.example or h.name): tuple(h.holds(text) for text in AUTHOR) for h in habits}
    shares = {name: np.mean(of) for name, of in hits.items()}
    assert shares["emoji", "🦊"] == 0.2 and shares["punctuation", "."] == 0.5 and shares["case", "all in lower case"] == 1
    assert shares["punctuation", "…"] == pytest.approx(67 / 200)
    assert len(set(hits.values())) == len(hits)


def test_a_closing_is_found_before_emoji_and_hashtags():
    texts = [f"il pleut {i} {'voilà voilà' if i % 3 else 'fois'}{' 🦊🦊 #pluie' if i % 2 else ''}" for i in range(90)]
    closing = next(h for h in find_habits(texts) if h.kind == "closing")
    assert closing.example == "voilà voilà" and sum(map(closing.holds, texts)) == 60


@given(st.lists(st.text(max_size=60), min_size=50, max_size=80))
@settings(max_examples=50, deadline=None)
def test_any_text_may_be_asked_and_an_empty_one_shows_nothing(texts):
    assert find_habits(texts[:49]) == find_habits(["   "] * 80) == []
    for habit in find_habits(texts):
        assert not habit.holds("") and not habit.holds(" \n")
        assert 0 < np.mean([habit.holds(text) for text in texts]) < 1


def test_distinct_2_and_lengths_by_hand():
    """Real: 6 bigrams, all distinct. Generated: 6 bigrams, of which "a b" and "b a" are the only ones: 2 of 6."""
    found = diversity(["a b a b a b a"], ["un deux trois quatre cinq six sept"], seed=0)
    assert found.distinct_2 == pytest.approx((2 / 6) / 1)
    assert found.lengths == [13] * 9 and found.real_lengths == [34] * 9
    assert diversity(["🦊"], ["🦊"], seed=0).distinct_2 is None


def test_the_subject_comes_back_whatever_its_case_accents_and_ending():
    asked = ["neige", "Parle-moi de l'autobus", "vélos ?", "#piano"]
    said = ["il a NEIGÉ toute la nuit", "mon autobus est en retard", "encore mon velo crevé", "le piano du voisin"]
    found = prompt_adherence(asked, ["rien à dire"] * 4, said, range(4), confidence=0.95, seed=0)
    assert found.tuned.estimate == 0.75 + 0.25 * bool(stems("neige") & stems(said[0]))
    assert found.base.estimate == 0 and found.difference.estimate == found.tuned.estimate
    assert found.chance == 0


def test_a_word_that_occurs_everywhere_is_in_the_chance_level_and_without_a_content_word_nothing_is_measured():
    subjects = ["neige", "neige, soupe", "neige, canal", "neige, école", "neige, forêt"]
    found = prompt_adherence(subjects, ["soupe"] * 5, ["de la neige partout"] * 5, range(5), confidence=0.95, seed=0)
    assert found.tuned.estimate == 1 == found.chance
    assert prompt_adherence(["", "le"], ["a"] * 2, ["b"] * 2, range(2), confidence=0.95, seed=0) is None
    author = [Tweet(language, "x", "", language=language) for language in ("fr", "en")]
    assert len(question_prompts(author, 0)) == 20 and all(stems(question.topic) for question in question_prompts(author, 0))


def test_the_gain_on_the_author_minus_that_on_others():
    random = np.random.default_rng(1)
    test = HeldOut([replace(tweet, text=tweet.id) for tweet in of("fr", *(f"2024-{1 + i // 28:02}-{1 + i % 28:02}" for i in range(80)))],
                   [], np.full(80, 100.0), 0)  # fmt: skip
    readings = TweetReadings(Examples(0, []), HeldOut([], [None] * 80, np.full(80, 100.0), 0), Note("others_neutral"))
    author, others, alike = (random.normal(mean, 5, 80) for mean in (30, 10, 30))

    def specificity(gained: np.ndarray):
        by_base = {name: bits * np.log(2) for name, bits in (("prompt", author), ("other_people", gained))}
        return readings.specificity(test, by_base, dict.fromkeys(by_base, 0.0), Evaluation(bootstrap_resamples=500))

    found = specificity(others)
    assert found.difference.estimate == pytest.approx((author.sum() - others.sum()) / 8000)
    assert found.difference.low > 0.15 and found.tweets == 80 and found.author.clusters == 80
    assert specificity(alike).difference.sign == 0


def of(language: str, *days: str) -> list[Tweet]:
    return [Tweet(str(i), "x", f"{day}T00:00:00Z" if day else "", language=language) for i, day in enumerate(days)]


def as_it_stands(tweet: SourceTweet) -> str:
    return tweet.text


def test_the_neutral_set_is_there_in_both_languages():
    for language in ("fr", "en", "de", ""):
        texts, source = other_texts(None, of(language, "2024-01-01"), as_it_stands, 500, 0)
        assert len(texts) >= 70 and len(set(texts)) == len(texts) and source == Note("others_neutral") and max(map(len, texts)) <= 280
        assert ("et" in " ".join(texts).split()) is (language == "fr")
    assert len(other_texts(None, of("fr", "2024-01-01"), as_it_stands, 30, 0)[0]) == 30


def test_other_people_are_cleaned_as_the_author_was(tmp_path):
    path = tmp_path / "others.csv"
    own = [f"une pensée du jour numéro {i} https://t.co/abc{i}" for i in range(30)]
    rows = [f"{i},{text},2024-02-{i % 28 + 1:02} 10:00:00" for i, text in enumerate([*own, *(f"RT @ami: bravo {i}" for i in range(30))])]
    path.write_text("\n".join(["id_tweet,texte,date_creation", *rows]), encoding="utf-8")
    data = Data(source=path)
    texts, source = other_texts(path, of("fr", "2024-01-01", "2024-12-31"), lambda tweet: clean(tweet, data).text, 500, 0)
    assert sorted(texts) == sorted(text.partition(" https")[0] for text in own) and source == OWN_TIME


def test_other_people_of_the_author_s_own_time_are_taken_where_there_are_enough(tmp_path):
    path = tmp_path / "others.csv"
    rows = [f"{i},pensée {i},{2010 + i % 10}-06-01 10:00:00" for i in range(400)]
    path.write_text("\n".join(["id_tweet,texte,date_creation", *rows]), encoding="utf-8")
    texts, source = other_texts(path, of("fr", "2013-01-01", "2014-12-31"), as_it_stands, 500, 0)
    assert {int(text.split()[1]) % 10 for text in texts} == {3, 4} and len(texts) == 80 and source == OWN_TIME
    some, _ = other_texts(path, of("fr", "2013-01-01", "2014-12-31"), as_it_stands, 25, 0)
    assert len(some) == 25 and set(some) < set(texts) and some != texts[:25]
    for author in (of("fr", "1999-01-01"), of("fr", "")):
        assert other_texts(path, author, as_it_stands, 500, 0)[1] == Note("others_other_times", {"file": "others.csv"})


def test_a_file_of_too_few_other_people_is_one_message(tmp_path):
    path = tmp_path / "others.txt"
    path.write_text("\n".join(OTHER[:5] + ["RT @x: y"] * 40), encoding="utf-8")
    with pytest.raises(TweetstyleError, match=r"there are 5 tweets of other people \(45 were read\), at least 20"):
        other_texts(path, [], lambda tweet: "" if tweet.text.startswith("RT") else tweet.text, 500, 0)


@pytest.mark.parametrize(("tuned", "count"), [([""] * 120, 120), ([fox(i) for i in range(120)], 5)], ids=["empty", "5 test tweets"])
def test_bad_input_gives_a_sentence_and_no_figure_that_pretends(tuned, count):
    asks = [WritingPrompt(i, SUBJECTS[i % 12], "Tweet", f"day {i // 2}") for i in range(120)]
    days = [f"day {i // 2}" for i in range(count)]
    real, floor = (Texts([fox(i) for i in range(start, start + count)], days) for start in (0, 500))
    written = WrittenSamples(asks, {"base": [clerk(i) for i in range(120)], "tuned": tuned})
    found = measure([fox(i) for i in range(1000, 1400)], real, floor, written, confidence=0.95, seed=0)
    assert found.to["tuned"] is None and found.gap_closed["tuned"] is None
    assert "too few" in str(found.notes[0])
    assert found.empty == (1 if tuned[0] == "" else 0)

"""The classifier two-sample test: areas by a second calculation, intervals that cover, nothing learned from what it must not see."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from tweetstyle.evaluate import two_sample
from tweetstyle.evaluate.matching import Texts, beginnings, masked, match
from tweetstyle.evaluate.two_sample import gap_closed, separation, style_distance, two_sample_test

SETTINGS = {"confidence": 0.95, "seed": 3}
WORDS = "le la un chat neige vélo soupe bus matin encore demain jamais toujours ville pluie café porte dehors dedans vite".split()


def writer(source: random.Random, count: int, habit: float, *, per_day: int = 2, first_day: int = 0) -> Texts:
    """Random sentences; with the chance `habit` one ends in an author's own way."""
    texts = []
    for _ in range(count):
        text = " ".join(source.choices(WORDS, k=source.randint(5, 15)))
        texts.append(text + " … voilà" if source.random() < habit else text + ".")
    return Texts(texts, [f"day {first_day + i // per_day}" for i in range(count)])


# -- areas --------------------------------------------------------------------------------------------------


def test_the_area_is_that_of_the_rank_sum() -> None:
    random = np.random.default_rng(0)
    is_real = np.arange(150) < 60
    scores = np.round(random.normal(is_real * 0.7, 1), 1)  # rounded: ties count half
    found = separation(scores, np.zeros(150, dtype=int), is_real, range(150), confidence=0.95).auc
    rank_sum = stats.mannwhitneyu(scores[is_real], scores[~is_real]).statistic / (60 * 90)
    assert found.estimate == pytest.approx(rank_sum) == pytest.approx(roc_auc_score(is_real, scores))


def test_scores_of_two_folds_are_not_compared() -> None:
    """The second fold's classifier speaks twenty points higher: within each fold the order is as before."""
    random = np.random.default_rng(1)
    fold, is_real = np.repeat([0, 1], [80, 120]), np.tile([True, False], 100)
    scores = random.normal(is_real * 1.0, 1)
    plain = [roc_auc_score(is_real[fold == f], scores[fold == f]) for f in (0, 1)]
    shifted = separation(scores + 20 * fold, fold, is_real, range(200), confidence=0.95)
    assert shifted.auc.estimate == pytest.approx(0.4 * plain[0] + 0.6 * plain[1])


def test_of_independent_texts_it_is_delongs_error() -> None:
    """DeLong's variance by its definition, pair by pair."""
    random = np.random.default_rng(2)
    real, other = random.normal(0.5, 1, 300), random.normal(0, 1, 200)
    above = (real[:, None] > other[None, :]).astype(float)
    error = np.sqrt(above.mean(axis=1).var(ddof=1) / 300 + above.mean(axis=0).var(ddof=1) / 200)
    scores, is_real = np.concatenate([real, other]), np.arange(500) < 300
    found = separation(scores, np.zeros(500, dtype=int), is_real, range(500), confidence=0.95).auc
    assert found.high - found.low == pytest.approx(2 * stats.t.ppf(0.975, 499) * error, rel=0.02)


def scored(random: np.random.Generator, days: int, shift: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores of texts of one to four a day and side; a day pulls all its scores the same way. Scores, is_real, day."""
    day = np.repeat(np.arange(days), random.integers(2, 8, size=days))
    is_real = random.random(len(day)) < 0.5
    day_real, day_other = random.normal(0, 0.7, days), random.normal(0, 0.7, days)
    return random.normal(0, 1, len(day)) + np.where(is_real, shift + day_real[day], day_other[day]), is_real, day


@pytest.mark.parametrize("shift", [0.0, 1.0, 3.0])
def test_of_2000_intervals_of_a_planted_area_95_percent_hold_it(shift: float) -> None:
    truth = stats.norm.cdf(shift / np.sqrt(2 * (1 + 0.7**2)))
    random, held = np.random.default_rng(4), 0
    for _ in range(2000):
        scores, is_real, day = scored(random, 60, shift)
        found = separation(scores, np.zeros(len(day), dtype=int), is_real, day, confidence=0.95).auc
        held += found.low <= truth <= found.high
    assert held / 2000 == pytest.approx(0.95, abs=0.015)


def test_of_1000_intervals_of_a_planted_gap_95_percent_hold_it() -> None:
    """Base and tuned scored on the same days, the floor on others: half of the way, planted in the areas."""

    def drawn(random: np.random.Generator, shift: float, start: int):
        scores, is_real, day = scored(random, 60, shift)
        return separation(scores, np.zeros(len(day), dtype=int), is_real, day + start, confidence=0.95)

    def area(shift: float) -> float:
        return stats.norm.cdf(shift / np.sqrt(2 * (1 + 0.7**2)))

    random, held = np.random.default_rng(5), 0
    truth = (area(2.5) - area(1.0)) / (area(2.5) - area(0.2))
    for _ in range(1000):
        parts = (drawn(random, 2.5, 0), drawn(random, 1.0, 0), drawn(random, 0.2, 1000))
        found = gap_closed(*parts, confidence=0.95)
        held += found.low <= truth <= found.high
    assert held / 1000 == pytest.approx(0.95, abs=0.02)


def test_perfect_and_mute_classifiers_still_leave_a_doubt() -> None:
    is_real, fold = np.arange(60) < 30, np.zeros(60, dtype=int)
    perfect = separation(is_real * 2.0 - 1, fold, is_real, range(60), confidence=0.95).auc
    assert perfect.estimate == perfect.high == 1 and 0.85 < perfect.low < 0.97
    mute = separation(np.zeros(60), fold, is_real, range(60), confidence=0.95).auc
    assert mute.estimate == 0.5 and mute.low < 0.42 and mute.high > 0.58


def test_of_100_intervals_of_one_writer_against_himself_about_95_hold_a_half() -> None:
    """Classifiers learned anew each time: what they learn by chance is in the interval."""
    held = 0
    for run in range(100):
        source = random.Random(run)
        found = two_sample_test(writer(source, 100, 0.5), writer(source, 100, 0.5, first_day=500), confidence=0.95, seed=run)
        held += found.auc.low <= 0.5 <= found.auc.high
    assert held >= 90


# -- the test itself ----------------------------------------------------------------------------------------


def test_one_writer_cannot_be_told_from_himself_and_two_can() -> None:
    source = random.Random(0)
    same = two_sample_test(writer(source, 300, 0.5), writer(source, 300, 0.5, first_day=500), **SETTINGS)
    assert same.auc.low < 0.5 < same.auc.high
    apart = two_sample_test(writer(source, 300, 0.9), writer(source, 300, 0.1, first_day=500), **SETTINGS)
    assert apart.auc.estimate == pytest.approx(0.9, abs=0.05) and apart.auc.low > 0.8


def test_the_tuned_model_that_learned_half_the_habit_has_closed_about_half_the_gap() -> None:
    source = random.Random(1)
    real, floor = writer(source, 600, 0.9), writer(source, 600, 0.9, first_day=900)
    base, tuned = writer(source, 600, 0.1), writer(source, 600, 0.5)
    found = style_distance(real, floor, base, {"tuned": tuned, "untouched": writer(source, 600, 0.1)}, **SETTINGS)
    # Areas of a yes-or-no habit are linear in it: base 0.9, tuned 0.7, floor 0.5.
    gap = found.gap_closed["tuned"]
    assert 0.25 < gap.low < 0.5 < gap.high < 0.75
    assert len({separation.texts for separation in found.to.values()}) == 1
    assert found.gap_closed["untouched"].sign == 0


def test_where_base_and_floor_cannot_be_told_apart_there_is_no_gap_to_close() -> None:
    source = random.Random(2)
    texts = [writer(source, 200, 0.5, first_day=1000 * i) for i in range(4)]
    assert style_distance(*texts[:3], {"tuned": texts[3]}, **SETTINGS).gap_closed["tuned"].low is None


def test_no_cluster_stands_on_both_sides_of_a_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each day has a word of its own in real tweets only. Whoever learned from the day would know it again."""
    source, seen = random.Random(3), []
    real, other = writer(source, 200, 0.5), writer(source, 200, 0.5)
    real = Texts(
        [f"{text} {cluster.replace('day ', 'zq')}" for text, cluster in zip(real.texts, real.clusters, strict=True)], real.clusters
    )
    plain = two_sample.separation

    def spied(scores, fold, is_real, clusters, **settings):
        seen.extend(zip(clusters, fold.tolist(), strict=True))
        return plain(scores, fold, is_real, clusters, **settings)

    monkeypatch.setattr(two_sample, "separation", spied)
    two_sample_test(real, other, **SETTINGS)
    folds = {cluster: {fold for c, fold in seen if c == cluster} for cluster, _ in seen}
    assert len(folds) > 50 and all(len(of) == 1 for of in folds.values())


def test_urls_and_mentions_give_nothing_away() -> None:
    assert masked("@Ana voir https://t.co/aB3?x=é fin") == masked("@bob voir http://example.org fin") == "@… voir http… fin"
    source = random.Random(4)
    real, other = writer(source, 200, 0.5), writer(source, 200, 0.5, first_day=500)
    real = Texts([f"@{i % 7}real https://t.co/{i}real {text}" for i, text in enumerate(real.texts)], real.clusters)
    other = Texts([f"@{i % 7}model https://x.org/{i} {text}" for i, text in enumerate(other.texts)], other.clusters)
    found = two_sample_test(real, other, **SETTINGS).auc
    assert found.low < 0.5 < found.high


def test_length_alone_tells_nothing_once_it_is_matched() -> None:
    source = random.Random(5)
    short = Texts(["a" * source.randint(5, 60) for _ in range(400)], range(400))
    long = Texts(["a" * source.randint(30, 120) for _ in range(400)], range(400, 800))
    mine, theirs = match(short, long, seed=0)
    means = [np.mean([len(side.texts[i]) for i in of]) for side, of in ((short, mine), (long, theirs))]
    assert len(mine) == len(theirs) >= 100 and means[0] == pytest.approx(means[1], abs=3)


def test_a_base_that_never_ends_is_compared_by_beginnings_of_equal_length() -> None:
    """Whole texts of these lengths never match: nothing would be left, or length alone would tell."""
    source = random.Random(8)
    real, floor = writer(source, 200, 0.5), writer(source, 200, 0.5, first_day=900)
    same = Texts([" ".join([text, *source.choices(WORDS, k=60)]) for text in writer(source, 200, 0.5).texts], real.clusters)
    shouted = Texts([text.upper() for text in same.texts], real.clusters)
    found = style_distance(real, floor, shouted, {"tuned": same}, **SETTINGS)
    assert not found.whole and len({separation.texts for separation in found.to.values()}) == 1
    assert found.to["base"].auc.low > 0.95 and found.to["tuned"].auc.low < 0.5 < found.to["tuned"].auc.high
    assert found.gap_closed["tuned"].low > 0.5


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.text(max_size=40), min_size=1, max_size=30), min_size=2, max_size=4))
def test_beginnings_are_equal_in_number_and_length_and_stand_in_their_texts(sides: list[list[str]]) -> None:
    found = beginnings([Texts(of, [f"{n} {i}" for i in range(len(of))]) for n, of in enumerate(sides)], seed=0)
    assert len({len(side.texts) for side in found}) == 1
    for group in zip(*(side.texts for side in found), strict=True):
        assert len({len(text) for text in group}) == 1
    for number, (side, of) in enumerate(zip(found, sides, strict=True)):
        for text, cluster in zip(side.texts, side.clusters, strict=True):
            assert masked(of[int(str(cluster).removeprefix(f"{number} "))].strip()).startswith(text[1:])


def test_periods_are_matched_and_sizes_kept() -> None:
    source = random.Random(6)
    real, other = writer(source, 300, 0.5), writer(source, 300, 0.5)
    real = Texts(real.texts, real.clusters, [2019 + i % 3 for i in range(300)])
    other = Texts(other.texts, other.clusters, [2020 + i % 4 for i in range(300)])
    mine, theirs = match(real, other, seed=1, size=50)
    years = [sorted(side.periods[i] for i in of) for side, of in ((real, mine), (other, theirs))]
    assert years[0] == years[1] and set(years[0]) == {2020, 2021} and len(mine) == len(set(mine.tolist())) == 50


def test_a_seed_gives_the_same_figures_again() -> None:
    source = random.Random(7)
    real, other = writer(source, 120, 0.8), writer(source, 120, 0.3)
    assert two_sample_test(real, other, **SETTINGS) == two_sample_test(real, other, **SETTINGS)


@pytest.mark.parametrize(
    "other",
    [
        Texts(["oui"] * 5, range(5)),
        Texts([""] * 100, range(100)),
        Texts(["un chat dans la ville, encore un jour"] * 100, [0] * 100),
    ],
    ids=["five tweets", "empty generations", "one cluster"],
)
def test_of_too_little_no_figure_is_made(other: Texts) -> None:
    real = Texts(["un chat dans la ville, encore un jour"] * 100, [0] * 100)
    assert two_sample_test(real, other, **SETTINGS) is None
    assert style_distance(real, other, real, {"tuned": real}, **SETTINGS).gap_closed == {"tuned": None}


@pytest.mark.parametrize("texts", [["🦊"] * 60, ["toujours le même tweet"] * 60, ["🦊🎉", "👩‍🚀", "!"] * 20])
def test_identical_tweets_and_emoji_alone_cannot_be_told_apart(texts: list[str]) -> None:
    found = two_sample_test(Texts(texts, range(60)), Texts(texts, range(100, 160)), **SETTINGS).auc
    assert found.low < 0.5 < found.high


def test_a_text_without_a_cluster_is_refused() -> None:
    with pytest.raises(ValueError, match=re.escape("every text needs its cluster")):
        Texts(["a", "b"], [1])

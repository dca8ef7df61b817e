"""The classifier two-sample test: areas by scipy, intervals that cover, nothing learned from what it must not see."""

import random

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from tweetstyle.evaluate import two_sample
from tweetstyle.evaluate.two_sample import Texts, gap_closed, masked, matched, separation, style_distance, two_sample_test

SETTINGS = {"confidence": 0.95, "seed": 3}
WORDS = "le la un chat neige vélo soupe bus matin encore demain jamais toujours ville pluie café porte dehors dedans vite".split()


def writer(source: random.Random, count: int, habit: float, *, first_day: int = 0) -> Texts:
    """Random sentences, two a day; with the chance `habit` one ends in an author's own way."""
    texts = []
    for _ in range(count):
        text = " ".join(source.choices(WORDS, k=source.randint(5, 15)))
        texts.append(text + " … voilà" if source.random() < habit else text + ".")
    return Texts(texts, [f"day {first_day + i // 2}" for i in range(count)])


def test_the_area_is_that_of_the_rank_sum_within_each_fold() -> None:
    """The second fold's classifier gives twenty points more: within each fold the order is as before."""
    random = np.random.default_rng(1)
    fold, is_real = np.repeat([0, 1], [80, 120]), np.tile([True, False], 100)
    scores = np.round(random.normal(is_real * 1.0, 1), 1)  # rounded: ties count half
    plain = [roc_auc_score(is_real[fold == f], scores[fold == f]) for f in (0, 1)]
    here, there = scores[(fold == 0) & is_real], scores[(fold == 0) & ~is_real]
    assert stats.mannwhitneyu(here, there).statistic / (len(here) * len(there)) == pytest.approx(plain[0])
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


def test_of_400_intervals_of_a_planted_area_and_gap_95_percent_hold_them() -> None:
    """Base and tuned scored on the same days, the floor on others. A day pulls all its scores the same way."""

    def drawn(shift: float, start: int):
        day = np.repeat(np.arange(60), random.integers(2, 8, size=60))
        is_real = random.random(len(day)) < 0.5
        day_real, day_other = random.normal(0, 0.7, 60), random.normal(0, 0.7, 60)
        scores = random.normal(0, 1, len(day)) + np.where(is_real, shift + day_real[day], day_other[day])
        return separation(scores, np.zeros(len(day), dtype=int), is_real, day + start, confidence=0.95)

    base, tuned, floor = (stats.norm.cdf(shift / np.sqrt(2 * (1 + 0.7**2))) for shift in (2.5, 1.0, 0.2))
    random, held = np.random.default_rng(5), np.zeros(2)
    for _ in range(400):
        parts = drawn(2.5, 0), drawn(1.0, 0), drawn(0.2, 1000)
        area, gap = parts[1].auc, gap_closed(*parts, confidence=0.95)
        held += [area.low <= tuned <= area.high, gap.low <= (base - tuned) / (base - floor) <= gap.high]
    assert held / 400 == pytest.approx(0.95, abs=0.03)


def test_a_classifier_that_is_always_right_and_one_that_says_nothing_still_leave_a_doubt() -> None:
    is_real, fold = np.arange(60) < 30, np.zeros(60, dtype=int)
    perfect = separation(is_real * 2.0 - 1, fold, is_real, range(60), confidence=0.95).auc
    assert perfect.estimate == perfect.high == 1 and 0.85 < perfect.low < 0.97
    mute = separation(np.zeros(60), fold, is_real, range(60), confidence=0.95).auc
    assert mute.estimate == 0.5 and mute.low < 0.42 and mute.high > 0.58


def test_the_tuned_model_that_learned_half_the_habit_has_closed_about_half_the_gap() -> None:
    source = random.Random(1)
    real, floor = writer(source, 300, 0.9), writer(source, 300, 0.9, first_day=900)
    sides = {name: writer(source, 300, habit) for name, habit in (("base", 0.1), ("tuned", 0.5), ("untouched", 0.1))}
    to, gaps, _ = style_distance(real, {"floor": floor} | sides, **SETTINGS)
    # Areas of a yes-or-no habit are linear in it: base 0.9, tuned 0.7, floor 0.5.
    assert to["base"].auc.estimate == pytest.approx(0.9, abs=0.05) and to["floor"].auc.low < 0.5 < to["floor"].auc.high
    assert 0.1 < gaps["tuned"].low < 0.5 < gaps["tuned"].high < 0.9
    assert len({distance.texts for distance in to.values()}) == 1
    assert gaps["untouched"].sign == 0
    alike = {"floor": floor, "base": writer(source, 300, 0.9), "tuned": writer(source, 300, 0.9)}
    assert style_distance(real, alike, **SETTINGS)[1]["tuned"].low is None, "there is no gap to close"


def test_no_cluster_is_on_both_sides_of_a_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    source, seen = random.Random(3), []
    plain = two_sample.separation

    def spied(scores, fold, is_real, clusters, **settings):
        seen.extend(zip(clusters, fold.tolist(), strict=True))
        return plain(scores, fold, is_real, clusters, **settings)

    monkeypatch.setattr(two_sample, "separation", spied)
    two_sample_test(*matched(writer(source, 100, 0.5), writer(source, 100, 0.5), seed=3), **SETTINGS)
    assert len({cluster for cluster, _ in seen}) > 30 and len(set(seen)) == len({cluster for cluster, _ in seen})


def test_urls_and_mentions_give_nothing_away() -> None:
    assert masked("@Ana voir https://t.co/aB3?x=é fin") == masked("@bob voir http://example.org fin") == "@… voir http… fin"


def test_length_alone_gives_nothing_away_once_it_is_matched() -> None:
    source = random.Random(5)
    short = Texts(["a" * source.randint(5, 60) for _ in range(400)], range(400))
    long = Texts(["a" * source.randint(30, 120) for _ in range(400)], range(400, 800))
    mine, theirs = (list(map(len, side.texts)) for side in matched(short, long, seed=0))
    assert len(mine) == len(theirs) >= 100 and np.mean(mine) == pytest.approx(np.mean(theirs), abs=3)


def test_a_base_that_never_ends_is_compared_by_beginnings_of_equal_length() -> None:
    """Whole texts of these lengths never match: nothing would be left, or length alone would tell."""
    source = random.Random(8)
    real, floor = writer(source, 100, 0.5), writer(source, 100, 0.5, first_day=900)
    same = Texts([" ".join([text, *source.choices(WORDS, k=60)]) for text in writer(source, 100, 0.5).texts], real.clusters)
    shouted = Texts([text.upper() for text in same.texts], real.clusters)
    to, _, whole = style_distance(real, {"floor": floor, "base": shouted, "tuned": same}, **SETTINGS)
    assert not whole and len({distance.texts for distance in to.values()}) == 1
    assert to["base"].auc.low > 0.9 and to["tuned"].auc.low < 0.5 < to["tuned"].auc.high


@pytest.mark.parametrize(
    "other",
    [Texts(["oui"] * 5, range(5)), Texts([""] * 100, range(100)), Texts(["un chat dans la ville, encore un jour"] * 100, [0] * 100)],
)
def test_of_too_little_no_figure_is_made(other: Texts) -> None:
    real = Texts(["un chat dans la ville, encore un jour"] * 100, [0] * 100)
    assert two_sample_test(*matched(real, other, seed=3), **SETTINGS) is None
    assert style_distance(real, {"floor": other, "base": real, "tuned": real}, **SETTINGS)[1] == {"tuned": None}

"""Duplicates and splits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweetstyle.prepare.duplicates import folded, without_duplicates
from tweetstyle.prepare.split import split
from tweetstyle.records import Tweet


def tweet(id: int | str, text: str = "", day: int = 1) -> Tweet:
    return Tweet(str(id), text or f"tweet {id}", f"2021-03-{day:02d}T00:00:00Z")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Il neige", "il NEIGE"),
        ("il neige", " il\u00a0\n neige "),
        ("il neige", "il neige https://exemple.org/a"),
        ("il neige", "il neige !!"),
        ("il neige", "il neige … 👨‍👩‍👧‍👦👍🏽"),
        ("STRASSE", "straße"),
    ],
)
def test_texts_that_are_the_same(one, other):
    assert folded(one) == folded(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("il neige", "il neigé"), ("😂😂😂😂", "🦊🦊🦊🦊"), ("il neige", "il neige 2"), ("c++ ou c", "c ou c"), ("il neige", "#il neige")],
)
def test_texts_that_are_not(one, other):
    assert folded(one) != folded(other)


def test_the_earliest_of_a_text_is_kept_whatever_the_order_of_the_file():
    early, late, same_day = tweet(9, "Il neige", 1), tweet(1, "il neige !", 2), tweet(10, "il neige…", 1)
    for order in ([late, same_day, early], [early, late, same_day]):
        kept, repeated = without_duplicates(order)
        assert kept == [early]
        assert repeated == [same_day, late]


@given(st.integers(30, 400), st.floats(0.01, 0.4), st.floats(0.01, 0.4), st.integers(1, 200), st.integers(0, 5))
def test_the_splits_are_the_tweets_in_order_of_time(count, validation, test, mini, seed):
    tweets = [tweet(i, day=1 + i // 20) for i in range(count)]
    parts = split(tweets, validation, test, mini, seed)
    assert parts["train"] + parts["validation"] + parts["test"] == tweets
    assert abs(len(parts["test"]) - max(1, count * test)) <= 0.5
    assert abs(len(parts["validation"]) - max(1, count * validation)) <= 0.5
    sample = parts["mini-train"]
    assert len(sample) == min(mini, len(parts["train"])) and sample == [t for t in parts["train"] if t in sample]


def test_mini_train_changes_with_the_seed_and_hardly_with_a_further_tweet():
    tweets = [tweet(i) for i in range(1000)]
    samples = [
        {t.id for t in split(tweets[:count], 0.05, 0.05, 100, seed)["mini-train"]} for count, seed in ((1000, 1), (1000, 2), (990, 1))
    ]
    assert samples[0] != samples[1]
    assert len(samples[0] & samples[2]) >= 90
    assert sum(int(id) < 450 for id in samples[0]) in range(30, 71)  # of both halves of train

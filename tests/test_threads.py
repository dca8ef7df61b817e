"""Threads: which tweets belong together because their author answered their own."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from tweetstyle.dataset.threads import thread_roots


@pytest.mark.parametrize(
    ("pairs", "roots"),
    [
        ([("3", "2"), ("1", ""), ("2", "1")], {"1": "1", "2": "1", "3": "1"}),
        ([("1", ""), ("2", ""), ("3", "999")], {}),
        ([("1", ""), ("2", "1"), ("3", "1"), ("4", "3")], dict.fromkeys("1234", "1")),
        ([("2", "1"), ("3", "2")], {"2": "2", "3": "2"}),  # the first tweet is missing
        ([("2", "1"), ("3", "1")], {}),
        ([("1", "1"), ("2", "1")], {"1": "1", "2": "1"}),  # answers itself
        ([("1", ""), ("2", "1"), ("3", ""), ("2", "3")], {"1": "1", "2": "1"}),  # of a repeated id the first pair counts
    ],
)
def test_every_tweet_of_a_thread_has_its_first_tweet_as_root(pairs, roots):
    assert thread_roots(pairs) == roots


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]])
def test_a_circle_has_its_lowest_number_as_root_whatever_the_order(order):
    pairs = [("10", "9"), ("9", "11"), ("11", "10"), ("12", "11")]
    assert thread_roots([pairs[number] for number in order]) == dict.fromkeys(("9", "10", "11", "12"), "9")


def test_a_thread_of_two_hundred_thousand_tweets_is_no_deeper_than_any_other():
    pairs = [(str(number), str(number - 1) if number else "") for number in range(200_000)]
    random.Random(1).shuffle(pairs)
    roots = thread_roots(pairs)
    assert len(roots) == 200_000 and set(roots.values()) == {"0"}


@given(st.lists(st.integers(-1, 30), min_size=1, max_size=31))
def test_threads_are_the_connected_components_that_scipy_finds(answered):
    count = len(answered)
    edges = [(child, parent) for child, parent in enumerate(answered) if 0 <= parent < count]
    graph = coo_matrix(([1] * len(edges), ([a for a, _ in edges], [b for _, b in edges])), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    components: dict[int, set[str]] = {}
    for number, label in enumerate(labels):
        components.setdefault(label, set()).add(str(number))
    threads: dict[str, set[str]] = {}
    for tweet, root in thread_roots((str(child), str(parent)) for child, parent in enumerate(answered)).items():
        threads.setdefault(root, set()).add(tweet)
    assert sorted(map(sorted, threads.values())) == sorted(sorted(one) for one in components.values() if len(one) > 1)
    assert all(root in thread for root, thread in threads.items())

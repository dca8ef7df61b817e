"""Which tweets belong together because their author answered their own, and the messages that tweets answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from tweetstyle.dataset.threads import KINDS, Message, messages_path, read_messages, thread_roots, write_messages
from tweetstyle.errors import TweetstyleError

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


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


@given(st.dictionaries(TEXTS, st.tuples(TEXTS, st.sampled_from(KINDS)), max_size=8))
def test_any_message_comes_back_as_it_was(tmp_path_factory, wanted):
    path = messages_path(tmp_path_factory.getbasetemp(), "mini-train")
    assert path.name == "messages-train.jsonl"
    write_messages(path, [Message(id, text, kind) for id, (text, kind) in wanted.items()])
    assert list(read_messages(path).items()) == [(id, text) for id, (text, _) in wanted.items()]
    with pytest.raises(TweetstyleError, match="no messages yet.*\n.*--from playback"):
        read_messages(path.with_name("messages-absent.jsonl"))

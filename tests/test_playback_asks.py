"""Which tweets are asked for, and of which kind: by the seed and the id alone, threads whole, unknown parents left out."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tweetstyle.playback.selection import choose, kind_of, main_language
from tweetstyle.recipe import Playback
from tweetstyle.records import REPLY, TWEET, Tweet

SETTINGS = Playback(ollama="x")
TWEETS = st.lists(
    st.builds(
        lambda number, thread, reply, language: Tweet(
            str(number), f"tweet {number}", "", REPLY if reply else TWEET, None, thread, language
        ),
        st.integers(0, 10**6), st.sampled_from(["", "", "a", "b"]), st.booleans(), st.sampled_from(["fr", "en", ""]),
    ),
    max_size=30, unique_by=lambda tweet: tweet.id,
)  # fmt: skip


def tweet(id: str, **fields) -> Tweet:
    return Tweet(**{"id": id, "text": f"text {id}", "created_at": "", "language": "fr"} | fields)


@given(TWEETS, st.integers(1, 40))
def test_every_tweet_is_asked_for_left_out_or_answers_somebody_unknown(tweets, most):
    chosen = choose(tweets, SETTINGS, most, "fr")
    assert len(chosen.requests) + chosen.unknown_parent + chosen.left_out == len(tweets)
    threads = {t.id: t.thread or t.id for t in tweets}
    asked = Counter(threads[ask.id] for ask in chosen.requests)
    answerable = Counter(threads[ask.id] for ask in choose(tweets, SETTINGS, 10**9, "fr").requests)
    assert all(asked[thread] == answerable[thread] for thread in asked), "a thread is whole"
    largest = max(answerable.values(), default=0)
    assert min(most, sum(answerable.values())) <= len(chosen.requests) < most + max(largest, 1)


@given(TWEETS, st.integers(1, 40))
def test_further_tweets_change_neither_kind_nor_order_of_what_was_chosen(tweets, most):
    before = choose(tweets[: len(tweets) // 2], SETTINGS, 10**9, "fr").requests
    after = {ask.id: ask for ask in choose(tweets, SETTINGS, 10**9, "fr").requests}
    assert all(after[ask.id].kind == ask.kind for ask in before)
    assert [ask.id for ask in choose(tweets, SETTINGS, most, "fr").requests] == [
        t.id for t in tweets if t.id in {ask.id for ask in choose(tweets, SETTINGS, most, "fr").requests}
    ]


def test_a_reply_to_somebody_unknown_is_not_asked_for_and_one_in_the_authors_thread_sees_what_stood_before():
    """What stood before is what the model will have seen: not a tweet that was not kept (6), nor one that is no answer itself (7), nor
    the other of two answers to one tweet (8)."""
    tweets = [
        tweet("1", type=REPLY),
        tweet("2", thread="2"),
        tweet("3", type=REPLY, thread="2", follows="2"),
        tweet("4", thread="4", type=REPLY),
        tweet("5", thread="2", type=REPLY, follows="3"),
        tweet("6", thread="0", type=REPLY, follows="00"),
        tweet("7", thread="4", type=REPLY, follows="4"),
        tweet("8", thread="2", follows="2"),
    ]
    chosen = choose(tweets, SETTINGS, 100, "fr")
    expected = [("2", ""), ("3", "text 2"), ("5", "text 3"), ("6", ""), ("7", ""), ("8", "")]
    assert [(ask.id, ask.before) for ask in chosen.requests] == expected
    assert chosen.unknown_parent == 2 and chosen.left_out == 0


def test_the_kinds_come_in_the_stated_shares_and_the_seed_moves_them():
    ids = [str(number) for number in range(4000)]
    shares = Playback(ollama="x", questions=0.6, remarks=0.3, requests=0.1)
    counts = Counter(kind_of(id, shares) for id in ids)
    # Three standard errors of a share over 4,000 tweets are at most 2.4%.
    assert all(abs(counts[kind] / 4000 - share) < 0.024 for kind, share in (("question", 0.6), ("remark", 0.3), ("request", 0.1)))
    other = shares.model_copy(update={"seed": 1})
    assert [kind_of(id, shares) for id in ids] != [kind_of(id, other) for id in ids]
    assert {kind_of(id, Playback(ollama="x", questions=0.0, remarks=0.0, requests=1.0)) for id in ids} == {"request"}


def test_a_tweet_of_uncertain_language_is_asked_in_that_of_most():
    tweets = [tweet("1", language=""), tweet("2", language="en"), tweet("3", language="en"), tweet("4")]
    assert main_language(tweets, ["fr", "en"]) == "en"
    assert main_language([tweets[0]], ["es", "fr"]) == "es"
    assert [ask.language for ask in choose(tweets, SETTINGS, 9, "en").requests] == ["en", "en", "en", "fr"]

"""Which tweets get which kind of message, and what the model is shown: the tweet is data on one line, every word counts."""

import json
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweetstyle.dataset.threads import KINDS
from tweetstyle.playback.checks import are_alike, bare_words, is_kind, runs
from tweetstyle.playback.requests import MOST_CHARACTERS, MessageRequest, as_data, choose, examples, kind_of, main_language, turns
from tweetstyle.recipe import Playback
from tweetstyle.records import REPLY, TWEET, Tweet
from tweetstyle.text.languages import languages_of

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
SPECIAL = ("<|im_end|>", "<|im_start|>", "<s>", "</s>", "[INST]", "[/INST]", "<<SYS>>", "<end_of_turn>", "<unk>")


def tweet(id: str, **fields) -> Tweet:
    return Tweet(**{"id": id, "text": f"text {id}", "created_at": "", "language": "fr"} | fields)


@given(TWEETS, st.integers(1, 40))
def test_every_tweet_is_chosen_left_out_or_answers_somebody_unknown_whatever_tweets_come_later(tweets, most):
    chosen, everything = choose(tweets, SETTINGS, most, "fr"), choose(tweets, SETTINGS, 10**9, "fr").requests
    assert len(chosen.requests) + chosen.unknown_parent + chosen.left_out == len(tweets)
    threads = {t.id: t.thread or t.id for t in tweets}
    asked, answerable = (Counter(threads[request.id] for request in of) for of in (chosen.requests, everything))
    assert all(asked[thread] == answerable[thread] for thread in asked), "a thread is whole"
    assert min(most, len(everything)) <= len(chosen.requests) < most + max(answerable.values(), default=1)
    kinds = {request.id: request.kind for request in everything}
    assert all(kinds[r.id] == r.kind for r in choose(tweets[: len(tweets) // 2], SETTINGS, 10**9, "fr").requests)
    assert [r for r in everything if r in chosen.requests] == chosen.requests, "in their order"


def test_a_reply_to_somebody_unknown_gets_no_message_and_one_in_the_authors_thread_has_what_the_model_will_have_seen_before_it():
    """Not a tweet that was not kept (6), nor one that is no answer itself (7), nor the other of two answers to one tweet (8)."""
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
    assert [(request.id, request.before) for request in chosen.requests] == expected
    assert chosen.unknown_parent == 2 and chosen.left_out == 0


def test_the_kinds_come_in_the_stated_shares_and_the_seed_moves_them():
    ids = [str(number) for number in range(4000)]
    shares = Playback(ollama="x", questions=0.6, remarks=0.3, requests=0.1)
    counts = Counter(kind_of(id, shares) for id in ids)
    # Three standard errors of a share over 4,000 tweets are at most 2.4%.
    assert all(abs(counts[kind] / 4000 - share) < 0.024 for kind, share in (("question", 0.6), ("remark", 0.3), ("request", 0.1)))
    other = shares.model_copy(update={"seed": 1})
    assert [kind_of(id, shares) for id in ids] != [kind_of(id, other) for id in ids]


def test_a_tweet_of_uncertain_language_gets_a_message_in_that_of_most():
    tweets = [tweet("1", language=""), tweet("2", language="en"), tweet("3", language="en"), tweet("4")]
    assert main_language(tweets, ["fr", "en"]) == "en"
    assert main_language([tweets[0]], ["es", "fr"]) == "es"
    assert [request.language for request in choose(tweets, SETTINGS, 9, "en").requests] == ["en", "en", "en", "fr"]


@given(st.lists(st.one_of(st.text(), st.sampled_from([*SPECIAL, "\n", '"', "\\", " "])), max_size=6).map("".join))
def test_any_tweet_is_one_quoted_line_in_which_no_turn_ends(text):
    data = as_data(text)
    assert not re.search(r"[\n\r]", data) and not any(token in data for token in SPECIAL)
    read = json.loads(data)
    assert len(read) <= MOST_CHARACTERS
    if not re.search(r"[<\[]", text):
        assert read == " ".join(text[:MOST_CHARACTERS].split())


@pytest.mark.parametrize("text", ["a < b and b > c", "<3 toi", "[lien] ici", "x <- y", "[1] note"])
def test_ordinary_brackets_stay(text):
    assert json.loads(as_data(text)) == text


def test_all_but_the_last_turn_is_the_same_for_a_language_and_kind_and_the_language_is_named():
    one, other = (turns(MessageRequest(*of)) for of in (("1", "il neige", "fr", "question"), ("2", "il pleut", "fr", "question", "hier")))
    assert one[:-1] == other[:-1] and one[-1]["content"] == 'Tweet: "il neige"'
    assert other[-1]["content"] == 'Juste avant, le même auteur a dit: "hier"\nTweet: "il pleut"'
    assert [turn["role"] for turn in one] == ["system", *["user", "assistant"] * (len(examples("fr")) // 3), "user"]
    prompts = {(of, kind): turns(MessageRequest("1", "x", of, kind))[:-1] for of in ("fr", "en", "es", "xy") for kind in KINDS}
    assert len({json.dumps(prompt) for prompt in prompts.values()}) == 12
    assert "Spanish" in prompts["es", "remark"][0]["content"] and " xy" in prompts["xy", "remark"][0]["content"]


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_examples_are_what_is_requested(language):
    """Of the kind, in the language, in other words than their tweet's, and no two alike."""
    for kind in KINDS:
        chat = turns(MessageRequest("1", "x", language, kind))[1:-1]
        for shown, example in zip(chat[::2], chat[1::2], strict=True):
            assert is_kind(example["content"], kind)
            assert not runs(bare_words(example["content"])) & runs(bare_words(shown["content"]))
    words = [set(bare_words(message)) for message in examples(language)]
    assert not any(are_alike(one, other) for place, one in enumerate(words) for other in words[:place])
    found = [name for name, _ in languages_of(examples(language), ("fr", "en"))]
    assert set(found) <= {language, ""} and found.count(language) > 10

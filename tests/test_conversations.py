"""Which tweets train as answers, and which of them follow one another in one conversation."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.playing_back import write_answers
from support.small_runs import inst_template, small_training

from tweetstyle.dataset.examples import read_documents, read_held_out
from tweetstyle.dataset.held_out import held_out
from tweetstyle.dataset.threads import conversations, goes_on_from, read_conversations, read_tweets, with_messages
from tweetstyle.errors import TweetstyleError
from tweetstyle.model.base import BaseModel
from tweetstyle.model.tokenizer import IGNORED
from tweetstyle.prompt.template import Template, build_template
from tweetstyle.recipe import Model
from tweetstyle.records import REPLY, Tweet
from tweetstyle.stages.fit import schedule_warnings
from tweetstyle.train import FitInputs, plan_fit


def tweet(id: str, thread: str = "", type: str = "Tweet", text: str | None = None) -> Tweet:
    """A day after the one numbered before it, which it answers unless it begins its thread."""
    follows = str(int(id) - 1) if thread not in ("", id) else ""
    return Tweet(id, text or f"tweet {id}", f"2024-01-{int(id) % 28 + 1:02}T00:00:00Z", type, None, thread, follows=follows)


# A thread of three, its first tweet alone in being no reply; one begun by a reply to a stranger; one whose second has no message.
WHOLE = [tweet("1", "1"), tweet("2", "1", REPLY), tweet("3", "1", REPLY)]
BEGUN = [tweet("4", "4", REPLY), tweet("5", "4", REPLY), tweet("6", "4", REPLY)]
BROKEN = [tweet("7", "7"), tweet("8", "7", REPLY), tweet("9", "7", REPLY)]
STRANGER, ALONE, SILENT = tweet("10", type=REPLY), tweet("11"), tweet("12")
SPLIT = [ALONE, WHOLE[2], *BROKEN, WHOLE[0], STRANGER, *BEGUN, WHOLE[1], SILENT]
MESSAGES = {t.id: f" message {t.id} " for t in SPLIT if t not in (BROKEN[1], SILENT)}


def ids(found: list[list[Tweet]]) -> list[list[str]]:
    return [[t.id for t in conversation] for conversation in found]


def test_a_thread_is_one_conversation_in_order_of_its_replies_and_ends_before_a_tweet_without_a_message() -> None:
    found = conversations(SPLIT, with_messages(SPLIT, MESSAGES))
    assert ids(found) == [["11"], ["7"], ["9"], ["1", "2", "3"], ["5", "6"]]
    assert [t.topic for t in found[3]] == ["message 1", "message 2", "message 3"]


def at(id: str, moment: str, follows: str = "", thread: str = "1") -> Tweet:
    return Tweet(id, f"tweet {id}", moment and f"{moment}Z", "Tweet", None, thread, "en", follows)


def together(*tweets: Tweet) -> list[list[str]]:
    """Of a split all of whose tweets answer a message."""
    return ids(conversations(tweets, with_messages(tweets, {t.id: "and then?" for t in tweets})))


def test_of_two_answers_to_one_tweet_the_earlier_goes_on_and_the_other_begins_a_conversation_of_its_own() -> None:
    split = [at(id, f"2024-01-01T10:0{id}:00", follows) for id, follows in (("1", ""), ("2", "1"), ("3", "1"), ("4", "2"), ("5", "3"))]
    assert together(*split) == [["1", "2", "4"], ["3", "5"]]


def test_a_conversation_ends_with_a_day_of_silence_and_no_tweet_follows_a_later_one() -> None:
    for then, one in (("01-02T10:00:00", True), ("01-02T10:00:01", False), ("01-01T09:59:59", False), ("", True)):
        moment = then and f"2024-{then}"
        found = together(at("1", "2024-01-01T10:00:00"), at("2", moment, "1"), at("3", moment, "2"))
        assert found == ([["1", "2", "3"]] if one else [["1"], ["2", "3"]])


MINUTES = st.sampled_from(["", *(f"2024-01-01T10:{minute:02}:00" for minute in range(4)), "2024-01-03T10:00:00"])
GRAPHS = st.integers(1, 12).flatmap(
    lambda count: st.lists(st.tuples(MINUTES, st.integers(0, count)), min_size=count, max_size=count).flatmap(
        lambda drawn: st.permutations([at(str(n), moment, str(of)) for n, (moment, of) in enumerate(drawn)])
    )
)
"""Whoever answers whomever: themselves, later ones, in circles, one answered by many, one that is not there."""


@given(GRAPHS, st.sets(st.integers(0, 12)))
def test_whatever_answers_what_each_tweet_stands_in_one_conversation_behind_the_very_one_that_it_answers(split, silent):
    answered = with_messages(split, {t.id: "and then?" for t in split if int(t.id) not in silent})
    found = conversations(split, answered)
    assert sorted(t.id for turns in found for t in turns) == sorted(t.id for t in answered)
    pairs = [pair for turns in found for pair in zip(turns, turns[1:], strict=False)]
    assert all(after.follows == before.id and not before.created_at > after.created_at > "" for before, after in pairs)
    # What was shown as standing before it when its message was written stands before it now, or nothing does.
    shown = goes_on_from(split)
    assert all(shown[after.id].id == before.id for before, after in pairs)
    there = {t.id for t in answered}
    assert {after.id for _, after in pairs} == {id for id, before in shown.items() if {id, before.id} <= there}


def test_what_does_not_train_is_counted_and_said(tmp_path: Path) -> None:
    write_answers(tmp_path, "train", SPLIT, MESSAGES)
    found, counts = read_conversations(tmp_path / "train.jsonl")
    assert len(found) == 5
    assert (counts.tweets, counts.turns, counts.conversations, counts.replies, counts.without_message) == (12, 8, 5, 2, 2)
    assert str(counts) == (
        "trained on as answers: 8 tweets in 5 conversations; further turns of a thread: 3; "
        "left out, replies to unknown tweets: 2; left out, without a message: 2"
    )


@pytest.fixture(scope="module")
def template(base: BaseModel) -> Template:
    return build_template("chat", "Nimzo", base.tokens, conversation=True)


def test_the_documents_are_the_conversations_as_the_chat_template_puts_them(tmp_path: Path, base: BaseModel, template: Template) -> None:
    documents = read_documents(base, template, write_answers(tmp_path, "train", SPLIT, MESSAGES), 512)
    assert [d.tweets for d in documents] == [1, 1, 1, 3, 2]
    decoded = base.tokenizer.decode
    head = template.turns.head
    assert decoded(documents[3].ids) == head + "".join(
        f"{'' if n == 1 else chr(10) + '<|im_start|>user' + chr(10)}message {n}<|im_end|>\n<|im_start|>assistant\ntweet {n}<|im_end|>"
        for n in (1, 2, 3)
    )
    assert decoded([i for i in documents[3].labels if i != IGNORED]) == "tweet 1<|im_end|>tweet 2<|im_end|>tweet 3<|im_end|>"
    assert documents[3].text_bytes == 3 * len("tweet 1")


def test_a_conversation_too_long_is_divided_between_turns_and_one_tweet_too_long_is_cut(tmp_path, base, template):
    path = write_answers(tmp_path, "train", [*WHOLE, tweet("20", text="mot " * 200)], MESSAGES | {"20": "long ?"})
    whole = read_documents(base, template, path, 512)
    two = max(len(base.tokenizer.encode_turns(template, [(f"message {n}", f"tweet {n}") for n in pair])[0]) for pair in ((1, 2), (2, 3)))
    divided = read_documents(base, template, path, two)
    assert [d.tweets for d in whole] == [3, 1] and [d.tweets for d in divided] == [2, 1, 1]
    assert divided[0].ids == whole[0].ids[: len(divided[0].ids)]
    assert divided[1].ids == base.tokenizer.encode_turns(template, [("message 3", "tweet 3")])[0]
    assert divided[2].ids == whole[1].ids[:two] and divided[2].labels == whole[1].labels[:two]
    assert base.eos_id not in [label for label in divided[2].labels if label != IGNORED]


def test_validation_is_each_tweet_given_its_message(tmp_path: Path, base: BaseModel, template: Template) -> None:
    path = write_answers(tmp_path, "validation", [*SPLIT, tweet("20", text="mot " * 300)], MESSAGES | {"20": "long ?"})
    found = read_held_out(base, template, path, 200)
    shown = [base.tokenizer.decode(d.ids).removeprefix(template.turns.head) for d in found]
    order = (11, 3, 7, 9, 1, 5, 6, 2)
    assert shown == [f"message {n}<|im_end|>\n<|im_start|>assistant\ntweet {n}<|im_end|>" for n in order]
    scored = held_out(path, template, base.tokenizer, 512, 100, 42)
    assert [d.ids for d in scored.documents[:8]] == [d.ids for d in found]
    assert scored.bytes[:8].tolist() == [len(f"tweet {n}") for n in order]
    assert len(list(read_tweets(path, inst_template(base.path)))) == len(SPLIT) + 1, "a template without turns has no answers"
    (tmp_path / "messages-validation.jsonl").unlink()
    with pytest.raises(TweetstyleError, match="no messages yet"):
        read_tweets(path, template)


def test_too_few_pairs_to_teach_a_tone_are_warned_of(tmp_path: Path, base: BaseModel, template: Template) -> None:
    training = small_training(max_length=256)
    train = write_answers(tmp_path, "train", SPLIT, MESSAGES)
    fit = plan_fit(FitInputs(base, template, Model(base=base.path), training, (train, train)))
    for pairs, warned in ((8, True), (299, True), (300, False)):
        said = schedule_warnings(replace(fit, tweets=pairs), answers=True)
        assert said.get("few pairs", "").startswith(f"{pairs} messages with your tweets are too few") is warned

"""Which tweets train as answers, and which of them follow one another in one conversation."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.chat_templates import CHATML
from support.conversing import write_answers
from support.small_runs import inst_template, small_training

from tweetstyle.base_model import BaseModel, read_base_model
from tweetstyle.conversations import (
    before_held_out,
    conversations,
    files_read,
    is_answerable,
    read_conversations,
    read_tweets,
    with_messages,
)
from tweetstyle.errors import TweetstyleError
from tweetstyle.fit import plan_fit
from tweetstyle.fit.documents import read_documents, read_held_out
from tweetstyle.held_out import held_out
from tweetstyle.records import REPLY, Tweet
from tweetstyle.template import SpecialTokens, Template, build_template
from tweetstyle.tokenizer import IGNORED


def tweet(id: str, thread: str = "", type: str = "Tweet", text: str | None = None) -> Tweet:
    return Tweet(id, text or f"tweet {id}", f"2024-01-{int(id) % 28 + 1:02}T00:00:00Z", type, None, thread)


# A thread of three, its first tweet alone in being no reply; one begun by a reply to a stranger; one whose second has no message.
WHOLE = [tweet("1", "1"), tweet("2", "1", REPLY), tweet("3", "1", REPLY)]
BEGUN = [tweet("4", "4", REPLY), tweet("5", "4", REPLY), tweet("6", "4", REPLY)]
BROKEN = [tweet("7", "7"), tweet("8", "7", REPLY), tweet("9", "7", REPLY)]
STRANGER, ALONE, SILENT = tweet("10", type=REPLY), tweet("11"), tweet("12")
SPLIT = [ALONE, WHOLE[2], *BROKEN, WHOLE[0], STRANGER, *BEGUN, WHOLE[1], SILENT]
MESSAGES = {t.id: f" message {t.id} " for t in SPLIT if t not in (BROKEN[1], SILENT)}


def ids(found: list[list[Tweet]]) -> list[list[str]]:
    return [[t.id for t in conversation] for conversation in found]


def test_a_thread_is_one_conversation_in_order_of_time_where_each_of_its_tweets_answers() -> None:
    found = conversations(SPLIT, with_messages(SPLIT, MESSAGES))
    assert ids(found) == [["11"], ["1", "2", "3"], ["7"], ["9"], ["5", "6"]]
    assert [t.topic for t in found[1]] == ["message 1", "message 2", "message 3"]


def test_a_reply_to_someone_unknown_is_no_answer_even_where_it_begins_a_thread() -> None:
    assert [t.id for t in SPLIT if not is_answerable(t)] == ["10", "4"]
    assert not {"10", "4"} & {t.id for t in with_messages(SPLIT, MESSAGES)}


def test_what_does_not_train_is_counted_and_told(tmp_path: Path) -> None:
    write_answers(tmp_path, "train", SPLIT, MESSAGES)
    found, told = read_conversations(tmp_path / "train.jsonl")
    assert len(found) == 5
    assert (told.tweets, told.turns, told.conversations, told.replies, told.without_message) == (12, 8, 5, 2, 2)
    assert str(told) == (
        "8 tweets train as answers in 5 conversations, 3 of them further turns of a thread; "
        "left out: 2 replies, whose parents are unknown and 2 without a message"
    )


@pytest.fixture(scope="module")
def base(base_model_dir: Path) -> BaseModel:
    return read_base_model(base_model_dir)


@pytest.fixture(scope="module")
def template(base: BaseModel) -> Template:
    return build_template("chat", "Nimzo", base.tokens, conversation=True)


def test_a_split_under_a_template_of_turns_is_its_answers_and_under_another_itself(
    tmp_path: Path, base: BaseModel, template: Template
) -> None:
    path = write_answers(tmp_path, "test", SPLIT, MESSAGES)
    assert [t.id for t in read_tweets(path, template)] == ["11", "3", "7", "9", "1", "5", "6", "2"]
    assert [t.id for t in read_tweets(path, inst_template(base.path))] == [t.id for t in SPLIT]
    assert files_read(path, template) == [path, tmp_path / "messages-test.jsonl"]
    (tmp_path / "messages-test.jsonl").unlink()
    with pytest.raises(TweetstyleError, match="no messages yet"):
        read_tweets(path, template)


def test_a_held_out_tweet_stands_behind_its_message_and_never_behind_a_subject(template: Template, base: BaseModel) -> None:
    asked = with_messages(SPLIT, MESSAGES)[0]
    assert before_held_out(template, asked) == "message 11"
    assert before_held_out(inst_template(base.path), asked) is None


# -- documents ----------------------------------------------------------------------------------------------


def test_the_documents_are_the_conversations_as_the_chat_template_puts_them(tmp_path: Path, base: BaseModel, template: Template) -> None:
    documents = read_documents(base, template, write_answers(tmp_path, "train", SPLIT, MESSAGES), 512)
    assert [d.tweets for d in documents] == [1, 3, 1, 1, 2]
    decoded = base.tokenizer.decode
    head = template.turns.head
    assert decoded(documents[1].ids) == head + "".join(
        f"{'' if n == 1 else chr(10) + '<|im_start|>user' + chr(10)}message {n}<|im_end|>\n<|im_start|>assistant\ntweet {n}<|im_end|>"
        for n in (1, 2, 3)
    )
    assert decoded([i for i in documents[1].labels if i != IGNORED]) == "tweet 1<|im_end|>tweet 2<|im_end|>tweet 3<|im_end|>"
    assert documents[1].text_bytes == 3 * len("tweet 1")


def test_a_conversation_too_long_is_divided_between_turns_and_one_tweet_too_long_is_cut(
    tmp_path: Path, base: BaseModel, template: Template
) -> None:
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


def test_a_plan_counts_tweets_and_packs_conversations(tmp_path: Path, base: BaseModel, template: Template) -> None:
    path = write_answers(tmp_path, "train", SPLIT, MESSAGES)
    fit = plan_fit(base, template, small_training(max_length=256), path)
    assert fit.tweets == 8
    assert fit.tokens == sum(len(d.ids) for d in read_documents(base, template, path, 256))


def test_an_example_template_of_the_tests_is_of_the_models_own_shape(base: BaseModel) -> None:
    ours = build_template("chat", "x", SpecialTokens("<|im_start|>", "<|im_end|>", CHATML), conversation=True)
    own = build_template("chat", "x", base.tokens, conversation=True)
    assert (ours.turns.asked, ours.turns.again, ours.turns.end) == (own.turns.asked, own.turns.again, own.turns.end)

"""Messages come back from their file as they were written, and what is no such file is refused with its line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweetstyle.dataset.messages import KINDS, Message, messages_path, read_messages, write_messages
from tweetstyle.errors import TweetstyleError

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(st.dictionaries(TEXTS, st.tuples(TEXTS, st.sampled_from(KINDS)), max_size=8))
def test_any_message_comes_back_as_it_was(tmp_path_factory, wanted):
    path = tmp_path_factory.getbasetemp() / "messages.jsonl"
    write_messages(path, [Message(id, text, kind) for id, (text, kind) in wanted.items()])
    assert list(read_messages(path).items()) == [(id, text) for id, (text, _) in wanted.items()]


def test_mini_train_reads_the_messages_of_train(tmp_path):
    assert messages_path(tmp_path, "mini-train") == messages_path(tmp_path, "train") == tmp_path / "messages-train.jsonl"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[]",
        '{"id": "1", "message": "yes?"}',
        '{"id": 1, "message": "yes?", "kind": "question"}',
        '{"id": "1", "message": "", "kind": "question"}',
        '{"id": "1", "message": "yes?", "kind": "sermon"}',
        '{"id": "0", "message": "again?", "kind": "question"}',
    ],
)
def test_a_row_that_is_not_ours_is_named_with_its_line(tmp_path, line):
    path = tmp_path / "messages-train.jsonl"
    path.write_text('{"id": "0", "message": "yes?", "kind": "question"}\n' + line + "\n")
    with pytest.raises(TweetstyleError, match=r"messages-train\.jsonl:2: not a row that playback wrote"):
        read_messages(path)


def test_a_missing_file_says_which_stage_makes_it(tmp_path):
    with pytest.raises(TweetstyleError, match="no messages yet.*\n.*--from playback"):
        read_messages(tmp_path / "messages-test.jsonl")

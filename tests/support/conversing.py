"""A split with the messages that its tweets answer beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from support.small_runs import write_tweets

from tweetstyle.dataset.threads import Message, messages_path, write_messages
from tweetstyle.records import Tweet


def write_answers(directory: Path, split: str, tweets: Sequence[Tweet], messages: Mapping[str, str]) -> Path:
    """directory/<split>.jsonl and its messages: id → message."""
    write_messages(messages_path(directory, split), [Message(id, text, "question") for id, text in messages.items()])
    return write_tweets(directory / f"{split}.jsonl", list(tweets))

"""What a tweet answers: splits read as training and scoring need them, and the author's threads as conversations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tweetstyle.messages import messages_path, read_messages
from tweetstyle.records import REPLY, Tweet, read_split

if TYPE_CHECKING:
    from tweetstyle.template import Template

Conversation = list[Tweet]
"""Tweets that follow each other, each with the message that it answers as its topic."""


@dataclass(frozen=True)
class Told:
    """What a split's tweets become. turns: tweets that train as answers; replies: of an unknown parent; without_message: the others."""

    tweets: int
    turns: int
    conversations: int
    replies: int
    without_message: int

    def __str__(self) -> str:
        longer = f", {self.turns - self.conversations:,} of them further turns of a thread" if self.turns > self.conversations else ""
        left = [f"{self.replies:,} replies, whose parents are unknown"] if self.replies else []
        left += [f"{self.without_message:,} without a message"] if self.without_message else []
        out = f"; left out: {' and '.join(left)}" if left else ""
        return f"{self.turns:,} tweets train as answers in {self.conversations:,} conversations{longer}{out}"


def is_answerable(tweet: Tweet) -> bool:
    """Whether a message may be sought that the tweet answers.

    A reply has answered something already. Where that is the author's own tweet, the thread goes on and the message stands between
    the two; where it is not known, any message would be a wrong one.
    """
    return tweet.type != REPLY or (bool(tweet.thread) and tweet.thread != tweet.id)


def with_messages(tweets: Iterable[Tweet], messages: dict[str, str]) -> list[Tweet]:
    """The tweets that answer a message, each with it as its topic."""
    return [replace(t, topic=messages[t.id].strip()) for t in tweets if t.id in messages and is_answerable(t)]


def read_tweets(path: Path, template: Template) -> Iterator[Tweet]:
    """The tweets of a split under this template: in a conversation only those that answer a message, which is their topic then.

    Raises TweetstyleError where the split or the file of messages beside it is missing or not one of ours.
    """
    if template.turns is None:
        return read_split(path)
    return iter(with_messages(read_split(path), read_messages(messages_path(path.parent, path.stem))))


def files_read(path: Path, template: Template) -> list[Path]:
    """The files that a split is read from under this template."""
    return [path, messages_path(path.parent, path.stem)] if template.turns else [path]


def before_held_out(template: Template, tweet: Tweet) -> str | None:
    """What stands before a held-out tweet: the message that it answers; never a subject, which is taken from the tweet and leaks it."""
    return tweet.topic if template.turns else None


def conversations(tweets: Sequence[Tweet], answered: Sequence[Tweet]) -> list[Conversation]:
    """The answered tweets as conversations, in the split's order: a thread, all of whose tweets in the split answer a message, is one.

    tweets: all of the split; answered: those of them `with_messages`. Of any other thread each tweet stands alone: between tweets that
    are not neighbours something was said that the model does not see.
    """
    there = {tweet.id for tweet in answered}
    broken = {tweet.thread for tweet in tweets if tweet.thread and is_answerable(tweet) and tweet.id not in there}
    found: dict[str, Conversation] = {}
    for tweet in answered:
        whole = tweet.thread and tweet.thread not in broken
        found.setdefault(f"thread {tweet.thread}" if whole else tweet.id, []).append(tweet)
    return [sorted(of, key=lambda tweet: (tweet.created_at, len(tweet.id), tweet.id)) for of in found.values()]


def read_conversations(path: Path) -> tuple[list[Conversation], Told]:
    """A split's conversations, and what of it they are made of. Raises TweetstyleError as `read_tweets` does."""
    tweets = list(read_split(path))
    answered = with_messages(tweets, read_messages(messages_path(path.parent, path.stem)))
    found = conversations(tweets, answered)
    replies = sum(not is_answerable(tweet) for tweet in tweets)
    return found, Told(len(tweets), len(answered), len(found), replies, len(tweets) - len(answered) - replies)

"""Tweets as the token ids and labels of training and validation."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tweetstyle.dataset.threads import Conversation, before_held_out, read_conversations, read_tweets
from tweetstyle.model.base import BaseModel
from tweetstyle.prompt.template import Template
from tweetstyle.records import read_split


@dataclass(frozen=True, slots=True)
class Document:
    """One tweet under its prompt, or a conversation of several.

    `ids` [n], `labels` [n] (-100 where no loss is taken); the length of its `tweets` tweets in UTF-8 bytes.
    """

    ids: list[int]
    labels: list[int]
    text_bytes: int
    tweets: int = 1


def read_documents(base: BaseModel, template: Template, path: Path, max_length: int) -> list[Document]:
    """The documents of a training split: each tweet under its own topic or, in a conversation, behind the message that it answers.

    One longer than `max_length` tokens is cut there; a conversation first between two turns, so that its rest is another one.
    Raises TweetstyleError where the split or its messages cannot be read.
    """
    if template.turns:
        return list(_conversations(base, template, path, max_length))
    tokenizer, documents = base.tokenizer, []
    for tweet in read_split(path):
        encoded = tokenizer.encode(template, tweet.text, tweet.topic, tweet.type, max_length)
        documents.append(Document(encoded.ids, encoded.labels, len(tweet.text.encode())))
    return documents


def read_held_out(base: BaseModel, template: Template, path: Path, max_length: int) -> list[Document]:
    """The documents of a validation split, all without a topic, which is taken from the tweet and would leak it.

    In a conversation each tweet follows its own message. A tweet longer than `max_length` tokens is left out: cut, its
    tokens would be counted against all of its bytes.
    """
    tokenizer, end, documents = base.tokenizer, base.tokenizer.end_id(template), []
    for tweet in read_tweets(path, template):
        encoded = tokenizer.encode(template, tweet.text, before_held_out(template, tweet), tweet.type, max_length)
        if encoded.ids[-1] == end:
            documents.append(Document(encoded.ids, encoded.labels, len(tweet.text.encode())))
    return documents


def _conversations(base: BaseModel, template: Template, path: Path, max_length: int) -> Iterator[Document]:
    for conversation in read_conversations(path)[0]:
        begin = 0
        while begin < len(conversation):
            end, document = begin, None
            while end < len(conversation):
                longer = _document(base, template, conversation[begin : end + 1])
                if document and len(longer.ids) > max_length:
                    break
                end, document = end + 1, longer
            yield Document(document.ids[:max_length], document.labels[:max_length], document.text_bytes, document.tweets)
            begin = end


def _document(base: BaseModel, template: Template, conversation: Conversation) -> Document:
    turns = [(tweet.topic, tweet.text) for tweet in conversation]
    ids, labels = base.tokenizer.encode_turns(template, turns)
    return Document(ids, labels, sum(len(tweet.text.encode()) for tweet in conversation), len(conversation))


def as_columns(documents: list[Document]) -> dict[str, list[list[int]]]:
    """The two columns that TRL takes for tokenised already: `input_ids` and `labels`."""
    return {"input_ids": [d.ids for d in documents], "labels": [d.labels for d in documents]}

"""Tweets as the token ids and labels that training and validation read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tweetstyle.base_model import BaseModel
from tweetstyle.records import read_split
from tweetstyle.template import Template


@dataclass(frozen=True, slots=True)
class Document:
    """One tweet under its prompt: `ids` [n], `labels` [n] (-100 where no loss is taken), and the tweet's length in UTF-8 bytes."""

    ids: list[int]
    labels: list[int]
    text_bytes: int


def read_documents(base: BaseModel, template: Template, path: Path, max_length: int) -> list[Document]:
    """The documents of a training split, each under its own topic; one longer than `max_length` tokens is cut there."""
    return _read(base, template, path, max_length, topics=True)


def read_held_out(base: BaseModel, template: Template, path: Path, max_length: int) -> list[Document]:
    """The documents of a validation split, all without a topic, which is taken from the tweet and would leak it.

    A tweet longer than `max_length` tokens is left out: cut, its tokens would stand against all of its bytes.
    """
    end = base.tokenizer.end_id(template)
    return [d for d in _read(base, template, path, max_length, topics=False) if d.ids[-1] == end]


def _read(base: BaseModel, template: Template, path: Path, max_length: int, *, topics: bool) -> list[Document]:
    tokenizer = base.tokenizer
    documents = []
    for tweet in read_split(path):
        encoded = tokenizer.encode(template, tweet.text, tweet.topic if topics else None, tweet.type, max_length)
        documents.append(Document(encoded.ids, encoded.labels, len(tweet.text.encode())))
    return documents


def as_columns(documents: list[Document]) -> dict[str, list[list[int]]]:
    """The two columns that TRL takes for tokenised already: `input_ids` and `labels`."""
    return {"input_ids": [d.ids for d in documents], "labels": [d.labels for d in documents]}

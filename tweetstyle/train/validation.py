"""Bits per byte and sample tweets at each validation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tweetstyle.dataset.examples import Document
from tweetstyle.dataset.threads import read_tweets
from tweetstyle.inference.forward import BATCH_TOKENS, SLICE_BYTES, last_hidden_states, token_losses
from tweetstyle.inference.generate import as_read, generate
from tweetstyle.inference.likelihood import batches
from tweetstyle.model.base import BaseModel
from tweetstyle.model.tokenizer import IGNORED
from tweetstyle.prompt.template import Template
from tweetstyle.recipe import Sampling, Training
from tweetstyle.records import read_split
from tweetstyle.text.copying import find_copies
from tweetstyle.train.failures import OutOfMemory, within_memory

if TYPE_CHECKING:
    import torch

HALVINGS = 4
"""How often a batch and its slices are halved where memory runs out: down to 64 tokens and 8 MiB, which cure nothing any more."""


@dataclass(frozen=True)
class Score:
    """Summed negative log-likelihood (nats) of the answers with their end tokens, with the number of tokens and bytes of tweets."""

    nll: float
    tokens: int
    text_bytes: int

    @property
    def bits_per_byte(self) -> float:
        return self.nll / (math.log(2) * self.text_bytes)

    @property
    def loss(self) -> float:
        """Nats a token."""
        return self.nll / self.tokens


def score(model: torch.nn.Module, documents: list[Document], pad_id: int) -> Score:
    """The sum over all documents: losses_by_document."""
    tokens = sum(label != IGNORED for document in documents for label in document.labels[1:])
    return Score(float(losses_by_document(model, documents, pad_id).sum()), tokens, sum(document.text_bytes for document in documents))


def losses_by_document(model: torch.nn.Module, documents: list[Document], pad_id: int) -> np.ndarray:
    """Nats, float64 [n], of each document by itself, in batches of similar length padded on the right.

    Under causal attention a token never sees what is to its right, so right padding needs no attention mask. Where memory runs
    out, the batches and the slices of their logits are halved.
    """
    import torch

    was_training = model.training
    model.eval()
    nats, halved = np.zeros(len(documents)), 0
    left = sorted(range(len(documents)), key=lambda place: -len(documents[place].ids))
    # Not inference_mode: buffers made in it (Unsloth's caches) could not be used in training afterwards.
    with torch.no_grad():
        while left:
            batch = left[: len(next(batches([len(documents[place].ids) for place in left], BATCH_TOKENS >> halved)))]
            work = partial(_losses, model, [documents[place] for place in batch], pad_id, SLICE_BYTES >> halved)
            losses = work() if halved == HALVINGS else within_memory(work)
            if isinstance(losses, OutOfMemory):
                halved += 1
                continue
            nats[batch] = losses
            left = left[len(batch) :]
    model.train(was_training)
    return nats


def largest_batch(documents: list[Document]) -> list[Document]:
    """The batch of `score` with the most padded tokens."""
    groups = batches([len(document.ids) for document in documents], BATCH_TOKENS)
    return [documents[index] for index in max(groups, key=lambda group: len(group) * len(documents[group[0]].ids))]


def _losses(model: torch.nn.Module, batch: Sequence[Document], pad_id: int, slice_bytes: int) -> np.ndarray:
    """Nats of each document, of its tokens that carry loss, float64 [n]."""
    import torch

    width = max(len(document.ids) for document in batch)
    labels = torch.tensor([document.labels + [IGNORED] * (width - len(document.labels)) for document in batch])[:, 1:]
    # Found on the CPU: counted on a card, they would make it wait.
    rows, places = (labels != IGNORED).nonzero(as_tuple=True)
    hidden = last_hidden_states(model, torch.tensor([d.ids + [pad_id] * (width - len(d.ids)) for d in batch]))
    chosen = hidden[rows.to(hidden.device), places.to(hidden.device)]
    del hidden
    losses = token_losses(model, chosen, labels[rows, places], slice_bytes)
    return np.bincount(rows.numpy(), weights=losses.numpy(), minlength=len(batch))


SAMPLING = Sampling(num_predict=80)
"""The defaults, and shorter: they are read every few minutes to see where the training is heading."""


def sample_writer(
    base: BaseModel, template: Template, training: Training, train: Path, validation: Path
) -> Callable[[Any, int], dict[str, Any]]:
    """(model, step) → a metrics line's `samples` and `copied_share`. The prompts are the first of none and the validation tweets'
    topics; in a conversation the messages that those answer.

    The seed is of training.seed and the step, so that a resumed run writes the same.
    """
    learned = [tweet.text for tweet in read_split(train)]
    topics: list[str | None] = [None]
    if template.takes_message:
        topics += dict.fromkeys(tweet.topic for tweet in read_tweets(validation, template) if tweet.topic)
    if template.turns:
        topics = topics[1:] or topics
    topics = [topics[place % len(topics)] for place in range(training.samples)]
    tokenizer, end = base.tokenizer, base.tokenizer.end_id(template)
    prompts = [tokenizer.prompt_ids(template.training_prompt(topic), add_bos=template.add_bos) or [end] for topic in topics]

    def write(model: Any, step: int) -> dict[str, Any]:
        seeds = [(training.seed, step, place) for place in range(len(prompts))]
        answers = generate(model, prompts, SAMPLING, [end], seeds)
        texts = [as_read(base, template, answer) for answer in answers]
        copied = sum(map(bool, find_copies(texts, learned)))
        samples = [{"prompt": topic or "", "text": text} for topic, text in zip(topics, texts, strict=True)]
        return {"samples": samples, "copied_share": copied / len(texts)}

    return write

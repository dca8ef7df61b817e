"""Validation during training: bits per byte, token-exact."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tweetstyle.fit.documents import Document
from tweetstyle.tokenizer import IGNORED

if TYPE_CHECKING:
    import torch

BATCH_TOKENS = 1024
"""Padded tokens scored at a time: with a vocabulary of 128,256 their logits take 0.5 GB in fp32."""


@dataclass(frozen=True)
class Score:
    """Summed negative log-likelihood (nats) of the answers with their end tokens, over so many tokens and bytes of tweets."""

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


def score(model: torch.nn.Module, documents: list[Document], pad_id: int, advance: Callable[[int], None] = lambda n: None) -> Score:
    """Scores each document by itself, in batches of similar length padded on the right.

    Under causal attention a token never sees what stands to its right, so right padding needs no attention mask, on any
    backend; and without a cache no attention code can mistake the rows for a continued text. `advance` is told the
    number of documents done.
    """
    import torch

    was_training = model.training
    model.eval()
    nll = torch.zeros((), dtype=torch.float64)
    tokens = 0
    with torch.no_grad():
        for batch in _batches(documents):
            width = max(len(document.ids) for document in batch)
            device = next(model.parameters()).device
            ids = torch.tensor([d.ids + [pad_id] * (width - len(d.ids)) for d in batch], device=device)
            labels = torch.tensor([d.labels + [IGNORED] * (width - len(d.labels)) for d in batch], device=device)[:, 1:]
            bearing = labels != IGNORED
            logits = model(input_ids=ids, use_cache=False).logits[:, :-1][bearing].float()
            nll += torch.nn.functional.cross_entropy(logits, labels[bearing], reduction="sum").double().cpu()
            tokens += int(bearing.sum())
            advance(len(batch))
    model.train(was_training)
    return Score(nll.item(), tokens, sum(document.text_bytes for document in documents))


def _batches(documents: list[Document]) -> Iterator[list[Document]]:
    batch: list[Document] = []
    for document in sorted(documents, key=lambda d: len(d.ids)):
        if batch and (len(batch) + 1) * len(document.ids) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(document)
    if batch:
        yield batch

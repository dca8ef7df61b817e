"""Losses of a GGUF against its weights and against the trained model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tweetstyle.dataset.held_out import HeldOut, clusters
from tweetstyle.inference.llama_cpp import Logits, document_batches, loss
from tweetstyle.inference.prefixes import first_scored
from tweetstyle.recipe import Evaluation
from tweetstyle.statistics.intervals import bootstrap_t
from tweetstyle.verify.checks import BITS_LIMITS, KL_LIMITS, GateCheck, within
from tweetstyle.verify.reference import Reference


@dataclass(frozen=True)
class ConversionScores:
    """divergence, same_top: float and bool [scored tokens]; nats: float64 [documents], the GGUF's losses.

    ends, expected_ends: float64 [documents], nats of the last token of each, a tweet's end, by the GGUF and by the reference.
    """

    divergence: np.ndarray
    same_top: np.ndarray
    nats: np.ndarray
    ends: np.ndarray
    expected_ends: np.ndarray


def compare(logits: Logits, reference: Reference, advance: Callable[[int], None] = lambda tokens: None) -> ConversionScores:
    """One pass over the reference's documents; a batch's logits are held at a time. advance: called with the tokens just read."""
    documents = reference.documents
    (nats, ends, expected_ends), divergences, same = np.zeros((3, len(documents))), [], []
    for group in document_batches(logits, documents):
        chosen = [documents[index] for index in group]
        predicted = logits.predictions([d.ids for d in chosen], [first_scored(d) - 1 for d in chosen])
        for index, document, expected in zip(group, chosen, reference.logits(group), strict=True):
            for row, token in zip(expected, document.ids[first_scored(document) :], strict=True):
                found = next(predicted)
                nats[index] += loss(found, token)
                divergences.append(divergence(row, found))
                same.append(row.argmax() == found.argmax())
            ends[index], expected_ends[index] = loss(found, token), -_log_softmax(row)[token]
            next(predicted)  # what follows the last token is not needed
        advance(sum(len(d.ids) for d in chosen))
    return ConversionScores(np.array(divergences), np.array(same), nats, ends, expected_ends)


def divergence(expected: np.ndarray, found: np.ndarray) -> float:
    """KL(softmax(expected) ‖ softmax(found)) in nats, of two rows of logits; in float64 (Kullback and Leibler, 1951)."""
    p, q = (_log_softmax(row) for row in (expected, found))
    return float((np.exp(p) * (p - q)).sum())


def conversion(compared: ConversionScores, type: str, documents: int) -> GateCheck:
    """llama.cpp's own figures of a conversion (its --kl-divergence): mean, median and 99.9% KL in nats, share of equal first choices."""
    kl = compared.divergence
    figures = {
        "mean KL": float(kl.mean()),
        "median KL": float(np.median(kl)),
        "99.9% KL": float(np.quantile(kl, 0.999)),
        "same top-1": float(compared.same_top.mean()),
        "tokens": len(kl),
        "tweets": documents,
    }
    return within("conversion", type, figures, {"mean KL": KL_LIMITS[type]})


def training(compared: ConversionScores, type: str, sample: HeldOut, as_trained: np.ndarray, evaluation: Evaluation) -> GateCheck:
    """Bits per byte that the GGUF loses against the model as it was trained. as_trained: nats, float64 [documents]."""
    bits = (compared.nats - as_trained) / np.log(2)
    interval = bootstrap_t(
        bits,
        sample.bytes,
        clusters(sample.tweets),
        confidence=evaluation.confidence,
        resamples=evaluation.bootstrap_resamples,
        seed=evaluation.seed,
    )
    size = sample.bytes.sum() * np.log(2)
    ends = [interval.estimate if end is None else end for end in (interval.low, interval.high)]
    figures = {
        "bits per byte": float(compared.nats.sum() / size),
        "as trained": float(as_trained.sum() / size),
        "lost": interval.estimate,
        "lost at least": ends[0],
        "lost at most": ends[1],
        "confidence": interval.confidence,
        "clusters": interval.clusters,
        "tweets": len(sample.documents),
    }
    return within("training", type, figures, {"lost at most": BITS_LIMITS[type]})


def _log_softmax(row: np.ndarray) -> np.ndarray:
    shifted = row.astype(np.float64) - row.max()
    return shifted - np.log(np.exp(shifted).sum())

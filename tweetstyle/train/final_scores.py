"""Scores of the trained model, with which exported files are compared."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tweetstyle.dataset.examples import Document, read_documents
from tweetstyle.dataset.held_out import held_out
from tweetstyle.dataset.threads import files_read
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import complete_file, fingerprints, read_back
from tweetstyle.inference.clean_process import run_in_clean_process
from tweetstyle.model.base import BaseModel
from tweetstyle.model.imatrix import read_imatrix, write_imatrix
from tweetstyle.model.tokenizer import Encoded
from tweetstyle.prompt.template import Template

AS_TRAINED, IMATRIX = "as_trained.json", "imatrix.gguf"
HELD_OUT_TWEETS, IMATRIX_TWEETS, SEED = 500, 500, 42
"""Of each held-out split, and of the training tweets; of more, a seeded sample."""


@dataclass(frozen=True)
class SplitAsTrained:
    """The tweets of a held-out split that were scored: id, tokens, bytes and nats (the answer's and its end token's) of each."""

    ids: list[str]
    tokens: list[int]
    bytes: list[float]
    nats: list[float]


@dataclass(frozen=True)
class TrainedScores:
    """The trained model's own figures. model: file → fingerprint of what was scored; precision: "nf4" or the dtype of its weights.

    nf4: model.nf4.record of its 4-bit weights; trained_on_these: whether they are those that the trainer loaded (None: not 4 bits, or
    not written down when that was trained).
    """

    model: dict[str, str]
    device: str
    precision: str
    nf4: dict[str, dict[str, Any]] | None
    trained_on_these: bool | None
    splits: dict[str, SplitAsTrained]


def score_trained_model(
    base: BaseModel, final_model: Path, method: str, template: Template, train: Path, splits: dict[str, Path], directory: Path
) -> TrainedScores:
    """Writes directory/as_trained.json and directory/imatrix.gguf, unless the existing ones are this model's. Loads the model once.

    splits: name → file of held-out tweets. The importance matrix is made of training tweets alone. Raises TweetstyleError as the
    evaluation does.
    """
    files = [path for path in sorted(final_model.rglob("*")) if path.suffix in (".safetensors", ".json")]
    read = [file for path in (train, *splits.values()) for file in files_read(path, template)]
    of = fingerprints([*files, *read]) | base.fingerprints
    if (existing := read_as_trained(directory)) and existing.model == of:
        return existing
    samples = {name: held_out(path, template, base.tokenizer, base.max_positions, HELD_OUT_TWEETS, SEED) for name, path in splits.items()}
    documents = _sampled(read_documents(base, template, train, base.max_positions))
    held = [document for sample in samples.values() for document in sample.documents]
    (directory / AS_TRAINED).unlink(missing_ok=True)
    by_trainer = _written_by_trainer(directory) if method == "qlora" else None
    quantised_from = next(iter(by_trainer.values())).get("dtype") if by_trainer else None
    nats, facts = run_in_clean_process(_measure, base, final_model, method, quantised_from, held, documents, directory / IMATRIX)
    scored, start = {}, 0
    for name, sample in samples.items():
        part = nats[start : (start := start + len(sample.documents))]
        lengths = [len(document.ids) for document in sample.documents]
        scored[name] = SplitAsTrained([tweet.id for tweet in sample.tweets], lengths, sample.bytes.tolist(), part)
    same = facts["nf4"] == by_trainer if by_trainer else None
    result = TrainedScores(of, facts["device"], facts["precision"], facts["nf4"], same, scored)
    with complete_file(directory / AS_TRAINED) as stream:
        json.dump(asdict(result), stream, indent=1)
    return result


def read_as_trained(directory: Path) -> TrainedScores | None:
    """The scores stored in a run's directory, or None where they or the importance matrix cannot be used."""
    try:
        read_imatrix(directory / IMATRIX)
    except (OSError, TweetstyleError):
        return None
    return read_back(directory / AS_TRAINED, TrainedScores)


def _sampled(documents: list[Document]) -> list[Document]:
    """Documents as they were trained, cut where those were, at most IMATRIX_TWEETS."""
    return random.Random(SEED).sample(documents, min(IMATRIX_TWEETS, len(documents)))


def _written_by_trainer(directory: Path) -> dict[str, dict[str, Any]] | None:
    """model.nf4.record of the 4-bit weights as the trainer had loaded them."""
    return read_back(directory / "nf4.json", dict[str, dict[str, Any]])


def _measure(
    base: BaseModel,
    final_model: Path,
    method: str,
    quantised_from: str | None,
    held: list[Encoded],
    documents: list[Document],
    imatrix: Path,
) -> tuple[list[float], dict[str, Any]]:
    import torch

    from tweetstyle.inference.likelihood import keep_weights_as_trained, load_adapter, load_model, quiet_libraries, summed_losses
    from tweetstyle.model.nf4 import record
    from tweetstyle.progress import Bar
    from tweetstyle.train.importance import collect

    tokens = sum(len(document.ids) for document in (*held, *documents))
    with (
        Bar("measuring the model", tokens, "tokens", loading="loading the trained model") as bar,
        quiet_libraries(),
        torch.inference_mode(),
    ):
        if method == "full":
            model = load_model(final_model, method)
        else:
            adapted = load_adapter(load_model(base.path, method, quantised_from), final_model)
            if method == "qlora":
                keep_weights_as_trained(adapted)
            model = adapted.get_base_model()
        nats = summed_losses(model, held, bar.advance)
        write_imatrix(collect(model, documents, bar.advance), imatrix)
        nf4 = record(model) if method == "qlora" else None
        precision = "nf4" if nf4 else str(model.dtype).removeprefix("torch.")
        return nats.tolist(), {"device": str(model.device.type), "precision": precision, "nf4": nf4}

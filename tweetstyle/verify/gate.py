"""All checks of the gate; a file that fails is set aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tweetstyle.dataset.held_out import HeldOut
from tweetstyle.inference.llama_cpp import for_documents
from tweetstyle.model.nf4 import Nf4Tensor
from tweetstyle.model.tokenizer import Tokenizer
from tweetstyle.progress import Bar
from tweetstyle.prompt.template import Template
from tweetstyle.recipe import Evaluation, Export, Sampling
from tweetstyle.verify.checks import GateCheck
from tweetstyle.verify.conversion import compare, conversion, training
from tweetstyle.verify.reference import MergedWeights, Reference
from tweetstyle.verify.stop import judged_by_training, stops
from tweetstyle.verify.tokens import gate_prompts, tokens_in_llama_cpp, tokens_in_ollama
from tweetstyle.wording.words import Note

REJECTED = ".rejected"


@dataclass(frozen=True)
class TrainedModel:
    """What the files are compared with. weights: merged as they were exported; sample: held-out tweets.

    nats: float64 [n], the sample's losses under the model as it was trained; None where nobody wrote them down.
    """

    weights: MergedWeights
    template: Template
    tokenizer: Tokenizer
    sample: HeldOut
    nats: np.ndarray | None


def verify(
    trained: TrainedModel, gguf: dict[str, Path], modelfile: Path | None, sampling: Sampling, section: Export, evaluation: Evaluation
) -> list[GateCheck]:
    """All checks of all files. gguf: type → file; modelfile: names one of them, and is used for a running Ollama.

    Raises TweetstyleError for a file that llama.cpp does not load at all.
    """
    sample, template = trained.sample, trained.template
    tokens = sum(len(document.ids) for document in sample.documents)
    layers = trained.weights.llama.layers
    checks: list[GateCheck] = []
    with Bar("gate: reference", layers, "layers") as bar:
        reference = Reference(trained.weights, sample.documents, bar.advance)
    if any(isinstance(tensor, Nf4Tensor) for tensor in trained.weights.stored.values()):
        checks.append(four_bits(trained.weights, next(iter(gguf))))
    for type, path in gguf.items():
        with for_documents(path, sample.documents) as logits, Bar(f"gate: {type}", tokens, "tokens") as bar:
            checks.append(tokens_in_llama_cpp(logits, type, template, trained.tokenizer, sample.tweets))
            compared = compare(logits, reference, bar.advance)
        checks.append(conversion(compared, type, len(sample.documents)))
        if trained.nats is None:
            checks.append(GateCheck("training", type, None, {}, why=[Note("no_trained_scores")]))
        else:
            checks.append(training(compared, type, sample, trained.nats, evaluation))
        with Bar(f"gate: {type} answers", section.gate_answers, "answers") as bar:
            answers = stops(path, type, template, sampling, sample.tweets, section.gate_answers, bar.advance)
        checks.append(judged_by_training(answers, compared))
        if modelfile and path.name in modelfile.read_text(encoding="utf-8"):
            prompts = sum(1 for _ in gate_prompts(template, sample.tweets))
            with Bar(f"gate: {type} in Ollama", prompts, "prompts") as bar:
                checks.append(tokens_in_ollama(modelfile, type, template, trained.tokenizer, sample.tweets, bar.advance))
    return checks


def four_bits(weights: MergedWeights, type: str) -> GateCheck:
    """Whether the 4-bit weights that the adapter was merged into are those of the training, by the digest of each linear.

    Not failed where some differ, for they may in a last bit that another device rounds otherwise: whether it matters, `training` says.
    """
    linears = [tensor for tensor in weights.stored.values() if isinstance(tensor, Nf4Tensor)]
    different = [tensor.name for tensor in linears if tensor.digest() != tensor.quantised_as["digest"]]
    why = [Note("linears_differ", {"different": len(different), "linears": len(linears), "first": different[0]})] if different else []
    return GateCheck(
        "four bits", type, None if different else True, {"linears": len(linears), "different": len(different)}, {"different": 0}, why
    )


def rejected_types(checks: Sequence[GateCheck]) -> dict[str, str]:
    """type → why, of the files that failed a check."""
    failed: dict[str, list[str]] = {}
    for check in checks:
        if check.passed is False:
            failed.setdefault(check.type, []).append(f"{check.name}: {check.reason}")
    return {type: "; ".join(reasons) for type, reasons in failed.items()}


def remarks(checks: Sequence[GateCheck]) -> dict[str, str]:
    """type → what is to be known of files that passed nevertheless."""
    return {check.type: f"{check.name}: {check.reason}" for check in checks if check.passed and check.why}


def set_aside(gguf: dict[str, Path], rejected: dict[str, str]) -> dict[str, Path]:
    """Renames each rejected file to <file>.rejected, and gives those that are left."""
    for type in rejected:
        gguf[type].replace(gguf[type].with_name(gguf[type].name + REJECTED))
    return {type: path for type, path in gguf.items() if type not in rejected}

"""The gate's reference is Hugging Face's model of the same weights, though it holds one layer at a time."""

from __future__ import annotations

import numpy as np
import pytest
from support.tiny_llama import write_adapter, write_llama

from tweetstyle.inference.likelihood import load_adapter, load_model
from tweetstyle.inference.prefixes import first_scored
from tweetstyle.prompt.template import build_template
from tweetstyle.verify.reference import MergedWeights, Reference

LLAMA_31 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32}
SHAPES = {
    "untied, two query heads a key head": {},
    "tied": {"tie_word_embeddings": True},
    "3.1's rope scaling, wide heads": {"rope_scaling": LLAMA_31, "head_dim": 32, "num_attention_heads": 4, "num_key_value_heads": 1},
    "another rope base and eps": {"rope_theta": 500000.0, "rms_norm_eps": 1e-3},
}


def hugging_face(base, adapter, document) -> np.ndarray:
    """Logits [scored tokens, vocabulary] of base and adapter, unmerged, in float32, by transformers and PEFT."""
    import torch

    model = load_model(base.path, "full")
    model = load_adapter(model, adapter) if adapter else model
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([document.ids])).logits[0].numpy()
    return logits[first_scored(document) - 1 : -1]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("trained", [True, False], ids=["with adapter", "without"])
def test_logits_are_hugging_faces(tmp_path, shape, trained):
    base = write_llama(tmp_path / "base", **SHAPES[shape])
    adapter = write_adapter(tmp_path / "adapter", base, use_rslora=True) if trained else None
    template = build_template("inst", "Nimzo", base.tokens)
    documents = [base.tokenizer.encode(template, "la neige tombe " * n, None, "Tweet") for n in (1, 9, 3)]
    layers = []
    reference = Reference(MergedWeights(base, adapter), documents, layers.append)
    for document, found in zip(documents, reference.logits([0, 1, 2]), strict=True):
        expected = hugging_face(base, adapter, document)
        assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()
    assert sum(layers) == base.config["num_hidden_layers"]


def test_the_adapter_changes_what_is_compared(tmp_path):
    """A control: without it the test above would pass for a reference that leaves the adapter out."""
    base = write_llama(tmp_path / "base")
    document = base.tokenizer.encode(build_template("inst", "Nimzo", base.tokens), "la neige", None, "Tweet")
    adapter = write_adapter(tmp_path / "adapter", base)
    assert np.abs(hugging_face(base, adapter, document) - hugging_face(base, None, document)).max() > 0.1

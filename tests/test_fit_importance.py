"""The importance matrix sums what went into each linear: over real tokens, once each, whatever is beside them in a batch."""

from __future__ import annotations

import numpy as np
import pytest
from support.tiny_llama import write_adapter, write_llama

from tweetstyle.inference.likelihood import keep_weights_as_trained, load_adapter, load_model, quiet_libraries
from tweetstyle.prompt.template import build_template
from tweetstyle.train.final_scores import collect

TEXTS = ["la neige tombe", "ok", "a much longer line about nothing at all, as one writes " * 3, "déjà vu 😀"]
SHAPE = {"hidden_size": 64, "intermediate_size": 128}
NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip


def one_by_one(model, documents) -> dict[str, np.ndarray]:
    """float64 sums by each linear's own forward, one unpadded document after the other."""
    import torch

    sums: dict[str, np.ndarray] = {}

    def noted(name, module):
        forward = module.forward

        def wrapped(inputs, *rest, **more):
            sums[name] = sums.get(name, 0) + inputs[0].double().square().sum(0).numpy()
            return forward(inputs, *rest, **more)

        return wrapped

    for number, layer in enumerate(model.model.layers):
        for path, name in NAMES.items():
            module = layer.get_submodule(path)
            module.forward = noted(f"blk.{number}.{name}.weight", module)
    model.lm_head.forward = noted("output.weight", model.lm_head)
    with torch.inference_mode():
        for document in documents:
            model(input_ids=torch.tensor([document.ids]))
    return sums


@pytest.mark.parametrize("method", ["full", "lora", "qlora"])
@pytest.mark.parametrize("tied", [False, True])
def test_sums_are_those_of_each_document_alone(tmp_path, method, tied):
    base = write_llama(tmp_path / "base", tie_word_embeddings=tied, **SHAPE)
    template = build_template("inst", "Nimzo", base.tokens)
    documents = [base.tokenizer.encode(template, text, None, "Tweet") for text in TEXTS]

    def loaded():
        with quiet_libraries():
            if method == "full":
                return load_model(base.path, method)
            adapted = load_adapter(load_model(base.path, method), write_adapter(tmp_path / "adapter", base))
            if method == "qlora":
                keep_weights_as_trained(adapted)
            return adapted.get_base_model()

    read = []
    found = collect(loaded(), documents, read.append)
    expected = one_by_one(loaded(), documents)
    if tied:
        expected["token_embd.weight"] = expected.pop("output.weight")
    assert found.sums.keys() == expected.keys() and len(expected) == 15
    for name, row in expected.items():
        assert found.sums[name].dtype == np.float32 and np.allclose(found.sums[name], row, rtol=1e-4, atol=1e-6 * row.max()), name
    tokens = sum(len(document.ids) for document in documents)
    assert found.count == sum(read) == tokens
    assert found.row("blk.0.attn_q.weight") == pytest.approx(expected["blk.0.attn_q.weight"] / tokens, rel=1e-3)

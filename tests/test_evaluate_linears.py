"""Linears by oneDNN: the numbers of a product in double precision, of any shape, and nothing left behind."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from tweetstyle.inference.onednn import by_onednn


def layers() -> torch.nn.Sequential:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(70, 33), torch.nn.Linear(33, 5, bias=False), torch.nn.Linear(5, 5).bfloat16())


def exact(layer: torch.nn.Linear, values: torch.Tensor) -> torch.Tensor:
    bias = 0 if layer.bias is None else layer.bias.double()
    return values.double() @ layer.weight.double().T + bias


@pytest.mark.parametrize("shape", [(70,), (1, 70), (3, 70), (2, 5, 70), (0, 70)], ids=str)
def test_the_products_are_those_in_double_precision(shape):
    model, values = layers(), torch.randn(shape)
    with torch.inference_mode(), by_onednn(model):
        first = model[0](values)
        torch.testing.assert_close(first.double(), exact(model[0], values), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(model[1](first).double(), exact(model[1], first), rtol=1e-5, atol=1e-5)


def test_only_plain_fp32_linears_are_multiplied_otherwise_and_all_are_themselves_again(monkeypatch):
    model, asked = layers(), []
    monkeypatch.setattr(torch.ops, "mkldnn", SimpleNamespace(_linear_pointwise=lambda values, weight, *_: asked.append(weight) or values))
    theirs = model[0].forward
    model[0].forward = theirs
    with pytest.raises(InterruptedError), by_onednn(model):
        for layer, width in zip(model, (70, 33, 5), strict=True):
            layer(torch.randn(1, width, dtype=layer.weight.dtype))
        raise InterruptedError
    assert len(asked) == 1 and asked[0] is model[1].weight, "not one whose forward is another's, nor one in bfloat16"
    assert ["forward" in layer.__dict__ for layer in model] == [True, False, False]


def test_without_onednn_everything_stays_as_it_is(monkeypatch):
    model = layers()
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    with by_onednn(model):
        assert not any("forward" in layer.__dict__ for layer in model)

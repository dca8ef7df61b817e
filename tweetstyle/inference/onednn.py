"""Linear layers on a CPU by oneDNN."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


@contextmanager
def by_onednn(model: Any) -> Iterator[None]:
    """While it lasts, the model's fp32 linears on a CPU multiply by oneDNN: the same numbers but for the order of additions. No gradients.

    torch hands fp32 to MKL, which knows few of AMD's processors: on an EPYC a core makes 110 GFLOPS with it and 250 with oneDNN, the
    library that torch itself takes for bfloat16. Where torch has no oneDNN, everything stays as it is.
    """
    import torch

    multiply = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch.backends.mkldnn.is_available() else None
    # A layer whose forward somebody else has replaced is theirs.
    layers = [m for m in model.modules() if multiply and _is_plain(m) and "forward" not in m.__dict__]
    for layer in layers:
        layer.forward = partial(_linear, multiply, layer)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _is_plain(module: Any) -> bool:
    import torch

    return type(module) is torch.nn.Linear and module.weight.device.type == "cpu" and module.weight.dtype == torch.float32


def _linear(multiply: Any, layer: torch.nn.Linear, values: torch.Tensor) -> torch.Tensor:
    return multiply(values, layer.weight, layer.bias, "none", [], "")

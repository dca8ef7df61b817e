"""The 4-bit base weights of a qlora training, computed again on the CPU.

NF4 with double quantisation (QLoRA, arXiv 2305.14314): blocks of 64 weights share a scale, blocks of 256 scales share another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import _
from tweetstyle.model.llama import Tensor
from tweetstyle.model.weight_files import StoredTensor, read_headers

if TYPE_CHECKING:
    import torch

BLOCK, NESTED_BLOCK = 64, 256
"""Those of transformers' BitsAndBytesConfig."""
STATE = ".quant_state.bitsandbytes__nf4"
PARTS = ("", ".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map", STATE)
"""Endings of the tensors that bitsandbytes stores of a weight: its codes, their scales, and what they mean."""
KEEPS = {"float32": "F32", "bfloat16": "BF16", "float16": "F16"}
"""torch's name of a dtype → that of the stored weights which it does not change; float32 changes none."""


def record(model: Any) -> dict[str, dict[str, Any]]:
    """Weight name → what its 4-bit weights are, of a loaded model of transformers or Unsloth, with or without an adapter.

    digest: SHA-256 over all that decides the values; offset: the mean that was taken off the scales, whose last bit depends on the
    device that summed it; dtype: of the weights before they were quantised.
    """
    from bitsandbytes.nn import Linear4bit

    found = {}
    for name, module in model.named_modules():
        if isinstance(module, Linear4bit):
            # PEFT's wrappers add names of their own.
            name = name.removeprefix("base_model.model.").removesuffix(".base_layer")
            state = module.weight.quant_state
            dtype = str(state.dtype).removeprefix("torch.")
            found[f"{name}.weight"] = {"digest": _digest(module.weight.data, state), "offset": state.offset.item(), "dtype": dtype}
    return found


@dataclass
class DequantisedTensor(StoredTensor):
    """A weight that is made whole when its first rows are read and forgotten after its last.

    quantised: makes codes and state (bitsandbytes.functional.QuantState); saved: whether the model's files hold nothing but those.
    """

    quantised: Callable[[], tuple[torch.Tensor, Any]]
    saved: bool = False
    _values: np.ndarray | None = field(default=None, repr=False)

    def read(self, first: int = 0, count: int | None = None) -> np.ndarray:
        """A copy, so that the whole can go."""
        from bitsandbytes import functional

        count = self.rows if count is None else count
        if self._values is None:
            self._values = functional.dequantize_4bit(*self.quantised()).float().numpy().reshape(self.rows, self.columns)
        rows = self._values[first : first + count].copy()
        if first + count >= self.rows:
            self._values = None
        return rows


@dataclass
class RoundedTensor(StoredTensor):
    """A weight that the training left in 16 bits, in the dtype to which it rounded it."""

    rounded_to: str = "bfloat16"

    def read(self, first: int = 0, count: int | None = None) -> np.ndarray:
        import torch

        return torch.from_numpy(super().read(first, count)).to(getattr(torch, self.rounded_to)).float().numpy()


def _quantised_again(stored: StoredTensor, recorded: dict[str, Any]) -> tuple[torch.Tensor, Any]:
    """As functional.quantize_4bit(compress_statistics=True), but with the offset of the training. recorded: an entry of `record`."""
    import torch
    from bitsandbytes import functional

    weight = torch.from_numpy(stored.read()).to(getattr(torch, recorded["dtype"]))
    codes, state = functional.quantize_4bit(weight, blocksize=BLOCK, quant_type="nf4")
    offset = torch.tensor(recorded["offset"], dtype=torch.float32)
    absmax, nested = functional.quantize_blockwise(state.absmax - offset, blocksize=NESTED_BLOCK)
    state.absmax, state.offset, state.state2, state.nested = absmax, offset, nested, True
    return codes, state


def _quantised_as_saved(name: str, parts: dict[str, StoredTensor]) -> tuple[torch.Tensor, Any]:
    import torch
    from bitsandbytes import functional

    tensors = {ending: torch.from_numpy(_as_stored(part)) for ending, part in parts.items()}
    codes = tensors.pop("").reshape(-1, 1)
    named = {name + ending: tensor for ending, tensor in tensors.items()}
    return codes, functional.QuantState.from_dict(named, torch.device("cpu"))


def read_weights(paths: Iterable[Path]) -> dict[str, StoredTensor]:
    """name → weight for all the files, those in bitsandbytes' NF4 as one tensor each. Raises as `read_headers` does."""
    found = read_headers(paths)
    for name in [name.removesuffix(STATE) for name in found if name.endswith(STATE)]:
        parts = {ending: found.pop(name + ending) for ending in PARTS if name + ending in found}
        where = parts[STATE].path
        if missing := [ending for ending in PARTS if ending not in parts]:
            what = _("{name} is missing: not bitsandbytes' NF4 with double quantisation", name=name + missing[0])
            raise TweetstyleError(what, where=str(where), hint=_("save it again in 16 bits, or as NF4 with double quantisation"))
        shape = tuple(json.loads(_as_stored(parts[STATE]).tobytes())["shape"])
        found[name] = DequantisedTensor(where, name, "U8", shape, 0, partial(_quantised_as_saved, name, parts), saved=True)
    return found


def only_nf4(stored: dict[str, Any]) -> bool:
    """Whether the model exists in 4 bits only."""
    return any(isinstance(tensor, DequantisedTensor) and tensor.saved for tensor in stored.values())


def nf4_as_trained(stored: dict[str, Any], plan: list[Tensor], recorded: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The weights as training had them: the linears as four bits leave them, the others in the dtype from which those were made.

    recorded: `record` of the trained model. Raises TweetstyleError for a record of another model.
    """
    linears = {tensor.source for tensor in plan if tensor.layer is not None and len(tensor.shape) == 2}
    if recorded.keys() != linears:
        hint = _("run the fit stage again: tweetstyle-fit RECIPE --from fit")
        raise TweetstyleError(_("the training's 4-bit weights were those of another model"), where="as_trained.json", hint=hint)
    replaced, dtype = {}, next(iter(recorded.values()))["dtype"]
    for name, tensor in stored.items():
        if name in recorded:
            quantised = partial(_quantised_again, tensor, recorded[name])
            tensor = DequantisedTensor(**vars(tensor), quantised=quantised)
        elif KEEPS[dtype] not in (tensor.dtype, "F32"):
            tensor = RoundedTensor(**vars(tensor), rounded_to=dtype)
        replaced[name] = tensor
    return replaced


def _as_stored(tensor: StoredTensor) -> np.ndarray:
    return tensor.read_bytes() if tensor.dtype == "U8" else tensor.read().reshape(-1)


def _digest(codes: torch.Tensor, state: Any) -> str:
    digest = hashlib.sha256()
    for tensor in (codes, state.absmax, state.state2.absmax, state.offset):
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    digest.update(str(state.dtype).encode())
    return digest.hexdigest()

"""The 4-bit base weights of a qlora training, computed again on the CPU.

NF4 with double quantisation (QLoRA, arXiv 2305.14314): blocks of 64 weights share a scale, blocks of 256 scales share another.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tweetstyle.errors import TweetstyleError
from tweetstyle.model.hub import how_to_replace
from tweetstyle.model.llama import Tensor
from tweetstyle.model.weight_files import StoredTensor, WeightRows, read_headers

if TYPE_CHECKING:
    import torch

BLOCK, NESTED_BLOCK = 64, 256
"""Those of transformers' BitsAndBytesConfig."""
BLOCKS = (32, 64, 128, 256, 512, 1024, 2048, 4096)
"""Those that bitsandbytes' kernels know."""
STATE = ".quant_state.bitsandbytes__nf4"
KEEPS = {"float32": "F32", "bfloat16": "BF16", "float16": "F16"}
"""torch's name of a dtype → that of the stored weights which it does not change; float32 changes none."""
PARTS = (".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map", STATE)
"""What bitsandbytes stores beside a weight's codes."""


def record(model: Any) -> dict[str, dict[str, Any]]:
    """Weight name → what its 4-bit weights are, of a loaded model of transformers or Unsloth, with or without an adapter.

    digest: SHA-256 over all that decides the values; offset: the mean that was taken off the scales, whose last bit depends on the
    device that summed it; dtype: that in which the weights were quantised and are multiplied.
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
class DequantisedTensor(WeightRows):
    """A weight in float32 that is made whole when its first rows are read and forgotten after its last; threads may share it."""

    path: Path
    name: str
    shape: tuple[int, ...]
    nbytes: int
    _values: np.ndarray | None = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def to_float32(self, raw: np.ndarray) -> np.ndarray:
        return raw.view("<f4").reshape(-1, self.columns)

    def read_bytes(self, first: int = 0, count: int | None = None) -> np.ndarray:
        """[bytes] uint8 of those rows in float32; a copy, so that the whole can go."""
        count = self.rows if count is None else count
        with self._lock:
            if self._values is None:
                self._values = self._dequantised()
            rows = self._values[first : first + count].copy()
            if first + count >= self.rows:
                self._values = None
        return rows.reshape(-1).view(np.uint8)

    def _dequantised(self) -> np.ndarray:
        from bitsandbytes import functional

        return functional.dequantize_4bit(*self.quantised()).float().numpy().reshape(self.rows, self.columns)

    def quantised(self) -> tuple[torch.Tensor, Any]:
        """Codes and state (bitsandbytes.functional.QuantState)."""
        raise NotImplementedError


@dataclass
class Nf4Tensor(DequantisedTensor):
    """A 16-bit weight, quantised and dequantised. quantised_as: its entry in `record`."""

    stored: StoredTensor | None = None
    quantised_as: dict[str, Any] = field(default_factory=dict)

    def quantised(self) -> tuple[torch.Tensor, Any]:
        """As functional.quantize_4bit(compress_statistics=True), but for the offset, which is the training's."""
        import torch
        from bitsandbytes import functional

        dtype = getattr(torch, self.quantised_as["dtype"])
        weight = torch.from_numpy(self.stored.read()).to(dtype)
        codes, state = functional.quantize_4bit(weight, blocksize=BLOCK, quant_type="nf4")
        offset = torch.tensor(self.quantised_as["offset"], dtype=torch.float32)
        absmax, nested = functional.quantize_blockwise(state.absmax - offset, blocksize=NESTED_BLOCK)
        state.absmax, state.offset, state.state2, state.nested = absmax, offset, nested, True
        return codes, state


@dataclass
class StoredNf4Tensor(DequantisedTensor):
    """A weight of a model that was saved in 4 bits. parts: its codes (under ""), scales and state, by ending."""

    parts: dict[str, StoredTensor] = field(default_factory=dict)

    def quantised(self) -> tuple[torch.Tensor, Any]:
        import torch
        from bitsandbytes import functional

        tensors = {ending: torch.from_numpy(_as_stored(part)) for ending, part in self.parts.items()}
        codes = tensors.pop("").reshape(-1, 1)
        named = {self.name + ending: tensor for ending, tensor in tensors.items()}
        return codes, functional.QuantState.from_dict(named, torch.device("cpu"))


@dataclass
class RoundedTensor(DequantisedTensor):
    """A weight that the training left in 16 bits, in the dtype to which it rounded it."""

    stored: StoredTensor | None = None
    rounded_to: str = "bfloat16"

    def read_bytes(self, first: int = 0, count: int | None = None) -> np.ndarray:
        import torch

        rows = torch.from_numpy(self.stored.read(first, count)).to(getattr(torch, self.rounded_to)).float().numpy()
        return rows.reshape(-1).view(np.uint8)


def read_weights(paths: Iterable[Path]) -> dict[str, StoredTensor | StoredNf4Tensor]:
    """name → weight for all the files, those in bitsandbytes' NF4 as one tensor each. Raises as `read_headers` does."""
    found = read_headers(paths)
    parts: dict[str, dict[str, StoredTensor]] = {}
    for name in [name for name in found if name.endswith(STATE)]:
        weight = name.removesuffix(STATE)
        parts[weight] = {ending: found.pop(weight + ending) for ending in ("", *PARTS) if weight + ending in found}
    for name, tensor in found.items():
        if tensor.dtype == "U8":
            hint = "use weights in F32, F16 or BF16, or in bitsandbytes' NF4 with double quantisation"
            raise TweetstyleError(f"{name} is stored in bytes that nothing explains", where=str(tensor.path), hint=hint)
    return found | {name: _stored_nf4(name, of) for name, of in parts.items()}


def only_nf4(stored: dict[str, Any]) -> bool:
    """Whether the model exists in 4 bits only."""
    return any(isinstance(tensor, StoredNf4Tensor) for tensor in stored.values())


def check_announced(config: dict[str, Any], stored: dict[str, Any], where: Path) -> None:
    """Refuses a config.json that does not say of the weights whether they are in 4 bits.

    transformers quantises weights in 16 bits that it says are in 4, and cannot load the others.
    """
    said, found = bool(config.get("quantization_config")), only_nf4(stored)
    if said != found:
        what = (
            "says that the weights are in 4 bits, and they are not" if said else "does not say that the weights are in 4 bits, and they are"
        )
        hint = f"config.json belongs to another copy of the model; {how_to_replace(where, 'config.json')}"
        raise TweetstyleError(f"quantization_config {what}", where=str(where / "config.json"), hint=hint)


def nf4_as_trained(stored: dict[str, Any], plan: list[Tensor], recorded: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The weights as training had them: the linears as four bits leave them, the others in the dtype from which those were made.

    recorded: `record` of the trained model. Raises TweetstyleError for a record of another model.
    """
    linears = {tensor.source for tensor in plan if tensor.layer is not None and len(tensor.shape) == 2}
    if recorded.keys() != linears:
        hint = "run the fit stage again: tweetstyle-fit RECIPE --from fit"
        raise TweetstyleError("the 4-bit weights of the training were those of another model", where="as_trained.json", hint=hint)
    replaced, dtype = {}, next(iter(recorded.values()))["dtype"]
    for name, tensor in stored.items():
        if name in recorded:
            tensor = Nf4Tensor(tensor.path, name, tensor.shape, tensor.nbytes, stored=tensor, quantised_as=recorded[name])
        elif KEEPS[dtype] not in (tensor.dtype, "F32"):
            tensor = RoundedTensor(tensor.path, name, tensor.shape, tensor.nbytes, stored=tensor, rounded_to=dtype)
        replaced[name] = tensor
    return replaced


def _stored_nf4(name: str, parts: dict[str, StoredTensor]) -> StoredNf4Tensor:
    hint = "save it again in 16 bits, or as NF4 with double quantisation"
    if missing := [ending for ending in ("", *PARTS) if ending not in parts]:
        what = f"{name}{missing[0]} is missing: not bitsandbytes' NF4 with double quantisation"
        raise TweetstyleError(what, where=str(next(iter(parts.values())).path), hint=hint)
    where = parts[STATE].path
    try:
        shape = _checked_shape(json.loads(_as_stored(parts[STATE]).tobytes()), parts)
    except KeyError as error:
        raise TweetstyleError(f"{name}: its 4-bit state lacks {error}", where=str(where), hint=hint) from error
    except (ValueError, TypeError) as error:
        raise TweetstyleError(f"{name}: its 4-bit state is damaged ({error})", where=str(where), hint=hint) from error
    return StoredNf4Tensor(parts[""].path, name, shape, sum(part.nbytes for part in parts.values()), parts=parts)


def _checked_shape(state: dict[str, Any], parts: dict[str, StoredTensor]) -> tuple[int, int]:
    """(rows, columns). bitsandbytes' kernels trust these numbers: where they say more than is stored, they read on beyond its end.

    Raises ValueError, KeyError or TypeError for a state that does not fit what is stored beside it.
    """
    rows, columns = state["shape"]
    block, nested = state["blocksize"], state["nested_blocksize"]
    if not all(type(size) is int and size > 0 for size in (rows, columns)) or block not in BLOCKS or nested not in BLOCKS:
        raise ValueError(f"shape {rows} x {columns} in blocks of {block} and {nested}")
    kind = state["quant_type"], state["dtype"], state["nested_dtype"], state["nested_offset"]
    if kind[0] != "nf4" or kind[1] not in KEEPS or kind[2] != "float32" or not math.isfinite(kind[3]):
        raise ValueError("quant_type {}, dtype {}, nested_dtype {}, nested_offset {}".format(*kind))
    scales = math.ceil(rows * columns / block)
    wanted = {"": ("U8", math.ceil(rows * columns / 2)), ".absmax": ("U8", scales), ".nested_absmax": ("F32", math.ceil(scales / nested))}
    for ending, of in (wanted | {".quant_map": ("F32", 16), ".nested_quant_map": ("F32", 256)}).items():
        found = parts[ending].dtype, math.prod(parts[ending].shape)
        if found != of:
            raise ValueError("{} has {} values in {}, not {} in {}".format(ending or "weight", *found[::-1], *of[::-1]))
    return rows, columns


def _as_stored(tensor: StoredTensor) -> np.ndarray:
    raw = tensor.read_bytes()
    return raw if tensor.dtype == "U8" else tensor.to_float32(raw).reshape(-1)


def _digest(codes: torch.Tensor, state: Any) -> str:
    digest = hashlib.sha256()
    for tensor in (codes, state.absmax, state.state2.absmax, state.offset):
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    digest.update(str(state.dtype).encode())
    return digest.hexdigest()

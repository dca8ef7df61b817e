"""A second source for memory: real torch modules over fake tensors, every storage counted from its making to its end."""

import contextlib
import weakref
from collections.abc import Iterable, Iterator

import torch
from peft import LoraConfig, get_peft_model
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from transformers import LlamaConfig, LlamaForCausalLM


class LiveBytes(TorchDispatchMode):
    """live: bytes of the storages made under it that still stand; peak: the most there were."""

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        before = {self._key(t) for t in tree_iter((args, kwargs)) if isinstance(t, torch.Tensor)}
        result = func(*args, **kwargs)
        for tensor in tree_iter(result):
            if isinstance(tensor, torch.Tensor) and self._key(tensor) not in before | self._known:
                self._count(tensor.untyped_storage())
        return result

    @staticmethod
    def _key(tensor: torch.Tensor) -> int:
        return tensor.untyped_storage()._cdata

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        self._known.add(key)
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.live -= size


def fake_llama(config: dict, r: int | None = None, targets: Iterable[str] = (), dtype: torch.dtype = torch.float32) -> torch.nn.Module:
    """transformers' Llama, with PEFT's adapter of rank r where one is given, on the meta device: made in seconds at any size."""
    torch.set_default_dtype(dtype)
    try:
        with torch.device("meta"):
            settings = {"attn_implementation": "sdpa", "use_cache": False}
            model = LlamaForCausalLM(LlamaConfig(**config, **settings))
            if r is not None:
                model = get_peft_model(model, LoraConfig(r=r, target_modules=list(targets)), autocast_adapter_dtype=False)
    finally:
        torch.set_default_dtype(torch.float32)
    return model


@contextlib.contextmanager
def on_a_fake_cpu(model: torch.nn.Module) -> Iterator[None]:
    """Within the block the model stands on the CPU and computes, though no byte of it is allocated."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        made: dict[int, torch.nn.Parameter] = {}
        for module in model.modules():
            for name, parameter in list(module._parameters.items()):
                if parameter is not None:
                    if id(parameter) not in made:
                        empty = torch.empty(parameter.shape, dtype=parameter.dtype, device="cpu")
                        made[id(parameter)] = torch.nn.Parameter(empty, requires_grad=parameter.requires_grad)
                    module._parameters[name] = made[id(parameter)]
            for name, buffer in list(module._buffers.items()):
                if buffer is not None:
                    module._buffers[name] = torch.empty(buffer.shape, dtype=buffer.dtype, device="cpu")
        yield


def nbytes(tensors: Iterable[torch.Tensor]) -> int:
    """Bytes of the tensors' storages, each once."""
    return sum({t.untyped_storage()._cdata: t.untyped_storage().nbytes() for t in tensors}.values())

"""Tensors on the card: CPU tensors whose storage has a mark. A TorchDispatchMode carries it on and refuses to mix devices."""

import sys

import torch
import torch.utils._device
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from emulated_card import attention
from emulated_card.card import Mark

functorch = torch._C._functorch
CUDA, CPU = torch.device("cuda", 0), torch.device("cpu")
TAKE_BOTH = {
    "copy_", "_copy_from", "_to_copy", "index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index", "_unsafe_index_put", "set_",
    "_foreach_copy_", "set_data", "resize_", "equal", "is_set_to", "lift_fresh", "_local_scalar_dense", "alias", "detach",
    "_has_compatible_shallow_copy_type",
}  # fmt: skip
"""Operators that a card carries out over tensors of both devices."""
KEEP_MARKS = {"copy_", "set_", "_foreach_copy_", "resize_", "_local_scalar_dense"}
"""Operators whose output is an input, or no tensor of the card."""


def added_in_fp32(to, a, b, out_dtype, *, beta=1, alpha=1, out):
    """torch.addmm whose result has another dtype than its factors."""
    return out.copy_(torch.addmm(to.to(out_dtype), a.to(out_dtype), b.to(out_dtype), beta=beta, alpha=alpha))


ONLY_OF_CUDA = {
    "aten._flash_attention_forward.default": attention.forward, "aten._flash_attention_backward.default": attention.backward,
    "aten.addmm.dtype_out": added_in_fp32,
}  # fmt: skip
"""Operators that torch has for cards alone."""
real_device, real_to = torch._C.TensorBase.device.__get__, torch._C.TensorBase.to


def is_plain(tensor):
    """Whether its storage can be marked: not one of "meta", sparse or fake tensors."""
    if real_device(tensor).type != "cpu" or tensor.layout is not torch.strided:
        return False
    fakes = sys.modules.get("torch._subclasses.fake_tensor")
    return fakes is None or not isinstance(tensor, fakes.FakeTensor)


def storage_of(tensor):
    while functorch.is_functorch_wrapped_tensor(tensor):
        tensor = functorch.get_unwrapped(tensor)
    try:
        return tensor.untyped_storage() if is_plain(tensor) else None
    except (RuntimeError, NotImplementedError):
        return None


def on_card(tensor):
    return getattr(storage_of(tensor), "_on_card", None) is not None


def mark(tensor, card=True):
    """Puts the storage on the card, or takes it from there."""
    storage = storage_of(tensor)
    if storage is not None and (getattr(storage, "_on_card", None) is not None) != card:
        storage._on_card = Mark(storage.nbytes(), torch.OutOfMemoryError) if card else None
    return tensor


def tensors_in(things):
    for thing in things:
        if isinstance(thing, torch.Tensor):
            yield thing
        elif isinstance(thing, (list, tuple)):
            yield from tensors_in(thing)


class OnCard(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        wanted = None if kwargs.get("device") is None else torch.device(kwargs["device"]).type
        if wanted == "cuda":
            kwargs["device"] = CPU
        if kwargs.get("pin_memory"):
            kwargs["pin_memory"] = False
        name = func._schema.name.split("::")[1]
        if name == "_to_copy" and wanted == "cpu":
            # Of autograd, which casts a gradient back for a CPU tensor; a move asked for by a library went through `to`.
            wanted = None
        card = self._check_devices(func, name, [*tensors_in(args), *tensors_in(kwargs.values())])
        out = (ONLY_OF_CUDA.get(str(func), func) if card else func)(*args, **kwargs)
        if name not in KEEP_MARKS:
            for tensor in tensors_in([out]):
                if wanted == "cuda" or (wanted is None and card):
                    mark(tensor)
                elif wanted == "cpu":
                    mark(tensor, False)
        return out

    @staticmethod
    def _check_devices(func, name, given):
        """Whether one of the inputs is on the card. Raises a card's own error where another one is not (numbers may)."""
        marks = [on_card(tensor) for tensor in given]
        if any(marks) and name not in TAKE_BOTH:
            pairs = zip(given, marks, strict=True)
            if any(not card and is_plain(tensor) and tensor.dim() and tensor.numel() for tensor, card in pairs):
                seen = ", ".join(f"{tuple(t.shape)} on {'cuda' if m else 'cpu'}" for t, m in zip(given, marks, strict=True))
                what = "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!"
                raise RuntimeError(f"{what} (emulated, in {func}: {seen})")
        return any(marks)


def change(torch_module):
    Tensor = torch.Tensor
    Tensor.device = property(lambda self: CUDA if on_card(self) else real_device(self))
    Tensor.is_cuda = property(on_card)
    Tensor.is_cpu = property(lambda self: self.device.type == "cpu")
    Tensor.get_device = lambda self: 0 if on_card(self) else -1
    Tensor.to = to
    Tensor.cuda = lambda self, device=None, non_blocking=False, memory_format=None: to(self, CUDA)
    Tensor.cpu = lambda self, memory_format=None: to(self, CPU)
    Tensor.pin_memory = pin_memory
    Tensor.is_pinned = lambda self, *_: False
    Tensor.record_stream = lambda self, stream: None
    deep = Tensor.__deepcopy__
    Tensor.__deepcopy__ = lambda self, memo: mark(deep(self, memo)) if on_card(self) else deep(self, memo)
    torch.utils._device._device_constructors()  # Remembers the real functions, for which `with torch.device(...)` looks.
    for name in ("tensor", "as_tensor", "asarray"):
        setattr(torch, name, made_on_the_host(getattr(torch, name)))
    torch.load = loaded_on_the_host(torch.load)
    stay_in_force(OnCard())


def stay_in_force(mode):
    """The mode for good; also in operators with a body in Python, which are called while the mode is off."""
    real_impl = torch.library.Library.impl

    def impl(self, op_name, fn, dispatch_key="", **kwargs):
        def within(*args, **kw):
            if torch._C._len_torch_dispatch_stack():
                return fn(*args, **kw)
            with mode:
                return fn(*args, **kw)

        of_device = (dispatch_key or self.dispatch_key) in ("CPU", "CUDA", "CompositeExplicitAutograd")
        return real_impl(self, op_name, within if of_device and fn is not torch.library.fallthrough_kernel else fn, dispatch_key, **kwargs)

    torch.library.Library.impl = impl
    mode.__enter__()


def to(self, *args, **kwargs):
    """Tensor.to, whose device may be the card: another device is a copy with or without the mark."""
    device, rest = kwargs.pop("device", None), []
    for value in args:
        if isinstance(value, torch.Tensor):
            device, rest = value.device, [*rest, value.dtype]
        elif isinstance(value, (torch.device, str, int)) and not isinstance(value, bool):
            device = value
        elif value is not None:
            rest.append(value)
    if device is None:
        return real_to(self, *args, **kwargs)
    device = torch.device("cuda", device) if isinstance(device, int) else torch.device(device)
    if device.type not in ("cuda", "cpu") or not is_plain(self):
        out = real_to(self, CPU if device.type == "cuda" else device, *rest, **kwargs)
        return mark(out) if device.type == "cuda" else out
    dtype = next((value for value in rest if isinstance(value, torch.dtype)), kwargs.pop("dtype", None)) or self.dtype
    flags = [value for value in rest if isinstance(value, bool)]
    copy = kwargs.get("copy", flags[1] if len(flags) > 1 else False)
    layout = {"memory_format": kwargs["memory_format"]} if kwargs.get("memory_format") is not None else {}
    if on_card(self) == (device.type == "cuda"):
        return real_to(self, dtype, copy=copy, **layout)
    return mark(real_to(self, dtype, copy=True, **layout), device.type == "cuda")


def pin_memory(self, *_, **__):
    if on_card(self):
        raise RuntimeError("cannot pin 'torch.cuda.FloatTensor' only dense CPU tensors can be pinned")
    return self


def made_on_the_host(make):
    """torch.tensor and its like: compiled code that would look for a real card."""

    def made(data, *args, device=None, **kwargs):
        kwargs.pop("pin_memory", None)
        if device is None or torch.device(device).type != "cuda":
            return make(data, *args, **kwargs) if device is None else make(data, *args, device=device, **kwargs)
        if isinstance(data, torch.Tensor) and make.__name__ != "tensor":
            return to(data, CUDA, kwargs.get("dtype"))
        return mark(make(data, *args, **kwargs).clone())

    return made


def loaded_on_the_host(real_load):
    """torch.load(map_location="cuda")."""

    def load(f, map_location=None, *args, **kwargs):
        named = isinstance(map_location, (str, torch.device)) and torch.device(map_location).type == "cuda"
        loaded = real_load(f, CPU if named else map_location, *args, **kwargs)
        return tree_map_only(torch.Tensor, mark, loaded) if named else loaded

    return load

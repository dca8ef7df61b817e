"""The functions of bitsandbytes' CUDA library that Unsloth calls by pointer, in numpy. The library itself is loaded as it is."""

import ctypes

import numpy as np

from emulated_card.bfloat16 import rounded
from emulated_card.card import record

NF4 = np.array([-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
                -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
                0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0], dtype=np.float32)  # fmt: skip


def values(pointer, count, dtype):
    address = pointer.value if hasattr(pointer, "value") else pointer
    raw = (ctypes.c_uint8 * (count * np.dtype(dtype).itemsize)).from_address(address)
    return np.ctypeslib.as_array(raw).view(dtype)


def whole(number):
    return number.value if hasattr(number, "value") else number


def scaled(numbers, absmax, blocksize):
    return numbers * np.repeat(values(absmax, -(-len(numbers) // blocksize), np.float32), blocksize)[: len(numbers)]


def from_8_bits(code, packed, absmax, out, blocksize, count, stream=None):
    """The scales of the scales, to fp32."""
    blocksize, count = whole(blocksize), whole(count)
    looked_up = values(code, 256, np.float32)[values(packed, count, np.uint8)]
    values(out, count, np.float32)[:] = scaled(looked_up, absmax, blocksize)


def from_nf4(dtype, convert):
    def run(code, packed, absmax, out, blocksize, count, stream=None):
        blocksize, count = whole(blocksize), whole(count)
        pairs = values(packed, (count + 1) // 2, np.uint8)
        numbers = scaled(NF4[np.stack([pairs >> 4, pairs & 15], 1).ravel()[:count]], absmax, blocksize)
        values(out, count, dtype)[:] = convert(numbers.astype(np.float32))

    return run


def missing(*_):
    raise RuntimeError("this CUDA function of bitsandbytes is not emulated")


FUNCTIONS = {
    "cdequantize_blockwise_fp32": from_8_bits, "cdequantize_blockwise_bf16_nf4": from_nf4(np.uint16, rounded),
    "cdequantize_blockwise_fp16_nf4": from_nf4(np.float16, np.asarray), "cdequantize_blockwise_fp32_nf4": from_nf4(np.float32, np.asarray),
    "cgemm_4bit_inference_naive_bf16": missing, "cgemm_4bit_inference_naive_fp16": missing,
}  # fmt: skip


def recorded(name, function):
    def run(*args):
        record("bitsandbytes", name)
        return function(*args)

    run.restype = None
    return run


class Library:
    compiled_with_cuda = True

    def __init__(self, real):
        self._real = real
        self._own = {name: recorded(name, function) for name, function in FUNCTIONS.items()}

    def __getattr__(self, name):
        return self._own.get(name) or getattr(self._real, name)

    def __getitem__(self, name):
        return self._own.get(name) or self._real[name]


def change(module):
    record("bitsandbytes has the library", type(module.lib).__name__)
    module.lib = Library(module.lib)

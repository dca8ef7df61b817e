"""Arithmetic in Triton's interpreter: it holds bfloat16 as its bits in uint16, and would calculate with those.

Here with the numbers, in fp32; a result in bfloat16 is rounded to the nearest, ties to even.
"""

import numpy as np
import triton.language as tl

from emulated_card.card import record

OPERANDS = {"binary_op": 2, "unary_op": 1, "create_rsqrt": 1, "create_fma": 3}
"""Methods of the interpreter's builder → how many of their first arguments are numbers."""


def rounded(numbers):
    """fp32 → the bits of bfloat16."""
    bits = np.asarray(numbers, dtype=np.float32).view(np.uint32)
    up = ((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)).astype(np.uint16)
    return np.where(np.isnan(numbers), np.uint16(0x7FC0), up)


def is_bf16(handle):
    return handle.dtype.scalar == tl.bfloat16 and handle.data.dtype == np.uint16


def change(interpreter):
    Handle, Builder = interpreter.TensorHandle, interpreter.InterpreterBuilder

    def in_fp32(handle):
        return Handle((handle.data.astype(np.uint32) << 16).view(np.float32), tl.float32) if is_bf16(handle) else handle

    def calculated(method, count):
        def run(self, *args):
            operands = args[:count]
            if not any(map(is_bf16, operands)):
                return method(self, *args)
            out, to = method(self, *map(in_fp32, operands), *args[count:]).data, operands[-1].dtype.scalar
            if out.dtype == bool or to != tl.bfloat16:
                return Handle(out, to)
            return Handle(rounded(out), tl.bfloat16)

        return run

    for name, count in OPERANDS.items():
        setattr(Builder, name, calculated(getattr(Builder, name), count))
    real_cast, real_call = Builder.cast_impl, interpreter.GridExecutor.__call__

    def cast(self, source, to):
        if to.scalar == tl.bfloat16 and source.dtype.scalar.is_floating() and not is_bf16(source):
            return Handle(rounded(source.data.astype(np.float32)), tl.bfloat16)
        return real_cast(self, source if to.scalar == tl.bfloat16 else in_fp32(source), to)

    def call(self, *args, **kwargs):
        record("Triton kernel", self.fn.__name__)
        return real_call(self, *args, **kwargs)

    Builder.cast_impl, interpreter.GridExecutor.__call__ = cast, call

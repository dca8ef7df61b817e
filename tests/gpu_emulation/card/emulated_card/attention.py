"""torch's varlen flash attention (aten::_flash_attention_forward and _backward), document by document, in fp32 as the kernel accumulates.

q: [tokens, heads, width]; k, v: [tokens, key heads, width]; cu_q: the documents' bounds in q.

EMULATED_CARD_FAULT=KIND:N: what happens in the N-th backward pass through attention of this process. With a model of one layer that is its
N-th micro-batch, those of a probe included.
out-of-memory   torch.OutOfMemoryError, as the allocator raises it
card-failure    torch.AcceleratorError, as of a kernel that died
kill            SIGKILL of this process
"""

import os
import signal
from itertools import count

import torch

from emulated_card.card import record

backward_passes = count(1)


def forward(q, k, v, cu_q, cu_k, max_q, max_k, dropout, causal, return_debug_mask=False, *, scale=None, **_):
    assert dropout == 0.0 and torch.equal(cu_q, cu_k)
    record("attention of packed documents", str(q.dtype))
    out, lse = torch.zeros_like(q), torch.zeros(q.shape[1], q.shape[0])
    for part in _documents(cu_q):
        scores, _, values = _scores(q[part], k[part], v[part], scale, causal)
        lse[:, part] = scores.logsumexp(-1)
        out[part] = (scores.softmax(-1) @ values).transpose(0, 1).to(q.dtype)
    return out, lse, torch.zeros(2, dtype=torch.uint64), torch.zeros((), dtype=torch.uint64), torch.zeros(0)


def backward(grad, q, k, v, out, lse, cu_q, cu_k, max_q, max_k, dropout, causal, seed, offset, *, scale=None, **_):
    """By hand: below the dispatcher autograd is off."""
    _in_backward(next(backward_passes))
    dq, dk, dv = torch.zeros_like(q), torch.zeros_like(k), torch.zeros_like(v)
    for part in _documents(cu_q):
        scores, keys, values = _scores(q[part], k[part], v[part], scale, causal)
        chances, upstream = scores.softmax(-1), grad[part].float().transpose(0, 1)
        wanted = upstream @ values.transpose(1, 2)
        inner = chances * (wanted - (wanted * chances).sum(-1, keepdim=True)) * _scale(q, scale)
        dq[part] = (inner @ keys).transpose(0, 1).to(dq.dtype)
        dk[part] = _by_key_head(inner.transpose(1, 2) @ q[part].float().transpose(0, 1), k)
        dv[part] = _by_key_head(chances.transpose(1, 2) @ upstream, v)
    return dq, dk, dv


def _in_backward(number):
    kind, _, wanted = os.environ.get("EMULATED_CARD_FAULT", "").partition(":")
    if not kind or number != int(wanted):
        return
    record("fault", kind, "in backward pass", number)
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "out-of-memory":
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 64.00 MiB. (emulated fault)")
    raise torch.AcceleratorError("CUDA error: unspecified launch failure (emulated fault)")


def _documents(bounds):
    ends = [int(end) for end in bounds.tolist()]
    return [slice(first, last) for first, last in zip(ends[:-1], ends[1:], strict=True)]


def _scale(q, scale):
    return q.shape[-1] ** -0.5 if scale is None else scale


def _scores(q, k, v, scale, causal):
    """[heads, tokens, tokens], and keys and values repeated for each query head."""
    q, k, v = (x.float().transpose(0, 1) for x in (q, k, v))
    k, v = (x.repeat_interleave(q.shape[0] // x.shape[0], 0) for x in (k, v))
    scores = q @ k.transpose(1, 2) * _scale(q, scale)
    if causal:
        scores = scores.masked_fill(torch.ones(scores.shape[1:], dtype=torch.bool).triu(1), float("-inf"))
    return scores, k, v


def _by_key_head(gradient, like):
    """The gradients of the query heads that share a key head, summed; in the layout and dtype of `like`."""
    return gradient.unflatten(0, (like.shape[1], -1)).sum(1).transpose(0, 1).to(like.dtype)

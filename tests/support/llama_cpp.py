"""llama.cpp as the tests' second source: its server in-process (tokens, completions) and its logits at every position.

Both come from the package xllamacpp. The logits go through ctypes on its shared library, whose C structs are not promised to stay
as they are: `Logits` checks what it relies on against properties that the library tells, and says so when they no longer hold.
"""

from __future__ import annotations

import ctypes
import json
import urllib.request
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

TESTED_VERSION = "2026.10.11549"
"""The xllamacpp whose struct offsets were checked by hand; a mismatch in another version is reported with both numbers."""
THREADS = 1
"""llama.cpp's threads wait for each other in a busy loop: on two cores with other work, two were up to fifty times slower than one."""


@dataclass(frozen=True)
class Completion:
    """text and ids of an answer; stop: "eos" (an end token), "word" (a stop string) or "limit" (n_predict reached)."""

    text: str
    ids: list[int]
    stop: str


class LlamaServer:
    """llama.cpp's server in this process, on a port that it picks itself; use as a context manager.

    n_ctx: tokens of context; one slot, so that seeded sampling gives the same text each time.
    """

    def __init__(self, gguf: Path, *, n_ctx: int = 2048) -> None:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(gguf)
        params.n_ctx, params.n_parallel, params.port = n_ctx, 1, 0
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = THREADS
        params.warmup = False
        params.verbosity = -1
        self._server: Any = xllamacpp.Server(params)
        self.address: str = self._server.listening_address
        # A server that is let go before its loop runs waits for that loop forever: one that has answered is running.
        self.complete(" ", n_predict=0)

    def __enter__(self) -> LlamaServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._server = None

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """Ids of a text. add_special: with BOS where the GGUF says so; parse_special: "<|im_end|>" is the token, not its letters."""
        return self._post("/tokenize", {"content": text, "add_special": add_special, "parse_special": parse_special})["tokens"]

    def complete(self, prompt: list[int] | str, **sampling: Any) -> Completion:
        """Continues a prompt, ids or text. sampling: llama.cpp's own names (n_predict, temperature, top_p, min_p, seed, stop …)."""
        settings = {"n_predict": 128, "temperature": 0.0, "cache_prompt": False} | sampling
        answer = self._post("/completion", settings | {"prompt": prompt, "return_tokens": True})
        return Completion(answer["content"], answer["tokens"], answer["stop_type"])

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(self.address + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.load(answer)


class _Params(ctypes.Structure):
    """llama_model_params or llama_context_params, as a block longer than either: the library fills and reads its own part."""

    _fields_ = [("words", ctypes.c_uint32 * 128)]


# Words of llama_context_params that are set here.
N_CTX, N_BATCH, N_UBATCH, N_SEQ_MAX, N_THREADS, N_THREADS_BATCH = 0, 1, 2, 3, 7, 8
DEFAULTS = {N_CTX: 512, N_BATCH: 2048, N_UBATCH: 512, N_SEQ_MAX: 1}


class _Batch(ctypes.Structure):
    """llama_batch (llama.h)."""

    _fields_ = [
        ("n_tokens", ctypes.c_int32),
        ("token", ctypes.POINTER(ctypes.c_int32)),
        ("embd", ctypes.POINTER(ctypes.c_float)),
        ("pos", ctypes.POINTER(ctypes.c_int32)),
        ("n_seq_id", ctypes.POINTER(ctypes.c_int32)),
        ("seq_id", ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))),
        ("logits", ctypes.POINTER(ctypes.c_int8)),
    ]


_LOG = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
_SILENT = _LOG(lambda *_: None)


class Logits:
    """A GGUF's logits at every position; use as a context manager.

    n_ctx: the longest sequence, in tokens.
    """

    def __init__(self, gguf: Path, *, n_ctx: int = 512) -> None:
        from xllamacpp import xllamacpp

        self._library = ctypes.CDLL(xllamacpp.__file__)
        self._model = self._context = None
        self._call("llama_log_set", None, _SILENT, ctypes.c_void_p())
        model_params = self._call("llama_model_default_params", _Params)
        self._model = self._call("llama_model_load_from_file", ctypes.c_void_p, ctypes.c_char_p(str(gguf).encode()), model_params)
        if not self._model:
            raise ValueError(f"llama.cpp does not load {gguf}")
        self._context = self._new_context(n_ctx)
        self._memory = self._call("llama_get_memory", ctypes.c_void_p, self._pointer(self._context))
        self._vocabulary = self._call("llama_model_get_vocab", ctypes.c_void_p, self._pointer(self._model))
        self.n_ctx = n_ctx
        self.n_vocab: int = self._call("llama_vocab_n_tokens", ctypes.c_int32, self._pointer(self._vocabulary))
        self._batch = self._new_batch(n_ctx)

    def __enter__(self) -> Logits:
        return self

    def __exit__(self, *_: object) -> None:
        self._call("llama_batch_free", None, self._batch)
        self._call("llama_free", None, self._pointer(self._context))
        self._call("llama_model_free", None, self._pointer(self._model))

    def __call__(self, ids: list[int]) -> np.ndarray:
        """float32 [len(ids), n_vocab]: row i is the prediction of what follows ids[: i + 1]. Nothing is added, no BOS either."""
        if not 0 < len(ids) <= self.n_ctx:
            raise ValueError(f"{len(ids)} ids, not 1 to {self.n_ctx}")
        self._call("llama_memory_clear", None, self._pointer(self._memory), ctypes.c_bool(True))
        for position, token in enumerate(ids):
            self._batch.token[position] = token
            self._batch.pos[position] = position
            self._batch.n_seq_id[position] = 1
            self._batch.seq_id[position][0] = 0
            self._batch.logits[position] = 1
        self._batch.n_tokens = len(ids)
        if status := self._call("llama_decode", ctypes.c_int32, self._pointer(self._context), self._batch):
            raise RuntimeError(f"llama_decode gives {status}")
        return np.stack([self._row(position) for position in range(len(ids))])

    def ends_generation(self, token: int) -> bool:
        """Whether llama.cpp ends an answer at this token, whatever the metadata's EOS is."""
        return self._call("llama_vocab_is_eog", ctypes.c_bool, self._pointer(self._vocabulary), ctypes.c_int32(token))

    def _row(self, position: int) -> np.ndarray:
        row = self._call("llama_get_logits_ith", ctypes.POINTER(ctypes.c_float), self._pointer(self._context), ctypes.c_int32(position))
        return np.ctypeslib.as_array(row, (self.n_vocab,)).copy()

    def _new_context(self, n_ctx: int) -> int:
        params = self._call("llama_context_default_params", _Params)
        self._require({word: params.words[word] for word in DEFAULTS}, DEFAULTS, "llama_context_params")
        wanted = {N_CTX: n_ctx, N_BATCH: n_ctx, N_UBATCH: min(n_ctx, 512), N_THREADS: THREADS, N_THREADS_BATCH: THREADS}
        for word, value in wanted.items():
            params.words[word] = value
        context = self._call("llama_init_from_model", ctypes.c_void_p, self._pointer(self._model), params)
        if not context:
            raise RuntimeError("llama.cpp makes no context")
        getters = {N_CTX: "n_ctx", N_BATCH: "n_batch", N_UBATCH: "n_ubatch", N_THREADS: "n_threads", N_THREADS_BATCH: "n_threads_batch"}
        told = {word: self._call(f"llama_{name}", ctypes.c_uint32, self._pointer(context)) for word, name in getters.items()}
        told[N_CTX] = min(told[N_CTX], n_ctx)  # the library rounds it up
        self._require(told, wanted, "llama_context_params")
        return context

    def _new_batch(self, n_ctx: int) -> _Batch:
        batch = self._call("llama_batch_init", _Batch, ctypes.c_int32(n_ctx), ctypes.c_int32(0), ctypes.c_int32(1))
        pointers = [bool(getattr(batch, name)) for name, _ in _Batch._fields_[1:]]
        self._require([batch.n_tokens, *pointers], [0, True, False, True, True, True, True], "llama_batch")
        return batch

    @staticmethod
    def _require(told: object, expected: object, struct: str) -> None:
        if told != expected:
            versions = f"xllamacpp {version('xllamacpp')}, written for {TESTED_VERSION}"
            raise RuntimeError(f"{struct} is laid out otherwise ({versions}): {told}, expected {expected}")

    @staticmethod
    def _pointer(address: int) -> ctypes.c_void_p:
        return ctypes.c_void_p(address)

    def _call(self, name: str, result: Any, *arguments: Any) -> Any:
        # The types of the arguments are those of the values: the library is private to this object, no prototype is shared.
        function = getattr(self._library, name)
        function.restype = result
        return function(*arguments)

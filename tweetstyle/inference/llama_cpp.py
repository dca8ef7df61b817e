"""llama.cpp's view of a GGUF: logits, token ids, end tokens.

Through ctypes on the shared library in the package xllamacpp, whose C structs are not promised to stay as they are: `Logits` checks
what it relies on against properties that the library reports, and says in one sentence when they no longer hold.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from tweetstyle.errors import TweetstyleError
from tweetstyle.inference.likelihood import batches
from tweetstyle.inference.prefixes import first_scored
from tweetstyle.model.tokenizer import Encoded

TESTED_VERSION = "2026.10.11549"
"""The xllamacpp whose struct offsets were checked by hand; a mismatch in another version is reported with both numbers."""
CONTEXT_STEP = 256
"""llama.cpp rounds the context of a sequence up to a multiple of this."""
MOST_SEQUENCES, CONTEXT_TOKENS = 16, 4096
"""Sequences in a batch, and tokens of context that they share at most: an 8B keeps 128 KiB for each."""
BATCH_TOKENS = 512
"""Positions in one pass; their logits take 250 MiB with a vocabulary of 128,256."""


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


def usable_threads() -> int:
    """Half of the processors that this process may use: llama.cpp's threads wait for each other in a busy loop, and one
    that has to share its processor holds up all of them (two on two busy cores were up to fifty times slower than one)."""
    return max(1, len(os.sched_getaffinity(0)) // 2)


class Logits:
    """A loaded GGUF that gives logits; use as a context manager.

    n_ctx: the longest sequence, in tokens; n_seq: how many fit into one batch; threads: of llama.cpp (default `usable_threads`).
    Raises TweetstyleError for a file that llama.cpp does not load, and for an xllamacpp that is built otherwise than the tested one.
    """

    def __init__(self, gguf: Path, *, n_ctx: int = 512, n_seq: int = 1, threads: int | None = None) -> None:
        from xllamacpp import xllamacpp

        self._library = ctypes.CDLL(xllamacpp.__file__)
        self._model = self._context = self._batch = None
        self._call("llama_log_set", None, _SILENT, ctypes.c_void_p())
        model_params = self._call("llama_model_default_params", _Params)
        self._model = self._call("llama_model_load_from_file", ctypes.c_void_p, ctypes.c_char_p(str(gguf).encode()), model_params)
        if not self._model:
            raise TweetstyleError("llama.cpp does not load it", where=str(gguf), hint="export it again: tweetstyle export RECIPE --force")
        self.n_ctx, self.n_seq = n_ctx, n_seq
        try:
            self._context = self._new_context(threads or usable_threads())
            self._memory = self._call("llama_get_memory", ctypes.c_void_p, self._pointer(self._context))
            self._vocabulary = self._call("llama_model_get_vocab", ctypes.c_void_p, self._pointer(self._model))
            self.n_vocab: int = self._call("llama_vocab_n_tokens", ctypes.c_int32, self._pointer(self._vocabulary))
            self._batch = self._new_batch(self.batch_tokens)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> Logits:
        return self

    def __exit__(self, *_: object) -> None:
        if self._batch is not None:
            self._call("llama_batch_free", None, self._batch)
        if self._context:
            self._call("llama_free", None, self._pointer(self._context))
        self._call("llama_model_free", None, self._pointer(self._model))
        self._batch = self._context = self._model = None

    @property
    def batch_tokens(self) -> int:
        """The most positions of one batch: never less than one sequence."""
        return max(self.n_ctx, min(BATCH_TOKENS, self.n_ctx * self.n_seq))

    def __call__(self, ids: Sequence[int]) -> np.ndarray:
        """float32 [len(ids), n_vocab]: row i is the prediction of what follows ids[: i + 1]. Nothing is added, no BOS either."""
        return np.stack([row.copy() for row in self.predictions([ids], [0])])

    def predictions(self, sequences: Sequence[Sequence[int]], firsts: Sequence[int]) -> Iterator[np.ndarray]:
        """The logits [n_vocab] after position `first` and each later one, sequence after sequence, in one pass.

        Each is a view of llama.cpp's memory, good until the next call. Raises ValueError for more than the batch holds.
        """
        self._check(sequences)
        self._call("llama_memory_clear", None, self._pointer(self._memory), ctypes.c_bool(True))
        slot, wanted = 0, []
        for sequence, (ids, first) in enumerate(zip(sequences, firsts, strict=True)):
            for position, token in enumerate(ids):
                self._batch.token[slot] = token
                self._batch.pos[slot] = position
                self._batch.n_seq_id[slot] = 1
                self._batch.seq_id[slot][0] = sequence
                self._batch.logits[slot] = position >= first
                if position >= first:
                    wanted.append(slot)
                slot += 1
        self._batch.n_tokens = slot
        if status := self._call("llama_decode", ctypes.c_int32, self._pointer(self._context), self._batch):
            raise RuntimeError(f"llama_decode gives {status}")
        yield from map(self._row, wanted)

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """Ids of a text. add_special: with BOS where the GGUF says so; parse_special: "<|im_end|>" is the token, not its letters."""
        data = text.encode()
        found = (ctypes.c_int32 * (len(data) + 2))()  # a token has a byte at least, and there is one BOS, one EOS
        arguments = ctypes.c_char_p(data), ctypes.c_int32(len(data)), found, ctypes.c_int32(len(found))
        flags = ctypes.c_bool(add_special), ctypes.c_bool(parse_special)
        count = self._call("llama_tokenize", ctypes.c_int32, self._pointer(self._vocabulary), *arguments, *flags)
        return list(found[:count])

    def ends_generation(self, token: int) -> bool:
        """Whether llama.cpp ends an answer at this token, independent of the metadata's EOS."""
        return self._call("llama_vocab_is_eog", ctypes.c_bool, self._pointer(self._vocabulary), ctypes.c_int32(token))

    def _check(self, sequences: Sequence[Sequence[int]]) -> None:
        lengths = [len(ids) for ids in sequences]
        if not lengths or not 0 < min(lengths) <= max(lengths) <= self.n_ctx:
            raise ValueError(f"sequences of {lengths} ids, not of 1 to {self.n_ctx}")
        if len(lengths) > self.n_seq or sum(lengths) > self.batch_tokens:
            raise ValueError(f"{len(lengths)} sequences of {sum(lengths)} ids, at most {self.n_seq} of {self.batch_tokens}")

    def _row(self, slot: int) -> np.ndarray:
        row = self._call("llama_get_logits_ith", ctypes.POINTER(ctypes.c_float), self._pointer(self._context), ctypes.c_int32(slot))
        return np.ctypeslib.as_array(row, (self.n_vocab,))

    def _new_context(self, threads: int) -> int:
        params = self._call("llama_context_default_params", _Params)
        self._require({word: params.words[word] for word in DEFAULTS}, DEFAULTS, "llama_context_params")
        n_ctx = -(-self.n_ctx // CONTEXT_STEP) * CONTEXT_STEP * self.n_seq
        wanted = {N_CTX: n_ctx, N_BATCH: self.batch_tokens, N_UBATCH: min(self.batch_tokens, BATCH_TOKENS), N_SEQ_MAX: self.n_seq}
        wanted |= {N_THREADS: threads, N_THREADS_BATCH: threads}
        for word, value in wanted.items():
            params.words[word] = value
        context = self._call("llama_init_from_model", ctypes.c_void_p, self._pointer(self._model), params)
        if not context:
            raise TweetstyleError("llama.cpp makes no context", hint="free some memory")
        names = ("n_ctx", "n_batch", "n_ubatch", "n_seq_max", "n_threads", "n_threads_batch")
        getters = (self._call(f"llama_{name}", ctypes.c_uint32, self._pointer(context)) for name in names)
        actual = dict(zip((N_CTX, N_BATCH, N_UBATCH, N_SEQ_MAX, N_THREADS, N_THREADS_BATCH), getters, strict=True))
        self._require(actual, wanted, "llama_context_params")
        return context

    def _new_batch(self, tokens: int) -> _Batch:
        batch = self._call("llama_batch_init", _Batch, ctypes.c_int32(tokens), ctypes.c_int32(0), ctypes.c_int32(1))
        pointers = [bool(getattr(batch, name)) for name, _ in _Batch._fields_[1:]]
        self._require([batch.n_tokens, *pointers], [0, True, False, True, True, True, True], "llama_batch")
        return batch

    @staticmethod
    def _require(actual: object, expected: object, struct: str) -> None:
        if actual != expected:
            what = f"{struct} of xllamacpp {version('xllamacpp')} has another layout: {actual}, expected {expected}"
            raise TweetstyleError(what, hint=f"install the tested one: xllamacpp=={TESTED_VERSION}")

    @staticmethod
    def _pointer(address: int) -> ctypes.c_void_p:
        return ctypes.c_void_p(address)

    def _call(self, name: str, result: Any, *arguments: Any) -> Any:
        # The types of the arguments are those of the values: the library is private to this object, no prototype is shared.
        try:
            function = getattr(self._library, name)
        except AttributeError as error:
            what = f"xllamacpp {version('xllamacpp')} has no {name}"
            raise TweetstyleError(what, hint=f"install the tested one: xllamacpp=={TESTED_VERSION}") from error
        function.restype = result
        return function(*arguments)


def for_documents(gguf: Path, documents: Sequence[Encoded], *, threads: int | None = None) -> Logits:
    """The GGUF loaded with room for the longest of the documents, and for as many side by side as memory allows."""
    longest = max(len(document.ids) for document in documents)
    return Logits(gguf, n_ctx=longest, n_seq=max(1, min(MOST_SEQUENCES, CONTEXT_TOKENS // longest)), threads=threads)


def document_batches(logits: Logits, documents: Sequence[Encoded]) -> Iterator[list[int]]:
    """Indices of documents of like length that one pass takes."""
    for group in batches([len(document.ids) for document in documents], logits.batch_tokens):
        for start in range(0, len(group), logits.n_seq):
            yield group[start : start + logits.n_seq]


def score_gguf(gguf: Path, documents: Sequence[Encoded], advance: Callable[[int], None] = lambda tokens: None) -> np.ndarray:
    """Summed token losses of each document in llama.cpp, nats, float64 [n], as evaluate's: the answer and its end token are scored.

    advance: called with the number of token positions just done, of Σ len(ids) in all.
    """
    sums = np.zeros(len(documents))
    if not documents:
        return sums
    with for_documents(gguf, documents) as logits:
        for group in document_batches(logits, documents):
            chosen = [documents[index] for index in group]
            goals = [(index, token) for index, d in zip(group, chosen, strict=True) for token in [*d.ids[first_scored(d) :], None]]
            rows = logits.predictions([d.ids for d in chosen], [first_scored(d) - 1 for d in chosen])
            for (index, token), row in zip(goals, rows, strict=True):
                if token is not None:  # what follows the last token is not needed
                    sums[index] += loss(row, token)
            advance(sum(len(d.ids) for d in chosen))
    return sums


def loss(row: np.ndarray, token: int) -> float:
    """−log softmax(row)[token] in nats, the sum of exponentials in float64."""
    highest = row.max()
    return float(highest - row[token] + np.log(np.exp(row - highest).sum(dtype=np.float64)))

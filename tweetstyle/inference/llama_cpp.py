"""llama.cpp in this process: its server, and a GGUF's logits, token ids and end tokens.

Through ctypes on the shared library of the package xllamacpp, whose own API gives no logits of a text. `Logits` checks its structs.
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
from tweetstyle.inference.likelihood import first_scored
from tweetstyle.locale import _
from tweetstyle.model.tokenizer import Encoded

TESTED_VERSION = "2026.10.11549"
"""The xllamacpp whose struct offsets were checked by hand."""
CONTEXT_STEP = 256
"""llama.cpp rounds the context of a sequence up to a multiple of this."""


class _Params(ctypes.Structure):
    """llama_model_params or llama_context_params, as a block longer than either: the library fills and reads its own part."""

    _fields_ = [("words", ctypes.c_uint32 * 128)]


WORDS = {"n_ctx": 0, "n_batch": 1, "n_threads": 7, "n_threads_batch": 8}
"""Words of llama_context_params that are set here, by the name of the function llama_NAME that gives them back."""


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


def load_server(gguf: Path, n_ctx: int, *, slots: int = 1) -> Any:
    """llama.cpp's server in this process. n_ctx: tokens of context, shared by the slots. Raises TweetstyleError where it cannot load."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(gguf)
    params.n_ctx, params.n_parallel, params.warmup, params.verbosity = n_ctx, slots, False, -1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = usable_threads()
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as error:
        hint = _("export or download it again, or free some memory")
        raise TweetstyleError(_("llama.cpp cannot load it"), where=str(gguf), hint=hint) from error
    # A server that is deleted before its loop runs waits for that loop forever: one that has answered is running.
    server.handle_completions({"prompt": " ", "n_predict": 0}, lambda chunk: False)
    return server


class Logits:
    """A loaded GGUF that gives logits; use as a context manager. n_ctx: the longest sequence, in tokens.

    Raises TweetstyleError for a file that llama.cpp does not load, and for an xllamacpp with other structs than the tested one.
    """

    def __init__(self, gguf: Path, *, n_ctx: int = 512) -> None:
        from xllamacpp import xllamacpp

        self._library = ctypes.CDLL(xllamacpp.__file__)
        self.n_ctx = -(-n_ctx // CONTEXT_STEP) * CONTEXT_STEP
        self._call("llama_log_set", None, _SILENT, ctypes.c_void_p())
        model_params = self._call("llama_model_default_params", _Params)
        self._model = self._pointer("llama_model_load_from_file", ctypes.c_char_p(str(gguf).encode()), model_params)
        if not self._model:
            hint = _("export it again: tweetstyle export RECIPE --force")
            raise TweetstyleError(_("llama.cpp cannot load it"), where=str(gguf), hint=hint)
        self._context = self._new_context()
        self._memory = self._pointer("llama_get_memory", self._context)
        self._read: list[int] = []
        self._vocabulary = self._pointer("llama_model_get_vocab", self._model)
        self.n_vocab: int = self._call("llama_vocab_n_tokens", ctypes.c_int32, self._vocabulary)
        self._batch = self._call("llama_batch_init", _Batch, ctypes.c_int32(self.n_ctx), ctypes.c_int32(0), ctypes.c_int32(1))

    @classmethod
    def for_documents(cls, gguf: Path, documents: Sequence[Encoded]) -> Logits:
        """The GGUF loaded with room for the longest of the documents."""
        return cls(gguf, n_ctx=max((len(document.ids) for document in documents), default=1))

    def __enter__(self) -> Logits:
        return self

    def __exit__(self, *_: object) -> None:
        self._call("llama_batch_free", None, self._batch)
        self._call("llama_free", None, self._context)
        self._call("llama_model_free", None, self._model)

    def predictions(self, ids: Sequence[int], first: int = 0) -> Iterator[np.ndarray]:
        """The logits [n_vocab] after position `first` and each later one, each a view of llama.cpp's memory, good until the next call.

        No BOS is added. What the ids have in common with those of the last call, up to `first`, is not read again.
        """
        if not 0 < len(ids) <= self.n_ctx:
            raise ValueError(f"a sequence of {len(ids)} ids, not of 1 to {self.n_ctx}")
        kept = len(os.path.commonprefix([list(ids[:first]), self._read]))
        self._call("llama_memory_seq_rm", ctypes.c_bool, self._memory, ctypes.c_int32(0), ctypes.c_int32(kept), ctypes.c_int32(-1))
        for place, token in enumerate(ids[kept:]):
            self._batch.token[place] = token
            self._batch.pos[place] = kept + place
            self._batch.n_seq_id[place] = 1
            self._batch.seq_id[place][0] = 0
            self._batch.logits[place] = kept + place >= first
        self._batch.n_tokens = len(ids) - kept
        self._read = []
        if status := self._call("llama_decode", ctypes.c_int32, self._context, self._batch):
            raise RuntimeError(f"llama_decode gives {status}")
        self._read = list(ids)
        for place in range(first - kept, len(ids) - kept):
            row = self._call("llama_get_logits_ith", ctypes.POINTER(ctypes.c_float), self._context, ctypes.c_int32(place))
            yield np.ctypeslib.as_array(row, (self.n_vocab,))

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """Ids of a text. add_special: with BOS where the GGUF says so; parse_special: "<|im_end|>" is the token, not its letters."""
        data = text.encode()
        found = (ctypes.c_int32 * (len(data) + 2))()  # a token has a byte at least, and there is one BOS, one EOS
        arguments = ctypes.c_char_p(data), ctypes.c_int32(len(data)), found, ctypes.c_int32(len(found))
        flags = ctypes.c_bool(add_special), ctypes.c_bool(parse_special)
        return list(found[: self._call("llama_tokenize", ctypes.c_int32, self._vocabulary, *arguments, *flags)])

    def ends_generation(self, token: int) -> bool:
        """Whether llama.cpp ends an answer at this token, independent of the metadata's EOS."""
        return self._call("llama_vocab_is_eog", ctypes.c_bool, self._vocabulary, ctypes.c_int32(token))

    def _new_context(self) -> ctypes.c_void_p:
        params = self._call("llama_context_default_params", _Params)
        threads = usable_threads()
        wanted = {"n_ctx": self.n_ctx, "n_batch": self.n_ctx, "n_threads": threads, "n_threads_batch": threads}
        for name, value in wanted.items():
            params.words[WORDS[name]] = value
        context = self._pointer("llama_init_from_model", self._model, params)
        if not context:
            raise TweetstyleError(_("llama.cpp has no memory for a context"), hint=_("free some memory"))
        actual = {name: self._call(f"llama_{name}", ctypes.c_uint32, context) for name in wanted}
        if actual != wanted:
            values = {"version": version("xllamacpp"), "actual": actual, "expected": wanted}
            what = _("llama_context_params of xllamacpp {version} has another layout: {actual}, expected {expected}", **values)
            raise TweetstyleError(what, hint=_("install the tested one: xllamacpp=={version}", version=TESTED_VERSION))
        return context

    def _pointer(self, name: str, *arguments: Any) -> ctypes.c_void_p:
        return ctypes.c_void_p(self._call(name, ctypes.c_void_p, *arguments))

    def _call(self, name: str, result: Any, *arguments: Any) -> Any:
        # The types of the arguments are those of the values: the library is private to this object, no prototype is shared.
        function = getattr(self._library, name)
        function.restype = result
        return function(*arguments)


def score(logits: Logits, documents: Sequence[Encoded], advance: Callable[[int], None] = lambda tokens: None) -> np.ndarray:
    """Summed token losses of each document in llama.cpp, nats, float64 [n], as evaluate's: the answer and its end token are scored.

    advance: called with the number of token positions just done, of Σ len(ids) in all.
    """
    sums = np.zeros(len(documents))
    for index, document in enumerate(documents):
        first = first_scored(document)
        # What follows the last token is not needed.
        rows = logits.predictions(document.ids, first - 1)
        sums[index] = sum(loss(row, token) for row, token in zip(rows, document.ids[first:], strict=False))
        advance(len(document.ids))
    return sums


def loss(row: np.ndarray, token: int) -> float:
    """−log softmax(row)[token] in nats, the sum of exponentials in float64."""
    highest = row.max()
    return float(highest - row[token] + np.log(np.exp(row - highest).sum(dtype=np.float64)))

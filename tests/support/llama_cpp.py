"""llama.cpp as the tests' second source: its server in-process, from the package xllamacpp, for tokens and completions."""

import json
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from scipy.special import log_softmax

from tweetstyle.export import export
from tweetstyle.inference.llama_cpp import Logits
from tweetstyle.model.base import read_base_model
from tweetstyle.prompt.template import build_template
from tweetstyle.recipe import Export, Sampling

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

    def __enter__(self) -> Self:
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

    def apply_template(self, messages: list[dict[str, str]]) -> str:
        """The prompt that the GGUF's chat template makes of a conversation."""
        return self._post("/apply-template", {"messages": messages})["prompt"]

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(self.address + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.load(answer)


def all_logits(llama_cpp: Logits, ids: list[int]) -> np.ndarray:
    """float32 [len(ids), n_vocab]: row i is the prediction of what follows ids[: i + 1]."""
    return np.stack([row.copy() for row in llama_cpp.predictions(ids)])


def exported_logits(base_directory: Path, directory: Path, ids: list[int]) -> np.ndarray:
    """llama.cpp's logits of token ids, from the base model exported to `directory` in f32."""
    base = read_base_model(base_directory)
    template = build_template("inst", "Nimzo", base.tokens)
    written = export(base, None, template, Export(types=("f32",)), Sampling(), "x", directory)
    with Logits(written.gguf["f32"]) as llama_cpp:
        return all_logits(llama_cpp, ids)


def mean_kl(expected: np.ndarray, found: np.ndarray) -> float:
    """Mean Kullback-Leibler divergence in nats of the predictions of `found` from those of `expected`, both logits [n, vocabulary]."""
    p, q = (log_softmax(side.astype(np.float64), axis=-1) for side in (expected, found))
    return float((np.exp(p) * (p - q)).sum(axis=-1).mean())

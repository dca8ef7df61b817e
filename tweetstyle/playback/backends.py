"""The models that write messages: in Ollama, or a GGUF in this process."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tweetstyle.errors import TweetstyleError
from tweetstyle.files import fingerprint
from tweetstyle.inference.llama_cpp import load_server
from tweetstyle.inference.ollama import OllamaClient
from tweetstyle.locale import _
from tweetstyle.playback.requests import Turn
from tweetstyle.recipe import Playback

CONTEXT = 2048
"""Tokens for one request: the prompt has some 600, a long post 400 more, and an answer a hundred."""
SAMPLING = {"top_k": 40, "top_p": 0.95, "min_p": 0.05, "repeat_penalty": 1.0}
"""Written out, for servers differ in their defaults. No penalty: the examples' words are wanted again."""


@dataclass(frozen=True, slots=True)
class ModelReply:
    """text: as the model gave it; tokens: how many it took."""

    text: str
    tokens: int


class MessageModel(Protocol):
    """identity: name and digest of the model. where: for messages."""

    identity: str
    where: str

    def ask(self, turns: list[Turn], drawn: dict[str, Any]) -> ModelReply:
        """The answer to a chat; called by many threads. drawn: temperature, seed and num_predict (most tokens)."""
        ...

    def close(self) -> None:
        """Frees the model's memory for the training that follows. The next request loads it again."""
        ...


def message_model_of(settings: Playback) -> MessageModel:
    """The recipe's model. Raises TweetstyleError where it is not there."""
    if settings.ollama:
        return OllamaMessageModel(settings.ollama, settings.url)
    return GgufMessageModel(settings.gguf, settings.concurrency)


class OllamaMessageModel:
    """A model of the Ollama that runs on this machine."""

    def __init__(self, name: str, url: str) -> None:
        self._client, self._name = OllamaClient(url, setting="playback.url"), name
        address = f"{self._client.host}:{self._client.port}"
        self.where = _("{model} in the Ollama at {address}", model=name, address=address)
        self.identity = f"{name} {self._client.digest(name)}"

    def ask(self, turns: list[Turn], drawn: dict[str, Any]) -> ModelReply:
        answer = self._client.chat(self._name, turns, SAMPLING | drawn | {"num_ctx": CONTEXT, "stop": ["\n"]})
        return ModelReply(answer["message"]["content"], answer.get("eval_count", 0))

    def close(self) -> None:
        self._client.unload(self._name)


class GgufMessageModel:
    """A GGUF in llama.cpp's server inside this process, with a slot for each request at one time. It is loaded at the first request.

    Raises TweetstyleError where there is no such file, or it is no GGUF.
    """

    def __init__(self, gguf: Path, concurrency: int) -> None:
        self._gguf, self.where = gguf, str(gguf)
        hint = _("name a chat model's .gguf in playback.gguf (make base-model makes one), or a model of your Ollama in playback.ollama")
        if not gguf.is_file():
            raise TweetstyleError(_("there is no such model"), where=self.where, hint=hint)
        with gguf.open("rb") as stream:
            if stream.read(4) != b"GGUF":
                raise TweetstyleError(_("not a GGUF file"), where=self.where, hint=hint)
        self.identity = f"{gguf.name} {fingerprint(gguf)}"
        self._concurrency = concurrency
        self._loading = threading.Lock()
        self._loaded: Any = None

    def ask(self, turns: list[Turn], drawn: dict[str, Any]) -> ModelReply:
        request = SAMPLING | drawn | {"messages": turns, "max_tokens": drawn["num_predict"], "stop": ["\n"], "cache_prompt": True}
        arrived: list[dict[str, Any]] = []
        with self._loading:
            if not self._loaded:
                self._loaded = load_server(self._gguf, CONTEXT * self._concurrency, slots=self._concurrency)
        # llama.cpp swallows an exception raised in the callback: nothing but taking is done there.
        self._loaded.handle_chat_completions(request, lambda chunk: arrived.append(chunk) or False)
        answer = arrived[-1] if arrived else {}
        if "choices" not in answer:
            raise TweetstyleError(f"llama.cpp: {answer.get('error', answer)}", where=self.where)
        return ModelReply(answer["choices"][0]["message"].get("content") or "", answer["usage"]["completion_tokens"])

    def close(self) -> None:
        self._loaded = None

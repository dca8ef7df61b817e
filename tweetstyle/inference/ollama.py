"""The Ollama of this machine over HTTP: create, generate, loaded models."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tweetstyle.errors import TweetstyleError
from tweetstyle.offline import NoAddress, is_loopback, parse_address
from tweetstyle.prompt.template import NO_TOPIC

HASHED_AT_ONCE = 2**20
SECONDS = {"version": 5, "blob": 600, "create": 600, "chat": 600}
"""Timeouts: a first answer loads the model, and 5 GB from a slow disk take their time."""
LOST_FROM = 500
"""Statuses from here on: Ollama's queue is full (503), or what runs the model ended (500). The same request may go well later."""
NOT_FOUND = 404

NUMBERS = {
    int: ("num_keep", "seed", "num_predict", "top_k", "repeat_last_n", "num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread"),
    float: ("top_p", "min_p", "typical_p", "temperature", "repeat_penalty", "presence_penalty", "frequency_penalty"),
}


def shell_lines(name: str, modelfile: Path) -> list[str]:
    """The commands that a person types to get the model into Ollama and talk with it."""
    return [f"ollama create {name} -f {shlex.quote(str(modelfile))}", f"ollama run {name}"]


# -- the Modelfile ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Modelfile:
    """gguf: the file that FROM names; parameters: as /api/create takes them, `stop` a list; system: the line of SYSTEM, or none."""

    gguf: Path
    template: str
    parameters: dict[str, Any] = field(default_factory=dict)
    system: str = ""


def read_modelfile(path: Path) -> Modelfile:
    """Reads a Modelfile of FROM, TEMPLATE, SYSTEM and PARAMETER, as export writes it, by the rules of Ollama's parser.

    Raises TweetstyleError with file and line for anything else, and where the GGUF is not there: Ollama would take the
    path for a model's name and try to pull it.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise TweetstyleError("there is no Modelfile", where=str(path), hint="tweetstyle export RECIPE makes it") from error
    gguf, template, system, parameters = None, None, "", {}
    for line, instruction, value in _instructions(text, path):
        match instruction:
            case "FROM":
                gguf = path.parent / value
            case "TEMPLATE":
                template = value
            case "SYSTEM":
                system = value
            case _:
                _add_parameter(parameters, value, f"{path}:{line}")
    if gguf is None or template is None:
        missing = "FROM" if gguf is None else "TEMPLATE"
        raise TweetstyleError(f"{missing} is missing", where=str(path), hint="export it again: tweetstyle export RECIPE --force")
    if not gguf.is_file():
        raise TweetstyleError(f"FROM names a file that is not there: {gguf}", where=str(path), hint="export it again")
    return Modelfile(gguf, template, parameters, system)


def _instructions(text: str, path: Path) -> Iterator[tuple[int, str, str]]:
    """(line number, instruction, value without its quotes). A `#` begins a comment only where an instruction could."""
    position = 0
    pattern = re.compile(
        r'(FROM|TEMPLATE|SYSTEM|PARAMETER \w+) ("""(?P<long>.*?)"""|"(?P<short>[^"\n]*)"|(?P<bare>[^"\n][^\n]*))(?=\n|\Z)', re.S
    )
    while position < len(text):
        end = text.index("\n", position) if "\n" in text[position:] else len(text)
        if not text[position:end].strip() or text[position] == "#":
            position = end + 1
            continue
        number = text.count("\n", 0, position) + 1
        if not (found := pattern.match(text, position)):
            hint = "export it again: tweetstyle export RECIPE --force"
            raise TweetstyleError(f"not understood: {text[position:end]}", where=f"{path}:{number}", hint=hint)
        value = next(found[group] for group in ("long", "short", "bare") if found[group] is not None)
        instruction, _, name = found[1].partition(" ")
        yield number, instruction, f"{name} {value}" if name else value
        position = found.end() + 1


def _add_parameter(parameters: dict[str, Any], line: str, where: str) -> None:
    name, _, value = line.partition(" ")
    if name == "stop":
        parameters.setdefault(name, []).append(value)
        return
    kind = next((kind for kind, names in NUMBERS.items() if name in names), None)
    try:
        if kind is None:
            raise ValueError("Ollama has no such parameter")
        parameters[name] = kind(value)
    except ValueError as error:
        raise TweetstyleError(f"PARAMETER {line}: {error}", where=where, hint="export it again") from error


# -- the client ---------------------------------------------------------------------------------------------


def parse_host(value: str) -> tuple[str, int]:
    """Host and port of OLLAMA_HOST, in the forms that Ollama takes. Raises TweetstyleError for another machine's address.

    Tweets and models stay on this machine: only loopback is spoken to. 0.0.0.0, which makes a server listen everywhere,
    means this machine to a client.
    """
    try:
        host, port = parse_address(value)
    except NoAddress as error:
        hint = "write for example OLLAMA_HOST=127.0.0.1:11434"
        raise TweetstyleError(f"OLLAMA_HOST is {value!r}, not an address", hint=hint) from error
    if not is_loopback(host):
        hint = "models are created in the Ollama of this machine only; copy the export directory there and run the printed lines"
        raise TweetstyleError(f"OLLAMA_HOST is {value!r}, which is not this machine", hint=hint)
    return host, port


@dataclass(frozen=True)
class LoadedModel:
    """A model in Ollama's memory. size: its bytes; on_card: those of them in the card's memory."""

    name: str
    size: int
    on_card: int


class OllamaLost(TweetstyleError):
    """There was no connection, it ended before the answer, or the server could not answer now: a retry may help."""


def is_cloud_name(name: str) -> bool:
    """Whether Ollama sends prompts for such a name to its cloud, even if this machine has a model of that name.

    The tag decides: `cloud`, or what ends in `-cloud` (ollama/internal/modelref/modelref.go, parseSourceSuffix).
    """
    _, colon, tag = name.rpartition(":")
    tag = tag.strip().lower()
    return bool(colon) and (tag == "cloud" or (tag.endswith("-cloud") and "/" not in tag))


class OllamaClient:
    """Ollama at the address of OLLAMA_HOST (default 127.0.0.1:11434). No proxy and no redirect is followed.

    setting: where a person writes the address, for messages.
    """

    def __init__(self, host: str | None = None, *, setting: str = "OLLAMA_HOST") -> None:
        self.host, self.port = parse_host(os.environ.get("OLLAMA_HOST", "") if host is None else host)
        self._setting = setting

    def version(self) -> str:
        """The server's version. Raises TweetstyleError where none answers."""
        version = self._json("GET", "/api/version", None, SECONDS["version"]).get("version")
        if not isinstance(version, str):
            raise self._not_ollama()
        return version

    def loaded(self) -> list[LoadedModel]:
        """The models in memory (docs/api.md, "List Running Models"). Ollama leaves size_vram out where it is 0."""
        models = self._json("GET", "/api/ps", None, SECONDS["version"]).get("models")
        try:
            return [LoadedModel(str(model["name"]), int(model["size"]), int(model.get("size_vram") or 0)) for model in models or ()]
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise self._not_ollama() from error

    def create(self, name: str, modelfile: Path) -> None:
        """What `ollama create NAME -f MODELFILE` does: hands the GGUF over where Ollama does not have it, and makes the model."""
        read = read_modelfile(modelfile)
        digest = _sha256(read.gguf)
        self._hand_over(read.gguf, digest)
        self._json(
            "POST",
            "/api/create",
            {
                "model": name,
                "files": {read.gguf.name: digest},
                "template": read.template,
                "system": read.system,
                "parameters": read.parameters,
                "stream": False,
            },
            SECONDS["create"],
        )

    def ask(self, name: str, message: str = NO_TOPIC) -> str:
        """The model's answer as Ollama gives it, with the Modelfile's own sampling."""
        body = {"model": name, "messages": [{"role": "user", "content": message}], "stream": False}
        return self._json("POST", "/api/chat", body, SECONDS["chat"])["message"]["content"]

    def chat(self, name: str, turns: Sequence[tuple[str, str | None]], **options: Any) -> dict[str, Any]:
        """The whole answer of /api/chat to a conversation of (message, answer), the last answer None. options: sampling."""
        said = [(role, text) for turn in turns for role, text in zip(("user", "assistant"), turn, strict=True) if text is not None]
        messages = [{"role": role, "content": text} for role, text in said]
        return self._json("POST", "/api/chat", {"model": name, "messages": messages, "options": options, "stream": False}, SECONDS["chat"])

    def generate(self, name: str, message: str, **options: Any) -> dict[str, Any]:
        """The whole answer of /api/generate, with the ids it returns. options: sampling, over the Modelfile's."""
        body = {"model": name, "prompt": message, "options": options, "stream": False}
        return self._json("POST", "/api/generate", body, SECONDS["chat"])

    def answer(self, name: str, messages: list[dict[str, str]], options: dict[str, Any]) -> dict[str, Any]:
        """The whole answer of /api/chat to a conversation, without thinking aloud where the model could.

        Raises OllamaLost where the connection ends or the server is too busy.
        """
        body = {"model": name, "messages": messages, "options": options, "stream": False, "think": False}
        return self._json("POST", "/api/chat", body, SECONDS["chat"])

    def digest(self, name: str) -> str:
        """The digest by which Ollama knows a model that runs on this machine.

        Raises TweetstyleError where it has no such model, and names those it has; and where it would send prompts to another
        machine: it lists such a model with remote_host and remote_model (ollama/api/types.go, ListModelResponse).
        """
        models = self._json("GET", "/api/tags", None, SECONDS["version"]).get("models")
        known = {str(model.get("name")): model for model in models or () if isinstance(model, dict)}
        full = name if ":" in name.rpartition("/")[2] else f"{name}:latest"
        elsewhere = {of: model.get("remote_host") or "Ollama's cloud" for of, model in known.items() if _is_remote(of, model)}
        here = sorted(known.keys() - elsewhere)
        if is_cloud_name(full) or full in elsewhere:
            what = f"{name} does not run on this machine: Ollama sends its prompts to {elsewhere.get(full, 'its cloud')}"
            hint = f"name a model that runs here: {', '.join(here)}" if here else "ollama pull a model that runs here, and name that one"
            raise TweetstyleError(what, where=f"{self.host}:{self.port}", hint=hint)
        if full not in known:
            there = f"it has {', '.join(here)}" if here else "it has none"
            raise TweetstyleError(f"Ollama has no model {name}; {there}", where=f"{self.host}:{self.port}", hint=f"ollama pull {name}")
        return str(known[full].get("digest"))

    def unload(self, name: str) -> None:
        """Takes a model out of memory, which Ollama otherwise keeps for minutes (docs/api.md, "Unload a model")."""
        self._json("POST", "/api/generate", {"model": name, "keep_alive": 0, "stream": False}, SECONDS["version"])

    def delete(self, name: str) -> None:
        """Forgets a model; its blob goes with it unless another has the same."""
        status, answer = self._request("DELETE", "/api/delete", json.dumps({"model": name}).encode(), SECONDS["version"])
        if status >= 300:
            raise self._refusal("/api/delete", status, answer)

    def create_and_ask(self, name: str, modelfile: Path, message: str = NO_TOPIC) -> str:
        """Creates the model and gives one answer of it: a tweet without a subject, or what it says to a message."""
        self.create(name, modelfile)
        return self.ask(name, message)

    def _hand_over(self, gguf: Path, digest: str) -> None:
        path = f"/api/blobs/{digest}"
        if self._request("HEAD", path, None, SECONDS["version"])[0] == 200:
            return
        size = gguf.stat().st_size
        with gguf.open("rb") as stream, _bar("copying to Ollama", size) as bar:
            status, answer = self._request("POST", path, _Counted(stream, bar), SECONDS["blob"], {"Content-Length": str(size)})
        if status >= 300:
            raise self._refusal(path, status, answer)

    def _json(self, method: str, path: str, body: dict[str, Any] | None, seconds: float) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        status, answer = self._request(method, path, data, seconds, {"Content-Type": "application/json"})
        if status >= 300:
            raise self._refusal(path, status, answer)
        try:
            read = json.loads(answer)
            if not isinstance(read, dict):
                raise ValueError("not an object")
            return read
        except ValueError as error:
            raise self._not_ollama() from error

    def _not_ollama(self) -> TweetstyleError:
        return TweetstyleError(f"what answers at {self.host}:{self.port} is not Ollama", hint=f"set {self._setting} to Ollama's address")

    def _request(self, method: str, path: str, body: Any, seconds: float, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=seconds)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.read()
        except ConnectionRefusedError as error:
            hint = "start it (ollama serve, or the Ollama app); not installed: https://ollama.com/download"
            hint += f"; if it listens at another address, set {self._setting} to that"
            raise OllamaLost("Ollama is not running", where=f"{self.host}:{self.port}", hint=hint) from error
        except (OSError, http.client.HTTPException) as error:
            what = f"Ollama broke off ({type(error).__name__}: {error})"
            raise OllamaLost(what, where=f"{self.host}:{self.port}", hint="look into its log, and try again") from error
        finally:
            connection.close()

    def _refusal(self, path: str, status: int, answer: bytes) -> TweetstyleError:
        text = answer.decode("utf-8", "replace").strip()
        with contextlib.suppress(ValueError, KeyError, TypeError):
            text = json.loads(text)["error"]
        if 300 <= status < 400:
            what = f"what answers there sends to another address ({status}), which is not followed: tweets stay on this machine"
            return TweetstyleError(what, where=f"{self.host}:{self.port}", hint="give the address of Ollama itself")
        error = OllamaLost if status >= LOST_FROM else TweetstyleError
        hint = "ollama list shows the models that it has" if status == NOT_FOUND else "its log says more"
        return error(f"Ollama refused {path} ({status}): {text}", where=f"{self.host}:{self.port}", hint=hint)


def _is_remote(name: str, model: dict[str, Any]) -> bool:
    return bool(model.get("remote_host") or model.get("remote_model")) or is_cloud_name(name)


class _Counted:
    """A stream that moves a progress bar as it is read."""

    def __init__(self, stream, bar) -> None:
        self._stream, self._bar = stream, bar

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self._bar.advance(len(block))
        return block


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream, _bar("checksum", path.stat().st_size) as bar:
        while block := stream.read(HASHED_AT_ONCE):
            digest.update(block)
            bar.advance(len(block))
    return f"sha256:{digest.hexdigest()}"


def _bar(what: str, size: int):
    from tweetstyle.progress import Bar

    # Small models are there before a bar could be read.
    return Bar(what, size, "B", delay=2)

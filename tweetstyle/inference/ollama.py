"""The Ollama of this machine over HTTP: create, generate, loaded models."""

import contextlib
import hashlib
import http.client
import json
import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import _
from tweetstyle.locale.libraries import reason
from tweetstyle.offline import NoAddress, is_loopback, parse_address

SECONDS, SECONDS_WITH_A_MODEL = 5, 600
"""Timeouts: a first answer loads the model, and 5 GB from a slow disk take their time."""
SERVER_ERROR = 500
"""Statuses from here on: Ollama's queue is full (503), or what runs the model ended (500). A retry may help."""


def shell_lines(name: str, modelfile: Path) -> list[str]:
    """The commands that a person types to get the model into Ollama and talk with it."""
    return [f"ollama create {name} -f {shlex.quote(str(modelfile))}", f"ollama run {name}"]


# -- the Modelfile ------------------------------------------------------------------------------------------


INSTRUCTION = re.compile(r'^(FROM|TEMPLATE|SYSTEM|PARAMETER (\w+)) (?:"""(.*?)"""|"([^"\n]*)"|([^"\n]*))$', re.S | re.M)


def read_modelfile(path: Path) -> tuple[Path, dict[str, Any]]:
    """The GGUF that FROM names, and template, system and parameters as /api/create takes them, of a Modelfile as export writes it.

    Raises TweetstyleError for anything else, and for a missing GGUF: Ollama would take its path for a model's name and try to pull it.
    """
    if not path.is_file():
        raise TweetstyleError(_("there is no Modelfile"), where=str(path), hint=_("tweetstyle export RECIPE makes it"))
    text = path.read_text(encoding="utf-8")
    values: dict[str, str] = {}
    parameters: dict[str, Any] = {}
    for instruction, parameter, *quoted in INSTRUCTION.findall(text):
        value = "".join(quoted)
        if parameter == "stop":
            parameters.setdefault("stop", []).append(value)
        elif parameter:
            parameters[parameter] = json.loads(value)
        else:
            values[instruction] = value
    again = _("export it again: tweetstyle export RECIPE --force")
    left = [line for line in INSTRUCTION.sub("", text).splitlines() if line.strip() and not line.startswith("#")]
    if left or not values.keys() >= {"FROM", "TEMPLATE"}:
        what = _("this line is not understood: {line}", line=left[0]) if left else _("FROM or TEMPLATE is missing")
        raise TweetstyleError(what, where=str(path), hint=again)
    if not (gguf := path.parent / values["FROM"]).is_file():
        raise TweetstyleError(_("FROM names a file that is not there: {file}", file=gguf), where=str(path), hint=again)
    return gguf, {"template": values["TEMPLATE"], "system": values.get("SYSTEM", ""), "parameters": parameters}


# -- the client ---------------------------------------------------------------------------------------------


def parse_host(value: str) -> tuple[str, int]:
    """Host and port of OLLAMA_HOST, in the forms that Ollama takes.

    Raises TweetstyleError for another machine's address: tweets and models stay on this one.
    """
    try:
        host, port = parse_address(value)
    except NoAddress as error:
        hint = _("write for example OLLAMA_HOST=127.0.0.1:11434")
        raise TweetstyleError(_("OLLAMA_HOST is {value!r}, not an address", value=value), hint=hint) from error
    if not is_loopback(host):
        hint = _("models are created in the Ollama of this machine only; copy the export directory there and run the printed lines")
        raise TweetstyleError(_("OLLAMA_HOST is {value!r}, which is not this machine", value=value), hint=hint)
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
    return re.search(r":([^:/]*-)?cloud$", name.strip().lower()) is not None


class OllamaClient:
    """Ollama at the address of OLLAMA_HOST (default 127.0.0.1:11434). No proxy and no redirect is followed.

    setting: where a person writes the address, for messages.
    """

    def __init__(self, host: str | None = None, *, setting: str = "OLLAMA_HOST") -> None:
        self.host, self.port = parse_host(os.environ.get("OLLAMA_HOST", "") if host is None else host)
        self._setting = setting

    def version(self) -> str:
        """The server's version. Raises TweetstyleError where none answers."""
        return self._json("GET", "/api/version", key="version")

    def loaded(self) -> list[LoadedModel]:
        """The models in memory (docs/api.md, "List Running Models"). Ollama leaves size_vram out where it is 0."""
        models = self._json("GET", "/api/ps", key="models")
        return [LoadedModel(model["name"], model["size"], model.get("size_vram", 0)) for model in models]

    def create(self, name: str, modelfile: Path) -> None:
        """What `ollama create NAME -f MODELFILE` does: hands the GGUF over where Ollama does not have it, and makes the model."""
        gguf, body = read_modelfile(modelfile)
        with gguf.open("rb") as stream:
            digest = f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
            if self._request("HEAD", f"/api/blobs/{digest}")[0] != 200:
                stream.seek(0)
                self._checked("POST", f"/api/blobs/{digest}", stream, {"Content-Length": str(gguf.stat().st_size)})
        self._json("POST", "/api/create", body | {"model": name, "files": {gguf.name: digest}, "stream": False})

    def chat(self, name: str, messages: list[dict[str, str]], options: dict[str, Any]) -> dict[str, Any]:
        """The whole answer of /api/chat to a conversation, without thinking aloud where the model could. options: sampling."""
        return self._json("POST", "/api/chat", {"model": name, "messages": messages, "options": options, "stream": False, "think": False})

    def generate(self, name: str, message: str, options: dict[str, Any]) -> dict[str, Any]:
        """The whole answer of /api/generate, with the ids it returns. options: sampling, over the Modelfile's."""
        return self._json("POST", "/api/generate", {"model": name, "prompt": message, "options": options, "stream": False})

    def writers(self) -> list[str]:
        """The models that run on this machine and write text, the largest first."""
        known, remote = self._known()
        families = {name: str(model.get("details", {}).get("family")) for name, model in known.items()}
        writing = [name for name in sorted(known.keys() - remote) if "bert" not in families[name]]  # BERT's kind makes vectors.
        return sorted(writing, key=lambda name: -known[name].get("size", 0))

    def _known(self) -> tuple[dict[str, dict[str, Any]], set[str]]:
        """The models that Ollama lists, by name, and the names of those that it sends prompts away for."""
        known = {model["name"]: model for model in self._json("GET", "/api/tags", key="models")}
        return known, {of for of, model in known.items() if model.get("remote_host") or model.get("remote_model") or is_cloud_name(of)}

    def digest(self, name: str) -> str:
        """The digest by which Ollama knows a model that runs on this machine.

        Raises TweetstyleError where it has no such model, and where it would send prompts to another machine: it lists such a model
        with remote_host and remote_model (ollama/api/types.go, ListModelResponse).
        """
        known, remote = self._known()
        full = name if ":" in name.rpartition("/")[2] else f"{name}:latest"
        where, here = f"{self.host}:{self.port}", ", ".join(sorted(known.keys() - remote)) or _("none")
        if is_cloud_name(full) or full in remote:
            address = known.get(full, {}).get("remote_host") or _("its cloud")
            what = _("{model} does not run on this machine: Ollama sends its prompts to {address}", model=name, address=address)
            hint = _("name a model that runs here (Ollama has: {models}), or get one with ollama pull", models=here)
            raise TweetstyleError(what, where=where, hint=hint)
        if full not in known:
            what = _("Ollama has no model {model}; it has {models}", model=name, models=here)
            raise TweetstyleError(what, where=where, hint=f"ollama pull {name}")
        return known[full]["digest"]

    def unload(self, name: str) -> None:
        """Takes a model out of memory, which Ollama otherwise keeps for minutes (docs/api.md, "Unload a model")."""
        self._json("POST", "/api/generate", {"model": name, "keep_alive": 0, "stream": False})

    def delete(self, name: str) -> None:
        """Forgets a model; its blob goes with it unless another has the same."""
        self._checked("DELETE", "/api/delete", json.dumps({"model": name}).encode())

    def _json(self, method: str, path: str, body: dict[str, Any] | None = None, key: str | None = None) -> Any:
        """The whole answer, or its `key`. Another program at this address answers something else."""
        data = None if body is None else json.dumps(body).encode()
        answer = self._checked(method, path, data, {"Content-Type": "application/json"})
        try:
            read = json.loads(answer)
            return read[key] if key else dict(read)
        except (ValueError, KeyError, TypeError) as error:
            what = _("what answers at {host}:{port} is not Ollama", host=self.host, port=str(self.port))
            raise TweetstyleError(what, hint=_("set {setting} to Ollama's address", setting=self._setting)) from error

    def _checked(self, method: str, path: str, body: Any, headers: dict[str, str] | None = None) -> bytes:
        status, answer = self._request(method, path, body, headers)
        if status < 300:
            return answer
        text = _("a redirect is not followed") if status < 400 else answer.decode("utf-8", "replace").strip()
        with contextlib.suppress(ValueError, KeyError, TypeError):
            text = json.loads(text)["error"]
        error = OllamaLost if status >= SERVER_ERROR else TweetstyleError
        what = _("Ollama refused {path} ({status}): {text}", path=path, status=status, text=text)
        raise error(what, where=f"{self.host}:{self.port}", hint=_("Ollama's log says more"))

    def _request(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        seconds = SECONDS_WITH_A_MODEL if method == "POST" else SECONDS
        connection = http.client.HTTPConnection(self.host, self.port, timeout=seconds)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.read()
        except ConnectionRefusedError as error:
            hint = _(
                "start it (ollama serve, or the app), or set {setting} to its address; to install it: https://ollama.com/download",
                setting=self._setting,
            )
            raise OllamaLost(_("Ollama is not running"), where=f"{self.host}:{self.port}", hint=hint) from error
        except (OSError, http.client.HTTPException) as error:
            what = _("Ollama ended the connection ({kind}: {error})", kind=type(error).__name__, error=reason(error))
            raise OllamaLost(what, where=f"{self.host}:{self.port}", hint=_("look into Ollama's log, and try again")) from error
        finally:
            connection.close()

"""The real Ollama, started for the tests with a home, a model store and a port of its own, its log kept."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

from support.llama_cpp import THREADS

VERSION = "0.11.4"
READY = "Send a message"
"""What `ollama run` shows, greyed, when it waits for a line."""
_PROMPT = re.compile(r'msg="completion request" prompt=(?!\d+ format=)(.*)')
_GO_ESCAPE = re.compile(r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|.)")
_SHORT = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"'}


class OllamaError(RuntimeError):
    """Ollama refused something; its own words."""


def unquoted(value: str) -> str:
    """A text value of Go's slog (log/slog, TextHandler): as it is, or in quotes as strconv.Quote writes it."""
    if not value.startswith('"'):
        return value
    return _GO_ESCAPE.sub(lambda match: _SHORT.get(match[0][1]) or chr(int(match[0][2:], 16)), value[1:-1])


class OllamaServer:
    """`ollama serve` on a free port; use as a context manager.

    binary: the program; home: an empty directory for its models, keys and log. Nothing else of the machine is touched.
    """

    def __init__(self, binary: Path, home: Path) -> None:
        self.binary, self.home, self.log = binary, home, home / "serve.log"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "TERM": "xterm-256color",
            "LC_ALL": "C.UTF-8",
            "OLLAMA_HOST": self.address,
            "OLLAMA_MODELS": str(home / "models"),
            "OLLAMA_DEBUG": "2",  # logs every prompt as the model gets it
            "OLLAMA_NOHISTORY": "1",
            "OLLAMA_NUM_PARALLEL": "1",
            "CUDA_VISIBLE_DEVICES": "-1",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, timeout: float = 60) -> None:
        """Starts the server and waits, at most `timeout` seconds, until it answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(self.binary), "serve"], env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + timeout
        while True:
            try:
                urllib.request.urlopen(f"http://{self.address}/api/version", timeout=5).close()
                return
            except OSError as error:
                if self._process.poll() is None and time.monotonic() < deadline:
                    time.sleep(0.05)
                    continue
                self.stop()
                raise OllamaError(f"did not start; the end of its log:\n{self.log.read_text()[-2000:]}") from error

    def stop(self) -> None:
        """Ends the server and the runners that it started."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def create(self, name: str, modelfile: Path) -> None:
        """`ollama create NAME -f MODELFILE`, by the program itself."""
        command = [str(self.binary), "create", name, "-f", str(modelfile)]
        done = subprocess.run(command, env=self.environment, cwd=modelfile.parent, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            raise OllamaError(f"ollama create: {done.stderr.strip()}")

    def chat(self, name: str, messages: list[dict[str, str]], options: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        """POST /api/chat, not streamed: Ollama's whole answer (message, done_reason, prompt_eval_count, …)."""
        return self._post("/api/chat", {"model": name, "messages": messages, "options": options or {}} | fields)

    def generate(self, name: str, prompt: str, options: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        """POST /api/generate, not streamed: response, context, prompt_eval_count, …; `raw=True` skips the template."""
        return self._post("/api/generate", {"model": name, "prompt": prompt, "options": options or {}} | fields)

    def show(self, name: str, *, verbose: bool = False) -> dict[str, Any]:
        """POST /api/show: modelfile, template, parameters, model_info, …"""
        return self._post("/api/show", {"model": name, "verbose": verbose})

    def rendered_prompts(self) -> list[str]:
        """Every prompt since the start, as text, after the template and before tokenisation, oldest first."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [unquoted(match[1]) for line in lines if (match := _PROMPT.search(line))]

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if "options" in body:
            body = body | {"options": {"num_thread": THREADS} | body["options"]}
        data = json.dumps({"stream": False} | body).encode()
        request = urllib.request.Request(f"http://{self.address}{path}", data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=300) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise OllamaError(f"{path}: {error.code} {error.read().decode('utf-8', 'replace')}") from error

"""A loopback HTTP server that answers as Ollama would, or as badly as a test wants."""

import http.server
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

DROP = object()
"""Given in an answer's place: the connection is closed without one."""

Say = Callable[[dict[str, Any], int], Any]
"""From a chat's request and its number (from 0): the message; or DROP, (status, bytes), or another JSON value as the whole answer."""


@dataclass
class FakeOllama:
    """Use as a context manager. requests: the bodies of /api/chat so far; unloaded: models that were sent out of memory."""

    say: Say
    models: dict[str, str] = field(default_factory=lambda: {"small:latest": "abc123"})
    requests: list[dict[str, Any]] = field(default_factory=list)
    unloaded: list[str] = field(default_factory=list)
    remote: dict[str, dict[str, str]] = field(default_factory=dict)
    """Model → what /api/tags says of it besides, as of a model of Ollama's cloud: remote_host and remote_model."""

    version: str = "0.11.4"
    loaded: list[dict[str, Any]] = field(default_factory=list)
    """What /api/ps lists: name, size and size_vram of the models in memory."""

    def __enter__(self) -> Self:
        fake, lock = self, threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def give(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def do_GET(self) -> None:
                models = [{"name": name, "digest": digest} | fake.remote.get(name, {}) for name, digest in fake.models.items()]
                answers = {"/api/version": {"version": fake.version}, "/api/ps": {"models": fake.loaded}}
                self.give(200, json.dumps(answers.get(self.path, {"models": models})).encode())

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path == "/api/generate" and body.get("keep_alive") == 0:
                    fake.unloaded.append(body["model"])
                    return self.give(200, json.dumps({"done_reason": "unload"}).encode())
                with lock:
                    number = len(fake.requests)
                    fake.requests.append(body)
                said = fake.say(body, number)
                if said is DROP:
                    self.close_connection = True
                elif isinstance(said, tuple):
                    self.give(*said)
                elif isinstance(said, str):
                    self.give(200, json.dumps({"message": {"content": said}, "eval_count": len(said.split())}).encode())
                else:
                    self.give(200, json.dumps(said).encode())

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def tweet_of(body: dict[str, Any]) -> str:
    """The last turn of a request, which holds the tweet."""
    return body["messages"][-1]["content"]

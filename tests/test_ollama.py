"""The client for Ollama: addresses, Modelfiles, one clear message for each thing that goes wrong, and the real server."""

import contextlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.ollama import OllamaServer

from tweetstyle.errors import TweetstyleError
from tweetstyle.inference.ollama import OllamaClient, parse_host, read_modelfile, shell_lines
from tweetstyle.playback.backends import OllamaMessageModel

MODELFILE = '''# Writes tweets in the style 'X'.
FROM ./x.gguf
TEMPLATE """{{ .Prompt }}
two lines, "quotes" and a "
"""
PARAMETER stop "<|im_end|>"
PARAMETER stop "[INST]"
PARAMETER temperature 0.8
PARAMETER num_ctx 512
'''


@pytest.fixture
def modelfile(tmp_path: Path) -> Path:
    (tmp_path / "x.gguf").write_bytes(b"GGUF")
    path = tmp_path / "Modelfile"
    path.write_text(MODELFILE, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("value", "host", "port"),
    [
        ("", "127.0.0.1", 11434), ("127.0.0.1:9999", "127.0.0.1", 9999), ("localhost", "localhost", 11434), ("[::1]:11434", "::1", 11434),
        ("http://localhost", "localhost", 80), ("0.0.0.0:11500", "127.0.0.1", 11500), (' "127.0.0.1:7" ', "127.0.0.1", 7),
    ],
)  # fmt: skip
def test_addresses_are_read_as_ollama_reads_them(value: str, host: str, port: int) -> None:
    assert parse_host(value) == (host, port)


@pytest.mark.parametrize("value", ["192.168.1.5:11434", "ollama.example.org", "[2001:db8::1]:11434"])
def test_another_machine_is_never_spoken_to(value: str) -> None:
    with pytest.raises(TweetstyleError, match="not this machine"):
        parse_host(value)


def test_a_modelfile_is_read_whole(modelfile: Path) -> None:
    gguf, read = read_modelfile(modelfile)
    parameters = {"stop": ["<|im_end|>", "[INST]"], "temperature": 0.8, "num_ctx": 512}
    assert gguf == modelfile.parent / "x.gguf"
    assert read == {"template": '{{ .Prompt }}\ntwo lines, "quotes" and a "\n', "system": "", "parameters": parameters}
    assert type(read["parameters"]["num_ctx"]) is int


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("FROM ./x.gguf\n", "", "FROM or TEMPLATE is missing"),
        ("FROM ./x.gguf", "FROM ./y.gguf", "not there"),
        ("PARAMETER num_ctx 512", "REQUIRES 0.14", r"not understood: REQUIRES"),
    ],
)
def test_a_broken_modelfile_is_refused(modelfile: Path, old: str, new: str, message: str) -> None:
    modelfile.write_text(MODELFILE.replace(old, new), encoding="utf-8")
    with pytest.raises(TweetstyleError, match=message):
        read_modelfile(modelfile)


def test_the_shell_lines_are_what_a_person_types() -> None:
    assert shell_lines("demo", Path("export/demo/Modelfile")) == ["ollama create demo -f export/demo/Modelfile", "ollama run demo"]
    assert shell_lines("a", Path("my tweets/Modelfile"))[0] == "ollama create a -f 'my tweets/Modelfile'"


@contextlib.contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """A server on a free port that gives every request the same answer; its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Location", "http://192.0.2.1/")
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_no_ollama_is_one_clear_message(modelfile: Path) -> None:
    with answering(200, b"") as address:
        pass  # its port is now free
    with pytest.raises(TweetstyleError) as caught:
        OllamaClient(address).create("x", modelfile)
    assert str(caught.value).startswith(f"{address}: Ollama is not running\n  → start it (ollama serve")


@pytest.mark.parametrize("body", [b"<html>hello</html>", b'{"status": "ok"}', b"[]"])
def test_something_else_on_the_port_is_no_ollama(body: bytes) -> None:
    with answering(200, body) as address:
        with pytest.raises(TweetstyleError, match="is not Ollama\n  → set OLLAMA_HOST to"):
            OllamaClient(address).version()
        with pytest.raises(TweetstyleError, match="is not Ollama\n  → set playback.url to"):
            OllamaMessageModel("small", address)


def test_a_redirect_to_another_machine_is_not_followed() -> None:
    with answering(302, b"moved") as address, pytest.raises(TweetstyleError, match=r"\(302\): a redirect is not followed"):
        OllamaClient(address).version()


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:9")
    with answering(200, b'{"version": "1"}') as address:
        assert OllamaClient(address).version() == "1"


@pytest.mark.integration
def test_create_over_http_makes_the_model_that_ollama_create_makes(ollama: OllamaServer, original_gguf: Path, tmp_path: Path) -> None:
    modelfile = tmp_path / "Modelfile"
    modelfile.write_text(MODELFILE.replace("FROM ./x.gguf", f"FROM {original_gguf}"), encoding="utf-8")
    ollama.create("by-program", modelfile)
    client = OllamaClient(ollama.address)
    assert client.version() == "0.0.0"  # what a build by go install calls itself
    client.create("by-client", modelfile)
    program, ours = ollama.show("by-program"), ollama.show("by-client")
    for key in ("template", "model_info", "details"):
        assert ours[key] == program[key], key
    # Ollama lists the parameters in an order that changes from call to call.
    assert sorted(ours["parameters"].splitlines()) == sorted(program["parameters"].splitlines())


@pytest.mark.integration
def test_a_gguf_that_ollama_cannot_read_is_refused_in_its_words(ollama: OllamaServer, modelfile: Path) -> None:
    (modelfile.parent / "x.gguf").write_bytes(b"no model at all")
    with pytest.raises(TweetstyleError, match="Ollama refused"):
        OllamaClient(ollama.address).create("broken", modelfile)

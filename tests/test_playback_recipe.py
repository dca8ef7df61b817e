"""The recipe's section on playback: one model, on this machine, and only where it is read."""

import pytest

from tweetstyle.errors import TweetstyleError
from tweetstyle.recipe import Recipe
from tweetstyle.recipe_yaml import read_recipe

GOOD = """\
data:
  source: a.csv
prompt:
  style: Nimzo
  format: chat
  message: playback
model:
  base: model/x
"""


def read(tmp_path, *lines: str, text: str = GOOD) -> Recipe:
    path = tmp_path / "mine.yaml"
    path.write_text(text + ("playback:\n" if lines else "") + "".join(f"  {line}\n" for line in lines))
    return read_recipe(path)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:11434/", "127.0.0.1", "localhost:1", "http://localhost", "http://[::1]:5", "127.9.9.9", "0.0.0.0:11434"]
)
def test_an_address_of_this_machine_is_taken(tmp_path, url):
    assert read(tmp_path, "ollama: mistral", f'url: "{url}"').playback.url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://192.168.1.5:11434", "ollama.example.org", "http://[2001:db8::1]:11434", "https://127.0.0.1", "ftp://127.0.0.1",
        "http://127.0.0.1.example.org", "http://localhost@example.org", "http://2130706433", "127.0.0.1:99999", "http://127.1",
    ],
)  # fmt: skip
def test_any_other_is_refused_before_a_name_is_looked_up(tmp_path, url, monkeypatch):
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: pytest.fail("a name was looked up"))
    with pytest.raises(TweetstyleError, match="not this machine|cannot be used as an address") as caught:
        read(tmp_path, "ollama: mistral", f'url: "{url}"')
    assert str(caught.value).startswith(f"{tmp_path}/mine.yaml:11: playback.url: {url!r}"), "the line of the key itself"
    assert "as in http://127.0.0.1:11434" in str(caught.value) and "one of the two" not in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "needs a model that writes messages"),
        (["ollama: mistral", "gguf: m.gguf"], "name two models"),
        (["gguf: m.gguf", "url: 127.0.0.1"], "url is read with playback.ollama only"),
        (["ollama: mistral", 'url: "localhost/api/chat"'], r"\(/api/chat behind host and port is not read\)"),
        (["ollama: mistral", "questions: 0.9"], "their sum must be 1"),
        (["ollama: mistral", "questions: 2.0"], "it should be 1 or less"),
        (["ollama: mistral", "train_tweets: 0"], "it should be 1 or more"),
    ],
)
def test_what_cannot_be_is_said(tmp_path, lines, message):
    with pytest.raises(TweetstyleError, match=message):
        read(tmp_path, *lines)


def test_without_the_message_the_section_is_not_read_and_so_refused(tmp_path):
    with pytest.raises(TweetstyleError, match="read with prompt.message: playback only"):
        read(tmp_path, "ollama: mistral", text=GOOD.replace("  message: playback\n", ""))

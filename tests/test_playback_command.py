"""`tweetstyle playback RECIPE`, typed against an Ollama that is wrong in each way: one message, exit 1, the cache whole, and on it goes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.fake_ollama import FakeOllama
from support.playing_back import RECIPE, asks_back

from tweetstyle import cli, pipeline
from tweetstyle.dataset.messages import SPLITS_WITH_MESSAGES, messages_path, read_messages
from tweetstyle.playback import checks as judge
from tweetstyle.playback import collect
from tweetstyle.playback.collect import FILE, Cache

GERMAN = (
    "Die Nachbarn singen schon wieder in der Küche.", "Hast du heute schon Kaffee getrunken?", "Schreib einen Tweet über deine Katze.",
    "Wie war dein Tag im Büro gestern?", "Das Wetter ist heute wirklich schrecklich.",
)  # fmt: skip
TWEETS = 60
NOWHERE = "http://127.0.0.1:9"


def german(body: dict, number: int) -> str:
    return GERMAN[number % len(GERMAN)]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, project: Path, base_model_dir: Path) -> Path:
    """A directory with a recipe and its prepared tweets."""
    room = tmp_path_factory.mktemp("prepared")
    lines = (project / "data" / "sample" / "tweets.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (room / "archive.csv").write_text("".join(lines[:301]), encoding="utf-8")
    text = RECIPE.format(url=NOWHERE, base=base_model_dir)
    (room / "mine.yaml").write_text(text.replace("train_tweets: 30", f"train_tweets: {TWEETS}"))
    before = Path.cwd()
    os.chdir(room)
    try:
        pipeline.run_stage(Path("mine.yaml"), "prepare", force=False)
    finally:
        os.chdir(before)
    return room


@pytest.fixture
def room(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(prepared, tmp_path / "room")
    monkeypatch.chdir(tmp_path / "room")
    monkeypatch.setattr(collect, "WAITS", (0.01, 0.01))
    monkeypatch.setattr(judge, "unload", lambda: None)  # the next test tells languages too
    return tmp_path / "room"


def typed(fake: FakeOllama) -> Result:
    edited(NOWHERE, fake.url)
    return CliRunner().invoke(cli.tweetstyle, ["playback", "mine.yaml"])


def edited(old: str, new: str) -> None:
    """The recipe, in which something else stands now."""
    recipe = Path("mine.yaml")
    recipe.write_text(recipe.read_text().replace(old, new))


def red(done: Result) -> list[str]:
    """The lines of the one error that was told: no traceback, no other words behind it."""
    assert done.exit_code == 1 and isinstance(done.exception, SystemExit), done.exception
    lines = [line for line in done.output.splitlines() if not line.startswith(("prepare ", "playback "))]
    assert len(lines) == 2 and lines[1].startswith("  → "), lines
    return lines


def kept() -> int:
    """Answers in the cache, every line of which reads."""
    cache = Cache(Path("data/processed") / FILE)
    assert cache.dropped == 0
    return len(cache)


def no_messages() -> bool:
    return not list(Path("data/processed").glob("messages-*")) and not Path("data/processed/playback.json").exists()


def test_german_throughout_is_refused_in_a_process_of_its_own(room):
    """As a person types it: the real program, its exit status and all that stands on the screen."""
    with FakeOllama(german) as fake:
        edited(NOWHERE, fake.url)
        command = [sys.executable, "-c", "from tweetstyle.cli import tweetstyle; tweetstyle()", "playback", "mine.yaml"]
        environment = os.environ | {"PYTHONPATH": str(Path(cli.__file__).parents[1])}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 1 and "Traceback" not in done.stderr
        error = [line for line in done.stderr.splitlines() if not line.startswith(("prepare ", "playback "))]
        assert len(error) == 2 and "none of the first 20 messages of train can be used (other language 20)" in error[0], done.stderr
        assert error[0].endswith(tuple(f"for example {message!r}" for message in GERMAN)) and "speaks the tweets' language" in error[1]
        assert len(fake.requests) == kept() == 20 and no_messages()


def test_the_same_to_everything(room):
    """It is of the kind that was asked for now and then, and some of those may be near-duplicates."""
    same = "Quoi de neuf chez toi ?"
    with FakeOllama(lambda body, number: same) as fake:
        told, hint = red(typed(fake))
        assert (
            "of the first 20 messages of train can be used (" in told
            and "near-duplicate" in told
            and told.endswith(f"for example {same!r}")
        )
        assert "does not say the same to everything" in hint and len(fake.requests) == kept() < 40 and no_messages()


def test_what_the_training_tweets_were_told_takes_nothing_from_the_others(room):
    """One message of each kind and language, used as often in train as is allowed; validation and test may be told them all the same."""
    edited("train_tweets:", "most_alike: 5\n  train_tweets:")

    def the_same(body: dict, number: int) -> str:
        return asks_back({"messages": [body["messages"][0], {"content": 'Tweet: "pluie"'}]}, number)

    with FakeOllama(the_same) as fake:
        assert typed(fake).exit_code == 0
    said = {split: read_messages(messages_path(Path("data/processed"), split)) for split in SPLITS_WITH_MESSAGES}
    assert max(Counter(said["train"].values()).values()) == 5 and len(said["train"]) < TWEETS
    assert len(said["validation"]) == len(said["test"]) == 3

"""The stage between prepare and fit: there only where the recipe wants it, done once, and again only for a reason."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.fake_ollama import FakeOllama
from support.playing_back import RECIPE, asks_back

from tweetstyle import cli, pipeline
from tweetstyle.dataset.threads import messages_path, read_messages
from tweetstyle.errors import TweetstyleError
from tweetstyle.manifest import Manifest
from tweetstyle.playback import CACHE
from tweetstyle.run import Run
from tweetstyle.stages import stages_of
from tweetstyle.stages.checks import messages_check


@pytest.fixture
def fake():
    with FakeOllama(asks_back) as server:
        yield server


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: Path, base_model_dir: Path, fake: FakeOllama) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tweetstyle.playback.unload", lambda: None)  # the next test recognises languages too
    shutil.copy(project / "data" / "sample" / "tweets.csv", "archive.csv")
    path = tmp_path / "mine.yaml"
    path.write_text(RECIPE.format(url=fake.url, base=base_model_dir))
    return path


def test_the_stage_is_done_once_and_again_only_when_what_decides_a_message_changed(recipe, fake, tmp_path):
    assert list(stages_of(Run(recipe))) == ["prepare", "playback", "fit", "evaluate", "export"]
    with pytest.raises(TweetstyleError, match="prepare comes first"):
        pipeline.run_stage(recipe, "fit", force=False)
    pipeline.run_stage(recipe, "prepare", force=False)
    facts = Manifest.read(tmp_path / "data" / "processed" / "manifest.json").facts
    assert facts["read"] == 878 and "figures" not in facts, "no tweet's text is in the manifest"
    with pytest.raises(TweetstyleError, match="playback comes first"):
        pipeline.run_stage(recipe, "fit", force=False)
    pipeline.run_stage(recipe, "playback", force=False)
    asked = len(fake.requests)
    assert asked >= 36
    processed = tmp_path / "data" / "processed"
    facts = Manifest.read(processed / "playback.json").facts
    assert facts["model"] == "small abc123" and facts["splits"]["train"]["asked"] == 30
    assert len(read_messages(messages_path(processed, "train"))) == facts["splits"]["train"]["usable"] > 20

    stage = stages_of(Run(recipe))["playback"]
    assert stage.why_stale() is None
    before = recipe.read_text()
    recipe.write_text(before.replace("  url:", "  concurrency: 2\n  url:"))
    assert stages_of(Run(recipe))["playback"].why_stale() is None, "how the model is reached decides no message"
    recipe.write_text(before.replace("  url:", "  most_words: 12\n  url:"))
    assert stages_of(Run(recipe))["playback"].why_stale() == "changed in the recipe: playback.most_words"
    recipe.write_text(before)
    messages_path(processed, "test").unlink()
    assert "missing output" in stages_of(Run(recipe))["playback"].why_stale()
    pipeline.run_stage(recipe, "playback", force=True)
    assert len(fake.requests) == asked, "answered by the cache"
    assert stages_of(Run(recipe))["playback"].why_stale() is None


def test_the_command_shows_some_before_messages_are_written_and_ends_in_an_error_where_none_can_be_used(recipe, fake, tmp_path):
    """The first of the documented commands, from a clean clone: the tweets are prepared for it, but not for a model that is missing."""
    show, text = ["playback", str(recipe), "--show", "5"], recipe.read_text()
    recipe.write_text(text.replace("ollama: small", "ollama: nobody"))
    done = CliRunner().invoke(cli.tweetstyle, show)
    assert done.exit_code == 1 and "no model nobody" in done.output
    with pytest.raises(TweetstyleError, match="no model nobody; it has small:latest"):
        pipeline.run(recipe)
    assert not (tmp_path / "data").exists()
    recipe.write_text(text)
    done = CliRunner().invoke(cli.tweetstyle, show)
    assert done.exit_code == 0, done.output
    assert "prepare   starting: no complete result yet" in done.output and stages_of(Run(recipe))["prepare"].why_stale() is None
    assert "5 of 5 tweets have a usable message" in done.output and 5 <= len(fake.requests) <= 15
    assert not list((tmp_path / "data" / "processed").glob("messages-*"))
    assert stages_of(Run(recipe))["playback"].why_stale() == "no complete result yet"
    (tmp_path / "data" / "processed" / CACHE).unlink()
    fake.say = lambda body, number: ""
    done = CliRunner().invoke(cli.tweetstyle, show)
    assert done.exit_code == 1 and "0 of 5 tweets have a usable message" in done.output
    assert done.output.index("0 of 5") < done.output.index("small: none of the tweets shown has a message that can be used")


def test_doctor_says_whether_the_model_can_be_used_until_its_messages_are_made(recipe, fake):
    def seen() -> list[tuple[str, str, str]]:
        return [(check.state, check.seen, check.do) for check in messages_check(Run(recipe))]

    text, cloud = recipe.read_text(), {"remote_host": "https://ollama.com:443", "remote_model": "gpt-oss:120b"}
    fake.models["big:cloud"], fake.remote["big:cloud"] = "def456", cloud
    [(state, what, _)] = seen()
    assert state == "ok" and what.startswith("small in the Ollama at 127.0.0.1:")
    for old, new, said, do in (
        ("ollama: small", "ollama: nobody", "Ollama has no model nobody; it has small:latest", "ollama pull nobody"),
        ("ollama: small", "ollama: big:cloud", "does not run on this machine", "small:latest"),
        (f"ollama: small\n  url: {fake.url}", "gguf: absent.gguf", "there is no such model", "playback.gguf"),
        (fake.url, "http://127.0.0.1:9", "Ollama is not running", "set playback.url"),
    ):
        recipe.write_text(text.replace(old, new))
        [(state, what, hint)] = seen()
        assert (state, said in what, do in hint) == ("fail", True, True), (what, hint)
    recipe.write_text(text)
    pipeline.run_stage(recipe, "playback", force=False)
    fake.models.clear()
    assert seen() == [], "the model of messages that are made is not needed"


def test_a_recipe_without_playback_has_no_such_stage(recipe):
    text = recipe.read_text()
    recipe.write_text(text[: text.index("playback:\n")].replace("  message: playback\n", "") + text[text.index("model:\n") :])
    assert list(stages_of(Run(recipe))) == ["prepare", "fit", "evaluate", "export"]
    for call in (lambda: pipeline.run(recipe, start="playback"), lambda: pipeline.show_messages(recipe, 3)):
        with pytest.raises(TweetstyleError, match="this recipe has no stage playback"):
            call()

"""Another prompt format: the same tweets in other lines, without a new preparation, as if they had been prepared so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from tweetstyle import prepare as stage
from tweetstyle.cli import tweetstyle
from tweetstyle.prepare.outputs import only_the_lines_differ
from tweetstyle.prompt.template import SpecialTokens, build_template

SAMPLE = Path(__file__).parents[1] / "data" / "sample" / "tweets.csv"
RECIPE = "data: {{source: tweets.csv}}\nprompt: {{style: {style}, format: {format}, topic_dropout: {dropout}}}\nmodel: {{base: {base}}}\n"
STAYS = "the prepared tweets are kept"


@pytest.fixture
def prepared(tmp_path, monkeypatch, base_model_dir):
    """Prepares under a format and gives back what it printed; the project is the working directory."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(SAMPLE, tmp_path / "tweets.csv")

    def prepare(format: str, style: str = "Nimzo", dropout: float = 0.25, *options: str) -> str:
        Path("mine.yaml").write_text(RECIPE.format(style=style, format=format, dropout=dropout, base=base_model_dir))
        result = CliRunner().invoke(tweetstyle, ["prepare", "mine.yaml", *options])
        assert result.exit_code == 0, result.output
        return result.output

    return prepare


def made() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path("data/processed").iterdir() if path.name != "manifest.json"}


@pytest.mark.parametrize(("format", "style"), [("inst", "Autre"), ("chat", "Nimzo")])
def test_other_lines_are_what_a_whole_preparation_writes(prepared, monkeypatch, format, style):
    prepared("inst")
    first = made()
    with monkeypatch.context() as patched:
        patched.setattr(stage, "prepare", lambda *_: pytest.fail("cleaned and split again"))
        assert STAYS in prepared(format, style)
    rendered = made()
    shutil.rmtree("data/processed")
    assert STAYS not in prepared(format, style)
    assert rendered == made()
    assert rendered["train.jsonl"] != first["train.jsonl"]
    assert {name for name in first if first[name] != rendered[name]} == {
        "train.jsonl", "mini-train.jsonl", "validation.jsonl", "test.jsonl", "tweets_formates.csv"
    }  # fmt: skip
    assert "up to date" in prepared(format, style)
    facts = json.loads(Path("data/processed/manifest.json").read_text())["facts"]
    assert facts["read"] == 878 and "figures" not in facts  # no tweet's text is in the manifest


def test_what_decides_more_than_lines_is_prepared_anew(prepared):
    prepared("inst")
    assert STAYS not in prepared("inst", dropout=0.5)
    with Path("tweets.csv").open("a") as stream:
        stream.write('1780000000000000000,"un tweet de plus au marché de noël",2024-04-01 10:00:00\n')
    assert STAYS not in prepared("inst", "Autre", 0.5)
    Path("data/processed/train.jsonl").write_text("")
    assert STAYS not in prepared("inst", "Nimzo", 0.5)
    assert STAYS not in prepared("inst", "Autre", 0.5, "--force")


def test_from_a_format_without_topics_they_have_to_be_chosen():
    tokens = SpecialTokens("<s>", "</s>")
    inst, text = (build_template(format, "X", tokens) for format in ("inst", "text"))
    assert only_the_lines_differ(["prompt.format"], "inst", text)
    assert not only_the_lines_differ(["prompt.format"], "text", inst)
    assert only_the_lines_differ(["prompt.style"], "text", text)
    assert not only_the_lines_differ(["prompt.style", "data.seed"], "inst", inst)
    assert not only_the_lines_differ([], "inst", inst)

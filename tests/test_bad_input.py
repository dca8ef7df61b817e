"""Bad input: one clear message, exit 1, no traceback, nothing half-written."""

import json
import random
import re
import shutil

import pytest
from click.testing import CliRunner
from support.two_languages import both, figures, left_in_english

from tweetstyle.cli import fit_command, tweetstyle

RECIPE = """\
data: {source: tweets.csv}
prompt: {style: Nimzo}
model: {base: base, method: lora}
training: {optim: adamw_torch, max_length: 128, gradient_checkpointing: false}
"""
HEADER = "id_tweet,texte,date_creation\n"


def rows(count, text="{} un tweet assez long pour rester"):
    return "".join(f'{1300000000000000000 + i},"{text.format(words(i))}",2021-03-{1 + i % 28:02d} 10:00:00\n' for i in range(count))


def words(number):
    """Some words of its own for each row: texts that differ by a number alone are an app's."""
    chosen = random.Random(number)
    return " ".join("".join(chosen.choices(("vo", "ti", "ra", "lu", "mé", "sou", "ban", "gri"), k=3)) for _ in range(6))


@pytest.fixture
def project(tmp_path, monkeypatch, base_model_dir):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(RECIPE)
    (tmp_path / "tweets.csv").write_text(HEADER + rows(60), encoding="utf-8")
    (tmp_path / "base").symlink_to(base_model_dir)
    return tmp_path


def refused(*arguments, command=fit_command):
    """The message, after checking that it is one: exit 1, no traceback, no prepared, trained or exported file."""
    result = CliRunner().invoke(command, list(arguments))
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result.output


def written(project):
    known = {"mine.yaml", "tweets.csv", "base", "model", ".mine.lock"}
    return [p for p in project.rglob("*") if p.name not in known and p.suffix != ".lock" and "base" not in p.relative_to(project).parts]


HUB = "make base-model hf download meta-llama/Meta-Llama-3-8B --exclude original --local-dir (Llama 3 Community License) other"
ONE = "1300000000000000000,un tweet assez long,2021-03-05 10:00:00\n"
NO_TWEETS = [
    (None, "tweets.csv: there is no such file"),
    ("", "empty"),
    (HEADER, "no row|no tweet|empty"),
    ("id_tweet,corps,date_creation\n" + rows(3), "text"),
    (HEADER + rows(40, "RT @someone: bonjour à tous {}"), "retweet"),
    (HEADER + rows(5), "few"),
    (HEADER + "1,il manque une cellule\n", "2"),
    (HEADER + "1300000000000000000,un tweet assez long,pas une date\n", "pas une date"),
    ((HEADER + rows(40, "été à la plage, numéro {}")).encode() + b"1300,d\xe9j\xe0,2021-01-01\n", "tweets.csv:42: .*UTF-8"),
    (HEADER + '1300000000000000000,"un guillemet " de trop,2021-03-05\n', "not valid CSV"),
    (HEADER + ONE.replace("1300000000000000000", "1.3E+18"), "rounded"),
    (HEADER + ONE.replace("1300000000000000000", "12 34"), "not an id"),
    (HEADER + ONE.replace("2021-03-05 10:00:00", "05/03/2021 10:00 XYT"), "time zone"),
    (HEADER + "\0" + ONE, "NUL"),
    ('{"texte": "un tweet"}\n{"texte": 5}\n', "not a string"),
    ('{"texte": "un tweet"}\n{"texte" "deux"}\n', "not valid JSON"),
    ('[{"texte": "un tweet"} {"texte": "deux"}]', "#1: a comma"),
    ("window.YTD.tweets.part0 = []", "one part of X's archive"),
    ("<!DOCTYPE html>", "web page"),
    (b"PK\x03\x04", "cannot be unpacked"),
]
"""What an archive holds → words of the message."""


@pytest.mark.parametrize(("content", "words"), NO_TWEETS)
def test_an_archive_that_gives_nothing_to_learn_from(project, content, words):
    given = content.encode() if isinstance(content, str) else content or b""
    (project / "tweets.csv").write_bytes(given)
    if content is None:
        (project / "tweets.csv").unlink()
    message, french = (text[text.index("tweets.csv") :] for text in both(tweetstyle, "prepare", "mine.yaml"))
    assert re.search(words, message), message
    assert figures(french) == figures(message) and left_in_english(message, french, given.decode(errors="replace")) == set(), french
    assert written(project) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("128", "999999", ["mine.yaml:4: training.max_length: 999999 is beyond"]),
        ("style: Nimzo}", "style: Nimzo}\nexport: {num_ctx: 999999}", ["mine.yaml:3: export.num_ctx: 999999 is beyond"]),
        ("base: base", "base: other", ["there is no base model here"]),
        ("Nimzo", '"Nim\\u00A0zo"', ["mine.yaml:2: prompt.style: U+00A0"]),
        ("method: lora", "method: lora, lora: {r: 10_000}", ["mine.yaml:3: model.lora.r: 10000 is not valid", "should be 1024 or less"]),
        ("method: lora", "method: lora, lora: {target_modules: [q_prj]}", ["mine.yaml:3", "did you mean q_proj?"]),
    ],
)
def test_a_recipe_that_cannot_be_carried_out(project, old, new, words):
    (project / "mine.yaml").write_text(RECIPE.replace(old, new))
    message, french = both(fit_command, "mine.yaml")
    assert all(word in message for word in words) and written(project) == [], message
    assert figures(french) == figures(message) and left_in_english(message, french, new + RECIPE + HUB) == set(), french


def test_a_run_named_after_its_base_model_would_overwrite_it(project):
    (project / "model").mkdir()
    (project / "base").rename(project / "model" / "mine")
    (project / "mine.yaml").write_text(RECIPE.replace("base: base", "base: model/mine"))
    expected = "mine.yaml:3: model.base: the run would be written to model/mine, where the base model is"
    assert expected in refused("mine.yaml") and expected in refused("mine.yaml", "--dry-run")


def test_an_export_of_another_prompt_is_not_talked_with(project):
    directory = project / "export" / "mine"
    directory.mkdir(parents=True)
    (directory / "Modelfile").write_text("FROM ./mine-q4_k_m.gguf\n")
    prompt = {"format": "inst", "style": "Other", "message": "topic", "custom": None, "system": None, "topic": True, "topic_dropout": 0.25}
    made = {"stage": "export", "settings": {"prompt": prompt}, "inputs": {}, "outputs": {}}
    (directory / "manifest.json").write_text(json.dumps(made))
    assert "trained under another prompt (prompt.style)" in refused("chat", "mine.yaml", command=tweetstyle)


def test_what_would_fail_later_is_refused_before_anything_is_written(project, monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:1")
    assert "ollama serve" in refused("mine.yaml", "--ollama")
    assert "prepare comes first" in refused("fit", "mine.yaml", command=tweetstyle)
    assert "there is no exported model yet" in refused("chat", "mine.yaml", command=tweetstyle)
    real = shutil.disk_usage
    monkeypatch.setattr(shutil, "disk_usage", lambda path: real(path)._replace(free=1000))
    assert "the disk is too small" in refused("mine.yaml")
    assert written(project) == []


def own_base(project, base_model_dir):
    """A copy of the base model that a test may change; the weights are linked."""
    (project / "base").unlink()
    (project / "base").mkdir()
    for file in base_model_dir.iterdir():
        if file.suffix == ".safetensors":
            (project / "base" / file.name).symlink_to(file)
        else:
            shutil.copy(file, project / "base" / file.name)
    return project / "base"


@pytest.mark.parametrize(("command", "option"), [("plan", "--card"), ("tune", "--rate")])
def test_not_a_number_is_refused_where_a_number_is_expected(project, command, option):
    (project / "mine.yaml").write_text(RECIPE)
    result = CliRunner().invoke(tweetstyle, [command, "mine.yaml", option, "nan"])
    assert result.exit_code == 2 and f"Invalid value for '{option}'" in result.output, result.output

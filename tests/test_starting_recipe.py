"""The recipe that `tweetstyle inspect` writes: read back as it was meant, planned as it is, never over a file."""

import os
import random
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from support.inspecting import refused, shown
from support.two_languages import left_in_english

from tweetstyle.cli import fit_command
from tweetstyle.dataset.held_out import training_count
from tweetstyle.inspect.starting_recipe import recipe_text
from tweetstyle.plan.schedule import effective_schedule
from tweetstyle.prepare.split import split
from tweetstyle.recipe_yaml import read_recipe
from tweetstyle.records import Tweet

SAMPLE = Path(__file__).parents[1] / "data" / "sample" / "tweets.csv"


def test_the_written_recipe_is_planned_as_it_stands(tmp_path, monkeypatch, base_model_dir):
    """With a small model in the big one's place; the plan keeps about as many tweets as the recipe says, less repetitions."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "llama3-8b").symlink_to(base_model_dir)
    (tmp_path / "moi.csv").write_bytes(SAMPLE.read_bytes())
    text = shown("moi.csv", "--write-recipe", "mine.yaml")
    assert "written: mine.yaml. Set prompt.style in it, then: tweetstyle-fit mine.yaml --dry-run" in text
    result = CliRunner().invoke(fit_command, ["mine.yaml", "--dry-run"])
    assert result.exit_code == 0, result.output
    said = int(re.search(r"environ (\d+) tweets à apprendre", (tmp_path / "mine.yaml").read_text(encoding="utf-8"))[1])
    kept = int(re.search(r"878 read, ([\d,]+) kept", result.output)[1].replace(",", ""))
    assert 0.95 * said <= kept <= said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.yaml", "model", "moi.csv"]


@pytest.mark.parametrize("language", ["", "fr"])
@pytest.mark.parametrize("tweets", [300, 160_000])
def test_a_line_of_it_fits_a_narrow_terminal(language, tweets):
    lines = recipe_text([Path("data/raw/twitter-2026.zip")], tweets, ["fr", "en"], language=language).splitlines()
    assert [line for line in lines if len(line) > 80] == []


WILD = ['it\'s a "quoted": b #5.csv', "- dash.csv", "2e-4", "null", "[a].csv", "{a}, b", "%.csv", "é 🦊.csv", "tab\there\nline", "a\\b"]


IN_BOTH = """tweetstyle-fit recipes/mine.yaml --dry-run plan inspect gpu ram lora qlora make smollm instruct method repeats drop
expected_count since your-tweets sujet bonjour merci validations"""


def test_a_recipe_in_french_has_the_same_settings_and_a_french_report(tmp_path):
    english, french = (recipe_text([Path("a.csv")], 12_000, ["fr", "en"], language=language) for language in ("", "fr"))
    one, other = (yaml.safe_load(text) for text in (english, french))
    assert other.pop("language") == "fr" and other["prompt"].pop("style") != one["prompt"].pop("style")
    assert one == other
    comments = [" ".join(re.findall(r"# (.*)", text)) for text in (english, french)]
    assert "12,000" in comments[0] and "12\u202f000" in comments[1] and english.count("#") == french.count("#") - 1
    assert left_in_english(*comments, IN_BOTH) == set()


@pytest.mark.parametrize("name", WILD)
def test_a_wild_name_is_the_same_in_the_recipe(tmp_path, name):
    target, sources = tmp_path / "mine.yaml", (Path(name), Path("data/" + name))
    target.write_text(recipe_text(sources, 40, ["fr", "en"], {"separator": name}), encoding="utf-8")
    data = read_recipe(target).data
    assert (data.source, data.separator) == (sources, name)


def test_a_recipe_is_never_written_over_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("the user's own")
    Path("link.yaml").symlink_to("nowhere")
    for name in ("mine.yaml", "link.yaml"):
        assert "is not overwritten" in refused(SAMPLE, "--write-recipe", name)
    assert Path("mine.yaml").read_text() == "the user's own" and not Path("nowhere").exists()
    for name in ("mine", "mine.txt", "Ma Recette.yaml", "-.yaml", ".yaml"):
        assert "cannot have this name" in refused(SAMPLE, f"--write-recipe={name}")
    assert sorted(os.listdir()) == ["link.yaml", "mine.yaml"]


@pytest.mark.parametrize("tweets", [60, 150, 1_000, 2_000, 20_000])
@pytest.mark.parametrize(("share", "shortest", "longest"), [(1, 50, 50), (0.95, 20, 70)])
def test_a_run_carries_the_written_recipe_out_unchanged(tmp_path, tweets, share, shortest, longest):
    """Of the training tweets that the split itself leaves. share: of the tweets that inspect counts, those kept; tokens of a tweet."""
    path, kept = tmp_path / "mine.yaml", round(share * tweets)
    path.write_text(recipe_text([SAMPLE], tweets, ["fr", "en"]), encoding="utf-8")
    recipe = read_recipe(path)
    trained = len(split([Tweet(str(n), "", "") for n in range(kept)], range(kept), recipe.data)["train"])
    assert trained == training_count(kept, recipe.data.validation_fraction, recipe.data.test_fraction)
    chance = random.Random(tweets)
    lengths = [chance.randint(shortest, longest) for _ in range(trained)]
    found = effective_schedule(recipe.training, lengths, trained, "qlora", 4096)
    assert found.changes == {} and found.in_words == ""

"""The plan is shown before the run, and nothing is written for it."""

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from tweetstyle.cli import fit_command
from tweetstyle.recipe_yaml import read_recipe
from tweetstyle.records import SourceTweet
from tweetstyle.run import Run
from tweetstyle.stages import stages_of
from tweetstyle.train.adapter_scale import AdapterScale
from tweetstyle.train.final_scores import TrainedScores

ROOT = Path(__file__).parents[1]


@pytest.fixture
def project(tmp_path, monkeypatch, base_model_dir):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "sample").mkdir(parents=True)
    shutil.copy(ROOT / "data" / "sample" / "tweets.csv", tmp_path / "data" / "sample")
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "smollm2-135m-instruct").symlink_to(base_model_dir)
    return tmp_path


def test_a_dry_run_prints_the_plan_and_writes_nothing(project):
    before = sorted(project.rglob("*"))
    done = CliRunner().invoke(fit_command, ["recipes/demo.yaml", "--dry-run"], env={"COLUMNS": "140"})
    assert done.exit_code == 0, done.output
    for words in ("878 read", "retweet", "checkpoints", "writes into data/processed/, model/demo/, export/demo/"):
        assert words in done.output, words
    assert sorted(project.rglob("*")) == before
    training = read_recipe(Path("recipes/demo.yaml")).training
    patterns = (r"packs\s+│ ([\d,]+) of", r"tokens\s+│ ([\d,]+) in", r"steps\s+│ ([\d,]+) \(")
    packs, tokens, steps = (int(re.search(pattern, done.output)[1].replace(",", "")) for pattern in patterns)
    together = training.per_device_train_batch_size * training.gradient_accumulation_steps
    assert steps == -(-packs // together) * training.num_train_epochs and packs >= tokens / training.max_length


def test_a_schedule_for_more_data_than_there_is_is_adapted_and_told(project):
    recipe = project / "recipes" / "demo.yaml"
    text = recipe.read_text().replace("warmup_ratio: 0.05", "warmup_steps: 50").replace("_steps: 20", "_steps: 500")
    recipe.write_text(text.replace("learning_rate: 2e-3", "learning_rate: 1"))
    done = CliRunner().invoke(fit_command, ["recipes/demo.yaml", "--dry-run"], env={"COLUMNS": "400"})
    assert "the recipe's settings give 81 packs, 82 steps (warm-up 50) for 666 tweets. Used instead: 81 packs" in done.output
    assert (
        "82 steps (warm-up 5), by warmup_steps 5 instead of 50, eval_steps 20 instead of 500, save_steps 20 instead of 500" in done.output
    )
    assert re.search(
        r"warning: learning_rate +│ 1 is above the usual 7e-5 to 7e-3 for lora and this base model: .* diverge; try 1e-3", done.output
    )


def test_other_people_s_tweets_that_are_missing_are_told_before_the_training(project):
    recipe = project / "recipes" / "demo.yaml"
    recipe.write_text(recipe.read_text().replace("evaluation:\n", "evaluation:\n  others: data/raw/nobody.csv\n"))
    done = CliRunner().invoke(fit_command, ["recipes/demo.yaml", "--dry-run"], env={"COLUMNS": "140"})
    assert done.exit_code == 1 and "evaluation.others: data/raw/nobody.csv: there is no such file" in done.output


def test_other_people_s_tweets_are_cleaned_as_the_recipe_cleans_the_author_s(project, monkeypatch):
    seen = {}

    def stop_there(*arguments):
        clean = arguments[-1]
        seen["cleaned"] = [
            clean(SourceTweet("1", text, "", "x")) for text in ("RT @a: les mots d'un autre", "mes mots à moi https://t.co/a")
        ]
        raise InterruptedError

    monkeypatch.setattr("tweetstyle.evaluate.evaluate", stop_there)
    monkeypatch.setattr(
        "tweetstyle.stages.evaluate.trained_scores", lambda run: TrainedScores({}, "cpu", "float32", None, {}, 1.0, AdapterScale())
    )
    with pytest.raises(InterruptedError):
        stages_of(Run(Path("recipes/demo.yaml")))["evaluate"].work()
    assert seen["cleaned"] == ["", "mes mots à moi"]

"""`tweetstyle tune`: which rates are tried, which one is taken, what is kept and written. The trainings are a formula here."""

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from support.tiny_llama import write_llama

from tweetstyle.cli import tweetstyle
from tweetstyle.recipe_yaml import read_recipe
from tweetstyle.stages import tune

ROOT = Path(__file__).parents[1]
RECIPE = """\
# mine
data: {source: tweets.csv}
prompt: {style: Nimzo}  # the name
model:
  base: base
  method: lora
training:
  max_length: 512
  gradient_accumulation_steps: 1
  learning_rate: 2e-3  # a guess

evaluation: {max_tweets: 40}
"""


def tried(loss, own: float, given: tuple[float, ...] = (), known: tuple[float, ...] = ()) -> list[float]:
    measured = tune.MeasuredRates("", [(rate, loss(rate)) for rate in known])
    rates = []
    for rate in tune._missing(own, given, measured):
        rates.append(rate)
        measured.rates.append((rate, loss(rate)))
    return rates


def lowest_at(best: float, diverges_above: float = math.inf):
    return lambda rate: None if rate > diverges_above else [100.0, abs(math.log(rate / best))]


@pytest.mark.parametrize(
    ("loss", "more", "rates"),
    [
        (lowest_at(2e-3), {}, [2e-3, 7e-4, 6e-3]),
        (lowest_at(1), {}, [2e-3, 7e-4, 6e-3, 2e-2, 6e-2]),
        (lowest_at(1e-5), {}, [2e-3, 7e-4, 6e-3, 2e-4, 7e-5]),
        (lowest_at(8e-3), {}, [2e-3, 7e-4, 6e-3, 2e-2]),
        (lowest_at(1, 3e-3), {}, [2e-3, 7e-4, 6e-3]),
        (lowest_at(1, 1e-9), {}, [2e-3, 7e-4, 6e-3]),
        (lowest_at(1), {"given": (1e-4, 2e-3, 5e-2)}, [2e-3, 1e-4, 5e-2]),
        (lowest_at(1), {"known": (2e-3, 7e-4)}, [6e-3, 2e-2, 6e-2]),
        (lowest_at(2e-3), {"known": (2e-3, 7e-4, 6e-3)}, []),
    ],
)
def test_rates_are_tried_towards_the_better_side(loss, more, rates):
    assert tried(loss, 2e-3, **more) == rates


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Prepared tweets and a tiny model; `trained` gets the rates of the trainings, whose losses are a formula of the rate."""
    monkeypatch.chdir(tmp_path)
    write_llama(tmp_path / "base", max_position_embeddings=2048)
    shutil.copy(ROOT / "data" / "sample" / "tweets.csv", tmp_path / "tweets.csv")
    (tmp_path / "mine.yaml").write_text(RECIPE)
    trained: list[float] = []

    def train_rates(inputs, sample, rates, keep, directory):
        for rate in rates:
            assert (inputs.training.max_steps, inputs.training.warmup_steps) == (12, None)
            trained.append(rate)
            # Six tenths of a bit for every factor of e from the best rate, and more or less of it for each tweet.
            level = np.random.default_rng(0).uniform(0.5, 1.5, len(sample.tweets))
            keep(rate, 3 * sample.bytes + level * sample.bytes * abs(math.log(rate / project.best)) / 10)

    def run(*more: str):
        return CliRunner().invoke(tweetstyle, ["tune", "mine.yaml", "--steps", "12", *more])

    project.best, project.trained, project.run = 2e-2, trained, run
    assert CliRunner().invoke(tweetstyle, ["prepare", "mine.yaml"]).exit_code == 0
    monkeypatch.setattr("tweetstyle.train.train_rates", train_rates)
    return project


def test_a_better_rate_goes_into_a_copy_and_no_rate_is_trained_twice(project):
    first = project.run()
    assert first.exit_code == 0, first.output
    assert project.trained == [2e-3, 7e-4, 6e-3, 2e-2, 6e-2] and "mine-tuned.yaml" in first.output
    copy, before = Path("mine-tuned.yaml").read_text(), Path("mine.yaml").read_text()
    assert before == RECIPE
    changed = [(old, new) for old, new in zip(before.splitlines(), copy.splitlines(), strict=True) if old != new]
    ((old, new),) = changed
    assert old == "  learning_rate: 2e-3  # a guess" and new.startswith("  learning_rate: 2e-2  # 0.") and "by tweetstyle tune" in new
    assert read_recipe(Path("mine-tuned.yaml")).training.learning_rate == 2e-2
    page = Path("model/mine/tune/tune.html").read_text()
    assert page.count("<circle") == 5 and "2e-2" in page
    assert project.run().exit_code == 0 and len(project.trained) == 5
    Path("mine-tuned.yaml").write_text("# another\n")
    refused = project.run()
    assert refused.exit_code == 1 and "exists already" in refused.output and len(project.trained) == 5
    assert Path("mine-tuned.yaml").read_text() == "# another\n"
    Path("mine.yaml").write_text(RECIPE.replace("512", "256"))
    project.run("--rate", "1e-3")
    assert project.trained[5:] == [2e-3, 1e-3]


def test_in_a_tie_the_recipes_rate_stays(project):
    project.best = 2.04e-3  # the same with 2e-3 as with 2.08e-3, but for 0.002 bits per byte
    done = project.run("--rate", "2.07e-3")
    assert done.exit_code == 0 and "it stays" in done.output and not Path("mine-tuned.yaml").exists()


def test_rates_that_diverge_are_none(project, monkeypatch):
    def diverge(inputs, sample, rates, keep, directory):
        for rate in rates:
            keep(rate, None if rate >= project.best else sample.bytes * 3.0)

    monkeypatch.setattr("tweetstyle.train.train_rates", diverge)
    project.best = 2e-3
    done = project.run()
    assert done.exit_code == 0 and "diverges with 2e-3" in done.output and "diverged" in Path("model/mine/tune/tune.html").read_text()
    assert read_recipe(Path("mine-tuned.yaml")).training.learning_rate < 2e-3
    project.best = 0.0
    Path("mine.yaml").write_text(RECIPE.replace("512", "256"))
    done = project.run()
    assert done.exit_code == 1 and "diverges with every learning rate" in done.output


def test_the_copy_holds_the_schedule_of_few_tweets_with_which_it_was_measured(project):
    few = RECIPE.replace("training:\n", "training:\n  split: mini-train\n")
    Path("mine.yaml").write_text(few)
    from tweetstyle.run import Run
    from tweetstyle.train import FitInputs, plan_fit

    def planned(path: str):
        run = Run(Path(path))
        splits = run.split("mini-train"), run.split("validation")
        return plan_fit(FitInputs(run.base, run.template, run.recipe.model, run.recipe.training, splits)).schedule

    assert planned("mine.yaml").changes
    done = project.run("--rate", "1e-3", "--rate", "2e-2")
    assert done.exit_code == 0, done.output
    copy = planned("mine-tuned.yaml")
    assert not copy.changes and copy.training.learning_rate in (1e-3, 2e-2) and copy.steps == planned("mine.yaml").steps

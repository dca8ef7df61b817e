"""docs/evaluation.md says what the program does: its settings, its limits, its files and what its intervals come to."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from scipy.stats import binomtest

from tweetstyle.cli import tweetstyle
from tweetstyle.evaluate.adherence import other_people
from tweetstyle.evaluate.baselines import IN_WORDS, INSTRUCTED, INSTRUCTED_EXAMPLES
from tweetstyle.evaluate.compare import SCORES
from tweetstyle.evaluate.conversation import CHANCE, MOST_TRIALS, OTHERS
from tweetstyle.evaluate.scripted_chats import scripts
from tweetstyle.evaluate.two_sample import FEWEST_TEXTS
from tweetstyle.evaluate.writing import precision_points
from tweetstyle.recipe import Data, Evaluation, Training
from tweetstyle.records import Tweet
from tweetstyle.statistics.effect import SMALLEST_SHARE
from tweetstyle.text.copying import SPAN_CHARACTERS, SPAN_WORDS
from tweetstyle.wording.verdict import VARIED

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("key", sorted(Evaluation.model_fields))
def test_every_setting_is_named(key: str) -> None:
    assert f"`{key}`" in TEXT or f"`evaluation.{key}`" in TEXT


def test_settings_of_other_sections_are_called_what_the_recipe_calls_them() -> None:
    sections = {"data": Data, "training": Training, "evaluation": Evaluation}
    named = re.findall(r"`(data|training|evaluation)\.(\w+)`", TEXT)
    assert len(named) >= 4
    for section, key in named:
        assert key in sections[section].model_fields or f"{section}.{key}" == "evaluation.json", f"{section}.{key}"


def test_half_widths_are_those_of_the_normal_approximation() -> None:
    rows = re.findall(r"(?m)^\| (\d+) \| (\d+) \|$", TEXT)
    assert [int(samples) for samples, _ in rows] == [40, 200, 1000]
    for samples, points in rows:
        by_hand = 100 * 1.96 * (0.5 * 0.5 / int(samples)) ** 0.5
        assert int(points) == round(by_hand) == round(precision_points(int(samples)))


@pytest.mark.parametrize(("right", "said"), [(14, "(46% to 88%)"), (15, "(51% to\n91%)")])
def test_scores_of_the_blind_test_have_the_exact_interval(right: int, said: str) -> None:
    ends = binomtest(right, 20).proportion_ci(method="exact")
    assert f"({ends.low:.0%} to {ends.high:.0%})" == said.replace("\n", " ")
    assert f"{right} of 20 is" in TEXT and said in TEXT


def test_limits_are_those_of_the_code() -> None:
    assert f"span of {SPAN_CHARACTERS} characters, or of {SPAN_WORDS} words" in TEXT
    assert f"fewer than {FEWEST_TEXTS} tweets a side" in TEXT
    assert f"ends below {SMALLEST_SHARE:.0%}" in TEXT and f"below {VARIED:g}" in TEXT
    french, english = (
        len(other_people(None, [Tweet("1", "x", "", language=language)], lambda tweet: tweet.text, 500, 0)[0]) for language in ("fr", "en")
    )
    assert f"{french} neutral lines in French or {english} in English" in TEXT
    assert f"shown {Evaluation().examples} of your training tweets" in TEXT


def test_conversations_figures_are_those_of_the_code() -> None:
    assert f"after {OTHERS} others" in TEXT and f"{CHANCE:.0%} is chance" in TEXT and f"At most {MOST_TRIALS} tweets are tried" in TEXT
    assert f"({sum(1 / place for place in range(1, 2 + OTHERS)) / (1 + OTHERS):.2f} by chance)" in TEXT
    spoken = [script.language for script in scripts()]
    assert f"{len(spoken)} scripted openings, {spoken.count('fr')} in French and {spoken.count('en')} in English" in TEXT
    for name in (INSTRUCTED, INSTRUCTED_EXAMPLES):
        assert f"`{IN_WORDS[name].format(count=Evaluation().examples)}`" in TEXT


def test_files_and_verbs_are_there() -> None:
    assert SCORES in TEXT and "evaluation.json" in TEXT
    verbs = set(re.findall(r"`tweetstyle (\w+)", TEXT))
    assert {"evaluate", "compare"} <= verbs <= tweetstyle.commands.keys()


def test_figures_of_two_real_authors_are_those_measured() -> None:
    measured = json.loads((ROOT / "bench" / "results" / "authors.json").read_text())
    one = next(iter(measured.values()))
    areas, gap = one["auc"], one["gap_closed"]
    said = f"base {areas['base']['estimate']:.0%}, tuned {areas['tuned']['estimate']:.0%}, floor {areas['floor']['estimate']:.0%}"
    assert f"{said}, gap closed {gap['estimate']:.0%} ({gap['low']:.0%} to {gap['high']:.0%})" in TEXT

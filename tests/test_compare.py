"""Runs side by side: the differences are paired, and only the tweets that all runs were scored on count."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from tweetstyle.dataset.held_out import HeldOut
from tweetstyle.errors import TweetstyleError
from tweetstyle.evaluate.compare import compare, scores_of
from tweetstyle.records import Tweet
from tweetstyle.wording.verdict import answers


def run(directory: Path, nats: list[float], first: int = 0, size: float = 100.0, evaluation: dict | None = None) -> Path:
    directory.mkdir()
    rows = [
        {"id": str(first + i), "cluster": f"day {(first + i) // 2}", "bytes": size, "base": 300.0, "tuned": value}
        for i, value in enumerate(nats)
    ]
    (directory / "scores.json").write_text(json.dumps({"test": rows, "validation": []}))
    if evaluation:
        (directory / "evaluation.json").write_text(json.dumps(evaluation))
    return directory


def test_the_difference_is_paired_and_in_bits_per_byte(tmp_path):
    """Tweets differ by far more than the runs do: unpaired, nothing could be told."""
    hard = np.random.default_rng(0).normal(200, 60, 80)
    noise = np.random.default_rng(1).normal(0, 2, 80)
    first, better = run(tmp_path / "a", hard.tolist()), run(tmp_path / "b", (hard - 5 + noise).tolist())
    runs, base, tuned, fewer, result = (list(column.cells) for column in compare([first, better]).columns)
    assert runs == [str(first), str(better)] and base == [f"{3 / math.log(2):.3f}"] * 2
    assert tuned[0] == f"{hard.sum() / math.log(2) / 8000:.3f}" and result == ["–", "better"]
    assert fewer[0] == "–" and fewer[1].startswith(f"{(5 - noise.mean()) / math.log(2) / 100:+.3f} (+0.0")
    later = compare([first, run(tmp_path / "later", [90.0] * 80, first=73)])
    assert later.title.startswith("7 test tweets"), "only tweets that all runs were scored on"


def test_each_run_has_the_answer_of_its_own_report(tmp_path):
    from test_report_page import evaluation

    values = np.random.default_rng(0).normal(200, 60, 40)
    shown = {"a": evaluation(), "b": evaluation(gain=(0.0003, 0.0001, 0.0006)), "c": None}
    fewer = {"a": 0, "b": 20, "c": 0}
    drawn = compare([run(tmp_path / name, (values - fewer[name]).tolist(), evaluation=of) for name, of in shown.items()])
    for name in ("a", "b"):
        assert f"{name}: {answers(shown[name], [], 'en')[0][0]}" in drawn.caption
    assert list(drawn.columns[4].cells) == ["–", "better", "same"] and list(drawn.columns[3].cells)[2] == "+0.000 (+0.000 to +0.000)"


def test_what_cannot_be_compared_is_one_message(tmp_path):
    one = run(tmp_path / "a", [1.0] * 8)
    for runs, message in (
        ([one], "one run alone"),
        ([one, tmp_path / "none"], "no scores of a run"),
        ([one, run(tmp_path / "b", [1.0] * 8, first=50)], "no test tweet was scored in all"),
        ([one, run(tmp_path / "c", [1.0] * 8, size=99.0)], "no test tweet was scored in all"),
    ):
        with pytest.raises(TweetstyleError, match=message):
            compare(runs)
    for content in ('{"a": 1}', "{", '{"test": [{"id": "0", "cluster": "day 0", "bytes": 100, "base": NaN, "tuned": 1}]}'):
        (tmp_path / "b" / "scores.json").write_text(content)
        with pytest.raises(TweetstyleError, match="no scores of a run, or they are damaged"):
            compare([one, tmp_path / "b"])


def test_scores_hold_no_text():
    tweets = [Tweet("1", "un secret", "2024-01-01T00:00:00Z"), Tweet("2", "deux", "2024-01-02T00:00:00Z")]
    samples = {"validation": HeldOut(tweets[:1], [], np.array([9.0]), 0), "test": HeldOut(tweets[1:], [], np.array([4.0]), 0)}
    found = scores_of(samples, [1.0, 2.0], [0.5, 0.25])
    assert found["test"] == [{"id": "2", "cluster": "2024-01-02", "bytes": 4.0, "base": 2.0, "tuned": 0.25}]
    assert "secret" not in json.dumps(found)

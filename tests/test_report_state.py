"""The report is true at every moment: while a stage is at work, after it, and after whatever ended it."""

from __future__ import annotations

import errno
import json
import os
import time
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.html_page import VOID, Page
from test_report_page import HOSTILE, curve, evaluation

from tweetstyle import pipeline
from tweetstyle.errors import TweetstyleError
from tweetstyle.report import RunFiles, State, run_report
from tweetstyle.stages.report import training_in_report
from tweetstyle.stages.stage import Stage

VOID |= {"circle", "polyline"}
AT = datetime(2026, 11, 29, 20, 31, 5)
PATIENCE = 60.0


@pytest.fixture
def road(tmp_path):
    """A recipe's run that has begun, as far as its report asks for it."""
    run, recipe = tmp_path / "model" / "mine", tmp_path / "mine.yaml"
    run.mkdir(parents=True)
    (run / "run.json").write_text("{}")
    recipe.write_text("language: en")
    data = SimpleNamespace(processed=tmp_path / "data")
    of = SimpleNamespace(run_directory=run, export_directory=tmp_path / "export", data=data, language="en", name="mine")
    return SimpleNamespace(recipe=of, path=recipe, run=run)


def page(road) -> Page:
    found = Page((road.run / "report.html").read_text())
    assert not found.errors
    return found


def reloads(found: Page) -> bool:
    return any(meta.get("http-equiv") == "refresh" for meta in found.all("meta"))


def walk(road, name: str, work) -> None:
    pipeline._carry_out(Stage(name, road.run / f"{name}.json", {}, dict, work), road, False)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_only_a_training_at_work_reloads_and_says_from_when_on_it_is_not_to_be_believed(tmp_path, language):
    of = RunFiles(tmp_path, tmp_path, tmp_path, "", {})
    live = Page(run_report(of, language, State("fit", AT, training=True)))
    assert reloads(live) and "2026-11-29 20:31:05" in live.text and "10 minutes" in live.text
    for state in (State("evaluate", AT), State("fit", AT), State("fit", AT, error="full"), None):
        found = Page(run_report(of, language, state))
        assert not found.errors and not reloads(found) and "10 minutes" not in found.text
        assert ("2026-11-29 20:31:05" in found.text) is (state is not None)


def test_the_error_is_text(tmp_path):
    found = Page(run_report(RunFiles(tmp_path, tmp_path, tmp_path, "", {}), "fr", State("export", AT, error=HOSTILE)))
    assert not found.errors and not found.all("script") + found.all("img") and "onerror" in found.text


def test_a_stage_that_ended_well_leaves_its_figures_and_no_notice(road):
    seen = []

    def work():
        seen.append(page(road).text)
        (road.run / "evaluation.json").write_text(json.dumps(evaluation()))
        return [], {}

    walk(road, "evaluate", work)
    assert "this command started it at" in seen[0] and "Not measured yet" in seen[0]
    after = page(road).text
    assert "Stage evaluate" not in after and "Yes: it writes more like you" in after


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TweetstyleError("no file passed the gate", where="export/mine", hint="other types"), "export/mine: no file passed the gate"),
        (KeyboardInterrupt(), "Ctrl-C"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "No space left on device"),
        (RuntimeError("CUDA error: unspecified launch failure"), "the card failed: CUDA error: unspecified launch failure"),
        (SystemExit(3), "SystemExit: 3"),
        (ZeroDivisionError("a bug"), "ZeroDivisionError: a bug"),
    ],
    ids=["gate", "Ctrl-C", "disk", "card", "exit", "bug"],
)
def test_whatever_ends_a_stage_stands_in_the_report_and_is_raised(road, error, said):
    """The evaluation was made before: the page of a rejected export shows it."""
    (road.run / "evaluation.json").write_text(json.dumps(evaluation()))

    def fails():
        raise error

    with pytest.raises(TweetstyleError if "card failed" in said else type(error)) as raised:
        walk(road, "export", fails)
    assert raised.value is error or raised.value.__cause__ is error
    found = page(road)
    assert "Stage export ended at" in found.text and said in found.text and not reloads(found)
    assert "Yes: it writes more like you" in found.text


@pytest.mark.parametrize("harm", ["no page can be written", "a damaged file"])
def test_a_report_that_cannot_be_written_hides_no_error(road, harm, capsys):
    if harm == "a damaged file":
        (road.run / "evaluation.json").write_text('{"splits": {"test": {}}}')
    else:
        (road.run / ".report.html.partial").mkdir()

    def fails():
        raise TweetstyleError("no file passed the gate")

    with pytest.raises(TweetstyleError, match="no file passed the gate"):
        walk(road, "export", fails)
    assert "the report could not be updated" in capsys.readouterr().err


def test_before_a_run_there_is_no_report(road):
    (road.run / "run.json").unlink()

    def fails():
        raise TweetstyleError("no tweets")

    with pytest.raises(TweetstyleError):
        walk(road, "prepare", fails)
    assert list(road.run.iterdir()) == []


def test_a_training_has_its_page_from_the_start_and_each_validation_is_on_it_at_once(road, capsys):
    with training_in_report(road) as validated:
        assert f"report, updated while it trains: {road.run / 'report.html'}" in capsys.readouterr().err
        begun = page(road)
        assert reloads(begun) and "Training in progress" in begun.text and "metrics.jsonl is missing" in begun.text
        (road.run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in curve(2.0, 1.75)))
        validated()
        give_up = time.monotonic() + PATIENCE
        while "1.750" not in (text := page(road).text):
            assert time.monotonic() < give_up
            time.sleep(0.02)
        assert "Training in progress" in text and "It has not ended yet" in text
    after = page(road)
    assert not reloads(after) and "Training in progress" not in after.text and "Stage fit in progress" in after.text


def test_the_closing_measurement_is_told_with_the_time_at_which_this_command_started(road, monkeypatch):
    """A session that began at 20:31:05; its training ended later."""
    from tweetstyle.report import files as state

    times = [AT]
    monkeypatch.setattr(state, "now", lambda: times[-1])
    with training_in_report(road):
        times.append(AT.replace(hour=21))
        (road.run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in curve(2.0, 1.75)))
        (road.run / "train_output.json").write_text(json.dumps({"global_step": 20, "metrics": {}}))
    after = page(road)
    assert "Training has ended" in after.text and "It has not ended yet" not in after.text and not reloads(after)
    assert "This command started stage fit at 2026-11-29 20:31:05" in after.text and "21:31:05" not in after.text


def test_a_page_that_is_rewritten_by_the_clock_alone(road, monkeypatch):
    """A step that takes long: the time on the page goes on."""
    from tweetstyle.report import files as state

    monkeypatch.setattr(state, "REWRITTEN_EVERY", 0.01)
    with training_in_report(road):
        first, give_up = (road.run / "report.html").stat().st_ino, time.monotonic() + PATIENCE
        while (road.run / "report.html").stat().st_ino == first:
            assert time.monotonic() < give_up
            time.sleep(0.01)


def test_an_interrupted_training_is_not_said_to_have_stopped_at_the_right_time(road):
    (road.run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in curve(2.0, 1.75)))

    def stopped():
        with training_in_report(road):
            raise TweetstyleError("stopped at step 20 of 82; checkpoint-20 is complete")

    with pytest.raises(TweetstyleError):
        walk(road, "fit", stopped)
    found = page(road).text
    assert "stopped at step 20 of 82" in found and "did not stop too late" not in found and "The best so far is step 20" in found


def test_nothing_half_written_is_left(road: SimpleNamespace, tmp_path: Path):
    walk(road, "export", lambda: ([], {}))
    assert sorted(path.name for path in road.run.iterdir()) == ["export.json", "report.html", "run.json"]

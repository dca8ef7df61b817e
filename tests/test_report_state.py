"""The report is true at every moment: while a stage is at work, after it, and after whatever ended it."""

import errno
import json
import os
import time
from datetime import datetime
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
def run(tmp_path):
    """A recipe's run that has begun, as far as its report asks for it."""
    directory, recipe = tmp_path / "model" / "mine", tmp_path / "mine.yaml"
    directory.mkdir(parents=True)
    (directory / "run.json").write_text("{}")
    recipe.write_text("language: en")
    data = SimpleNamespace(processed=tmp_path / "data")
    of = SimpleNamespace(run_directory=directory, export_directory=tmp_path / "export", data=data, name="mine")
    return SimpleNamespace(recipe=of, path=recipe, directory=directory, language="en")


def page(run) -> Page:
    found = Page((run.directory / "report.html").read_text())
    assert not found.errors
    return found


def reloads(found: Page) -> bool:
    return any(meta.get("http-equiv") == "refresh" for meta in found.all("meta"))


def carry_out(run, name: str, work) -> None:
    pipeline._carry_out(Stage(name, run.directory / f"{name}.json", {}, dict, work), run, False)


def test_only_a_training_at_work_reloads_and_says_from_when_on_it_is_not_to_be_believed(tmp_path):
    of = RunFiles(tmp_path, tmp_path, tmp_path, "", {})
    live = Page(run_report(of, "en", State("fit", AT, training=True)))
    assert reloads(live) and "2026-11-29 20:31:05" in live.text and "10 minutes" in live.text
    for state in (State("evaluate", AT), State("fit", AT), State("fit", AT, error="full"), None):
        found = Page(run_report(of, "en", state))
        assert not found.errors and not reloads(found) and "10 minutes" not in found.text
        assert ("2026-11-29 20:31:05" in found.text) is (state is not None)


def test_a_stage_that_ended_well_leaves_its_figures_and_no_notice(run, capsys):
    seen = []

    def work():
        seen.append(page(run).text)
        (run.directory / "evaluation.json").write_text(json.dumps(evaluation()))
        return [], {}

    carry_out(run, "evaluate", work)
    assert "Stage evaluate in progress" in seen[0] and "Not measured yet" in seen[0]
    after = page(run).text
    assert "Stage evaluate" not in after and "Yes: it writes more like you" in after
    pipeline._print_verdict(run)
    like_you, new_tweets, stopping, where = capsys.readouterr().out.splitlines()
    assert like_you.startswith("Yes: it writes more like you") and where == f"Everything measured: {run.directory / 'report.html'}"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TweetstyleError("no file passed the gate", where="export/mine", hint="other types"), "export/mine: no file passed the gate"),
        (KeyboardInterrupt(), "Ctrl-C"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "No space left on device"),
        (RuntimeError("CUDA error: unspecified launch failure"), "the card failed: CUDA error: unspecified launch failure"),
        (ZeroDivisionError(HOSTILE), "ZeroDivisionError: <script>"),
    ],
)
def test_whatever_ends_a_stage_stands_in_the_report_and_is_raised(run, error, said):
    """The evaluation was made before: the page of a rejected export shows it."""
    (run.directory / "evaluation.json").write_text(json.dumps(evaluation()))

    def fails():
        raise error

    with pytest.raises(TweetstyleError if isinstance(error, OSError | RuntimeError) else type(error)) as raised:
        carry_out(run, "export", fails)
    assert raised.value is error or raised.value.__cause__ is error
    found = page(run)
    assert "Stage export ended at" in found.text and said in found.text and not reloads(found) and not found.all("script")
    assert "Yes: it writes more like you" in found.text


@pytest.mark.parametrize("harm", ["no page can be written", "a damaged file"])
def test_a_report_that_cannot_be_written_hides_no_error(run, harm, capsys):
    if harm == "a damaged file":
        (run.directory / "evaluation.json").write_text('{"splits": {"test": {}}}')
    else:
        (run.directory / ".report.html.partial").mkdir()
    with pytest.raises(ZeroDivisionError):
        carry_out(run, "export", lambda: 1 / 0)
    assert "the report could not be updated" in capsys.readouterr().err


def test_a_training_has_its_page_from_the_start_and_each_validation_is_on_it_at_once(run, capsys):
    with training_in_report(run) as validated:
        assert f"report, updated while it trains: {run.directory / 'report.html'}" in capsys.readouterr().err
        begun = page(run)
        assert reloads(begun) and "Training in progress" in begun.text and "metrics.jsonl is missing" in begun.text
        (run.directory / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in curve(2.0, 1.75)))
        validated()
        give_up = time.monotonic() + PATIENCE
        while "1.750" not in (text := page(run).text):
            assert time.monotonic() < give_up
            time.sleep(0.02)
        assert "Training in progress" in text and "It has not ended yet" in text
        (run.directory / "train_output.json").write_text(json.dumps({"global_step": 20, "metrics": {}}))
    after = page(run)
    assert not reloads(after) and "Training has ended" in after.text and "It has not ended yet" not in after.text


def test_a_page_that_is_rewritten_by_the_clock_alone(run, monkeypatch):
    """A step that takes long: the time on the page goes on."""
    from tweetstyle.report import files as state

    monkeypatch.setattr(state, "REWRITTEN_EVERY", 0.01)
    with training_in_report(run):
        first, give_up = (run.directory / "report.html").stat().st_ino, time.monotonic() + PATIENCE
        while (run.directory / "report.html").stat().st_ino == first:
            assert time.monotonic() < give_up
            time.sleep(0.01)

"""Stages that are up to date are skipped, other runs are set aside, two runs at once are refused."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tweetstyle import pipeline
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import fingerprint
from tweetstyle.stages.fit import set_aside_other_run
from tweetstyle.stages.stage import Stage


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stage(project, settings, log):
    def work():
        log.append("worked")
        (project / "out").write_text(str(settings))
        return [project / "out"], {"n": 1}

    return Stage("fit", project / "fit.json", settings, lambda: {"in": fingerprint(project / "in")}, work)


def test_a_stage_is_done_once_and_again_only_when_something_changed(project):
    (project / "in").write_text("a")
    log: list[str] = []
    first = stage(project, {"training": {"seed": 1}}, log)
    assert first.why_stale() == "no complete result yet"
    first.carry_out()
    assert first.why_stale() is None
    assert stage(project, {"training": {"seed": 2}}, log).why_stale() == "changed in the recipe: training.seed"
    (project / "in").write_text("b")
    assert first.why_stale() == "changed input: in"
    assert log == ["worked"]
    with pytest.raises(ZeroDivisionError):
        Stage("fit", first.manifest, {}, first.inputs, lambda: 1 / 0).carry_out()
    assert first.why_stale() == "no complete result yet", "a stage that fails has no result"


def test_a_run_of_other_settings_is_set_aside_whole_and_one_of_the_same_stays(project):
    run = project / "model" / "mine"
    set_aside_other_run(run, "first")
    (run / "checkpoint-5").mkdir()
    set_aside_other_run(run, "first")
    assert (run / "checkpoint-5").is_dir()
    set_aside_other_run(run, "second")
    assert not (run / "checkpoint-5").exists() and (project / "model" / "mine-old-1" / "checkpoint-5").is_dir()
    (run / "checkpoint-9").mkdir()
    set_aside_other_run(run, "third")
    assert (project / "model" / "mine-old-2" / "checkpoint-9").is_dir()
    assert json.loads((run / "run.json").read_text()) == {"identity": "third"}


def test_a_second_run_of_the_same_recipe_is_refused_while_the_first_lives(project):
    from types import SimpleNamespace

    mine, other_recipe = (SimpleNamespace(name=n, data=SimpleNamespace(processed=Path("data/processed"))) for n in ("mine", "other"))

    program = (
        "from pathlib import Path\nfrom types import SimpleNamespace as S\nfrom tweetstyle.pipeline import one_run_at_a_time\n"
        "with one_run_at_a_time(S(name='mine', data=S(processed=Path('data/processed')))):\n    print('in', flush=True); input()\n"
    )
    other = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "in\n"
    with pytest.raises(TweetstyleError, match="another run of this recipe"), pipeline.one_run_at_a_time(mine):
        pass
    with pytest.raises(TweetstyleError, match="another run is using data/processed"), pipeline.one_run_at_a_time(other_recipe):
        pass
    other.kill()
    other.wait()
    with pipeline.one_run_at_a_time(mine):
        assert Path("model/.mine.lock").exists()

"""Stages that are up to date are skipped, other runs are set aside, two runs at once are refused."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tweetstyle import pipeline
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import fingerprint
from tweetstyle.recipe import Model, Training
from tweetstyle.stages.fit import holds_run, set_aside_other_run
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


def test_settings_of_an_earlier_version_count_as_the_defaults_of_this_one(project):
    """A finished run is not trained again, nor an interrupted one set aside, because a newer version has more or fewer settings."""
    (project / "in").write_text("a")
    now = {"training": Training().model_dump(mode="json"), "model": Model(base=Path("base")).model_dump(mode="json")}
    earlier = json.loads(json.dumps(now))
    del earlier["training"]["warmup_ratio"], earlier["model"]["lora"]["target_modules"]
    earlier["training"]["no_longer_there"] = earlier["no_longer_there"] = {"r": 1}
    stage(project, earlier, []).carry_out()
    set_aside_other_run(project / "run", {"settings": earlier, "inputs": {}})

    def changed(**training) -> tuple[str | None, bool]:
        settings = now | {"training": now["training"] | training}
        return stage(project, settings, []).why_stale(), holds_run(project / "run", {"settings": settings, "inputs": {}})

    assert changed() == (None, True)
    assert changed(warmup_ratio=0.1) == ("changed in the recipe: training.warmup_ratio", False)
    assert changed(newer_without_default=1) == ("changed in the recipe: training.newer_without_default", False)
    del earlier["model"]["base"]
    stage(project, earlier, []).carry_out()
    assert changed()[0] == "changed in the recipe: model.base", "a required key has no default"


def test_a_run_of_other_settings_is_set_aside_whole_and_one_of_the_same_stays(project):
    run = project / "model" / "mine"
    first, second, third = ({"settings": {"training": {"seed": seed}}, "inputs": {}} for seed in (1, 2, 3))
    set_aside_other_run(run, first)
    (run / "checkpoint-5").mkdir()
    set_aside_other_run(run, first)
    assert (run / "checkpoint-5").is_dir()
    set_aside_other_run(run, second)
    assert not (run / "checkpoint-5").exists() and (project / "model" / "mine-old-1" / "checkpoint-5").is_dir()
    (run / "checkpoint-9").mkdir()
    set_aside_other_run(run, third)
    assert (project / "model" / "mine-old-2" / "checkpoint-9").is_dir()
    assert json.loads((run / "run.json").read_text()) == {"identity": third}


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

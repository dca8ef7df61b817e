"""A run needs only the room that it still takes: existing outputs are not written again."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from test_bad_input import HEADER, RECIPE, rows

from tweetstyle.cli import fit_command, tweetstyle
from tweetstyle.manifest import Manifest
from tweetstyle.plan.disk import ExistingOutputs, disk_uses
from tweetstyle.run import Run
from tweetstyle.stages import existing_outputs, stages_of
from tweetstyle.stages.fit import fit_identity

MINE = Path("mine.yaml")


@pytest.fixture
def project(tmp_path, monkeypatch, base_model_dir):
    """Its tweets are prepared."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    (tmp_path / "tweets.csv").write_text(HEADER + rows(60), encoding="utf-8")
    (tmp_path / "base").symlink_to(base_model_dir)
    MINE.write_text(RECIPE.replace("128", "256"))
    assert CliRunner().invoke(tweetstyle, ["prepare", "mine.yaml"]).exit_code == 0
    return tmp_path


def begin_the_training():
    """As a training leaves its directory that was interrupted."""
    run = Run(MINE)
    checkpoint = run.recipe.run_directory / "checkpoint-9"
    checkpoint.mkdir(parents=True)
    (checkpoint / "adapter_model.safetensors").write_bytes(bytes(1000))
    (checkpoint.parent / "run.json").write_text(json.dumps({"identity": fit_identity(run)}))


def make_current(*names):
    """Stages with manifests that say that they were made from the existing files."""
    run = Run(MINE)
    run.final_model.mkdir(parents=True, exist_ok=True)
    for name in names:
        stage = stages_of(run)[name]
        stage.manifest.parent.mkdir(parents=True, exist_ok=True)
        Manifest(name, stage.settings, stage.inputs(), {}, {}).write(stage.manifest)


def test_what_each_part_writes_by_hand(project):
    """SmolLM2-135M: 30 layers of 576 columns, 192 for keys and values, 1536 in the MLP; an adapter of r 16 in fp32, two moments of Adam."""
    run = Run(MINE)

    def written(**existing):
        return {of.why: of.bytes for of in disk_uses(run.recipe, run.base, ExistingOutputs(**existing))}

    one_layer = (576 + 576) + 2 * (576 + 192) + (576 + 576) + 3 * (576 + 1536)
    adapter, kept = 4 * 30 * one_layer * run.recipe.model.lora.r, run.recipe.training.save_total_limit + 1
    whole = written()
    assert whole | {"export": 0} == {
        "prepared data": 3 * Path("tweets.csv").stat().st_size, "checkpoints": 3 * adapter * kept, "final model": adapter, "export": 0,
    }  # fmt: skip
    assert written(prepared=True) == whole | {"prepared data": 0}
    assert written(run=1000) == whole | {"checkpoints": whole["checkpoints"] - 1000} and written(run=10**12)["checkpoints"] == 0
    assert written(trained=True, exported=True) == dict.fromkeys(whole, 0) | {"prepared data": whole["prepared data"]}


def test_what_exists_is_read_from_the_run(project):
    assert existing_outputs(Run(MINE)) == ExistingOutputs(prepared=True)
    begin_the_training()
    written = sum(path.stat().st_size for path in Path("model/mine").rglob("*") if path.is_file())
    assert existing_outputs(Run(MINE)) == ExistingOutputs(prepared=True, run=written)
    make_current("fit")
    assert existing_outputs(Run(MINE)) == ExistingOutputs(prepared=True, trained=True)
    make_current("fit", "evaluate", "export")
    assert existing_outputs(Run(MINE)) == ExistingOutputs(prepared=True, trained=True, exported=True)
    assert not existing_outputs(Run(MINE, reexport=True)).exported
    assert existing_outputs(Run(MINE, retrain=True)) == ExistingOutputs()


def test_where_all_is_current_a_full_disk_stops_nothing(project, monkeypatch):
    make_current("fit", "evaluate", "export")
    (Path("export/mine") / "Modelfile").write_text("FROM mine.gguf\n")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=0))
    done = CliRunner().invoke(fit_command, ["mine.yaml"])
    assert done.exit_code == 0, done.output
    checks = json.loads(CliRunner().invoke(tweetstyle, ["doctor", "mine.yaml", "--json"]).stdout)["checks"]
    assert {check["state"] for check in checks if check["name"] == "disk"} == {"warn"}
    again = CliRunner().invoke(fit_command, ["mine.yaml", "--from", "export"])
    assert again.exit_code == 1 and "the disk is too small" in again.output and "export " in again.output


@pytest.mark.parametrize(
    ("verb", "existing", "refused"), [("evaluate", ["fit"], False), ("export", ["fit", "evaluate"], True), ("fit", [], True)]
)
def test_a_stage_by_itself_after_the_training_needs_its_own_room_alone(project, monkeypatch, verb, existing, refused):
    begin_the_training()
    make_current(*existing)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=0))
    begun = []
    monkeypatch.setattr("tweetstyle.stages.stage.Stage.carry_out", lambda stage: begun.append(stage.name))
    monkeypatch.setattr("tweetstyle.pipeline._print_verdict", lambda run: None)
    done = CliRunner().invoke(tweetstyle, [verb, "mine.yaml"])
    assert (done.exit_code, begun) == ((1, []) if refused else (0, [verb])), done.output
    assert "prepared data" not in done.output and ("final model " in done.output) == (verb == "fit"), done.output

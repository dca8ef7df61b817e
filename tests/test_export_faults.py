"""What is there stays whole: an export that is killed or refused, another model of the same shapes, a gate that is interrupted."""

import hashlib
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.tiny_llama import write_adapter, write_llama

from tweetstyle import pipeline
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import complete_directory, fingerprints
from tweetstyle.manifest import Manifest
from tweetstyle.run import Run
from tweetstyle.stages import stages_of
from tweetstyle.train.adapter_scale import AdapterScale
from tweetstyle.train.final_scores import TrainedScores


def digests(directory: Path) -> dict[str, str]:
    """Path → digest of every file below, but for locks."""
    files = [path for path in sorted(directory.rglob("*")) if path.is_file() and path.suffix != ".lock"]
    return {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


REPLACE = """
import os, signal, sys
from pathlib import Path
from tweetstyle.files import complete_directory
name, nth, original, calls = sys.argv[2], int(sys.argv[3]), getattr(os, sys.argv[2]), []
def counted(*arguments, **options):
    calls.append(name)
    if len(calls) == nth:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments, **options)
setattr(os, name, counted)
with complete_directory(Path(sys.argv[1])) as partial:
    (partial / "model.gguf").write_text("new")
"""
STEPS = {
    ("fsync", 1): {"me": "old"},  # of the new file
    ("replace", 1): {"me": "old"},  # of the older export, which makes place
    ("replace", 2): {".me.replaced": "old"},  # of the new one, which takes it
    ("fsync", 3): {"me": "new", ".me.replaced": "old"},  # of the directory above
    ("rmdir", 1): {"me": "new"},  # the older one's, emptied by then
}
"""The call of os before which the process dies → the complete directories that are there then."""


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_killed_at_any_step_an_export_is_the_old_or_the_new_and_the_next_run_is_whole(tmp_path, step):
    (tmp_path / "me").mkdir()
    (tmp_path / "me" / "model.gguf").write_text("old")
    done = subprocess.run([sys.executable, "-c", REPLACE, str(tmp_path / "me"), *map(str, step)], check=False)
    assert done.returncode == -signal.SIGKILL
    found = {path.parent.name: path.read_text() for path in tmp_path.glob("*/model.gguf")}
    assert {name: text for name, text in found.items() if name != ".me.partial"} == STEPS[step]
    with complete_directory(tmp_path / "me") as partial:
        (partial / "model.gguf").write_text("newer")
    assert [(path.parent.name, path.read_text()) for path in tmp_path.glob("*/*")] == [("me", "newer")]


RECIPE = (
    "data: {source: tweets.txt}\nprompt: {style: Nimzo}\nmodel: {base: base, method: lora}\n"
    "training: {max_length: 128}\nexport: {types: [f16], num_ctx: 128}\n"
)


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A project whose stages before the export are current by their manifests: made by hand, for a training takes a minute."""
    monkeypatch.chdir(tmp_path)
    base = write_llama(Path("base"))
    Path("tweets.txt").write_text("La neige tombe encore sur la ville.\nEncore un matin froid.\n")
    Path("mine.yaml").write_text(RECIPE)
    run = Run(Path("mine.yaml"))
    write_adapter(run.final_model, base)
    run.recipe.data.processed.mkdir(parents=True)
    for name in ("train", "validation", "test"):
        run.split(name).write_text("")
    made = {
        "prepare": [run.split(name) for name in ("train", "validation", "test")],
        "fit": sorted(run.final_model.iterdir()),
        "evaluate": [],
        "export": [],
    }
    for name, outputs in made.items():
        stage = stages_of(run)[name]
        stage.manifest.parent.mkdir(parents=True, exist_ok=True)
        Manifest(name, stage.settings, stage.inputs(), fingerprints(outputs, stage.manifest.parent)).write(stage.manifest)
    (run.recipe.export_directory / "mine-f16.gguf").write_bytes(b"the older one")
    return tmp_path


def another_base() -> None:
    write_llama(Path("base"), seed=5)


def another_adapter() -> None:
    run = Run(Path("mine.yaml"))
    write_adapter(run.final_model, run.base, seed=5)


@pytest.mark.parametrize(
    ("change", "what"),
    [(another_base, "changed input: base/model.safetensors"), (another_adapter, "changed output: model/mine/final_model/adapter_model")],
)
def test_another_base_or_adapter_of_the_same_shapes_is_refused_by_its_digest(project, change, what):
    change()
    before = digests(project)
    for force in (False, True):
        with pytest.raises(TweetstyleError, match=rf"fit comes first \({what}"):
            pipeline.run_stage(Path("mine.yaml"), "export", force=force)
    assert digests(project) == before


def test_the_gate_alone_refuses_an_export_from_another_base(project):
    write_llama(Path("base"), seed=5)
    before = digests(project)
    with pytest.raises(TweetstyleError, match="made from another trained model"):
        pipeline.verify(Path("mine.yaml"))
    assert digests(project) == before


def test_a_gate_that_is_interrupted_touches_nothing(project, monkeypatch, capsys):
    """Its checks take minutes: who stops them has the export that was there, and what was known of it."""
    run = Run(Path("mine.yaml"))
    stage, directory = stages_of(run)["export"], run.recipe.export_directory
    outputs = [directory / name for name in ("mine-f16.gguf", "parity.json", "Modelfile")]
    for path in outputs[1:]:
        path.write_text("of the last time")
    facts = {"choices": {"merge_base": "16bit"}}
    Manifest("export", stage.settings, stage.inputs(), fingerprints(outputs, directory), facts).write(stage.manifest)
    before = digests(project)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(
        "tweetstyle.stages.export.trained_scores", lambda run: TrainedScores({}, "cpu", "float32", None, {}, 1.0, AdapterScale())
    )
    monkeypatch.setattr("tweetstyle.stages.export._checks", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pipeline.verify(Path("mine.yaml"))
    assert digests(project) == before
    assert stage.why_stale() is None and "verify    f16: takes minutes on a CPU" in capsys.readouterr().err

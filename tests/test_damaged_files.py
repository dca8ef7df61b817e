"""Files that the program wrote itself and finds damaged: a hint counts as absent, a record is one clear message, nothing a traceback."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.small_runs import invented_tweets, write_tweets
from support.tiny_llama import write_llama

from tweetstyle.cli import tweetstyle
from tweetstyle.dataset.threads import read_messages
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import read_object
from tweetstyle.manifest import Manifest
from tweetstyle.plan.probe import decisive_settings, remembered
from tweetstyle.records import read_split
from tweetstyle.run import Run
from tweetstyle.stages.fit import fit_identity, set_aside_other_run
from tweetstyle.stages.report import report
from tweetstyle.train.final_scores import read_as_trained
from tweetstyle.train.metrics import Metrics

DAMAGES = {"empty": b"", "cut": b'{"identity": "4f', "not UTF-8": b'{"device": "\xe9"}', "nothing in it": b"{}"}
HINTS = (
    "probe.json", "backoff.json", "nf4.json", "as_trained.json", "train_output.json", "metrics.jsonl", "evaluation.json", "fit.json",
    "evaluate.json", "checkpoint-3/complete.json",
)  # fmt: skip
damaged = pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    """A project with a tiny base model and prepared tweets."""
    directory = tmp_path_factory.mktemp("prepared")
    write_llama(directory / "base")
    rows = "".join(f'{tweet.id},"{tweet.text}",2020-01-{n % 28 + 1:02d}\n' for n, tweet in enumerate(invented_tweets(60)))
    (directory / "tweets.csv").write_text("id,text,created_at\n" + rows)
    (directory / "mine.yaml").write_text(
        "data: {source: tweets.csv}\nprompt: {style: Nimzo}\nmodel: {base: base, method: lora}\n"
        "training: {max_length: 256, optim: adamw_torch, per_device_train_batch_size: 2}\nexport: {num_ctx: 256}\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        done = CliRunner().invoke(tweetstyle, ["prepare", "mine.yaml"])
    assert done.exit_code == 0, done.output
    return directory


@pytest.fixture
def run(prepared, tmp_path, monkeypatch) -> Path:
    """The directory of an interrupted run of it, with every small file that a command reads."""
    project = tmp_path / "project"
    shutil.copytree(prepared, project)
    monkeypatch.chdir(project)
    directory, run = Path("model/mine"), Run(Path("mine.yaml"))
    recipe = run.recipe
    settings, accumulation = decisive_settings(Path("base"), recipe.model, recipe.training), recipe.training.gradient_accumulation_steps
    contents: dict[str, Any] = {
        "run.json": {"identity": fit_identity(run)},
        "probe.json": {
            "tokens_per_second": 1000.0, "peak_bytes": 2**30, "predicted_bytes": None, "reserved_bytes": None, "device": "CPU",
            "settings": settings, "versions": {},
        },
        "backoff.json": {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 2 * accumulation, "because": "out of memory"},
        "nf4.json": {"weight": {"digest": "0", "offset": 0.0, "dtype": "float16"}},
        "as_trained.json": {},
        "train_output.json": {"global_step": 3, "training_loss": 1.0, "metrics": {}, "meaning": {}},
        "metrics.jsonl": {"step": 3, "loss": 1.0, "seconds": 1.0, "epoch": 1.0},
        "evaluation.json": {"style": None, "warnings": []},
        **{f"{stage}.json": {"stage": stage, "settings": {}, "inputs": {}, "outputs": {}, "facts": {}} for stage in ("fit", "evaluate")},
        "checkpoint-3/complete.json": {"step": 3, "finished": False, "files": {}},
    }  # fmt: skip
    (directory / "checkpoint-3").mkdir(parents=True)
    for name, content in contents.items():
        (directory / name).write_text(json.dumps(content) + "\n")
    assert set(HINTS) < set(contents)
    return directory


def output(*command: str, exit_code: int = 0) -> str:
    done = CliRunner().invoke(tweetstyle, command)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    assert done.exit_code == exit_code, done.output
    return done.output


def figures() -> dict[str, Any]:
    """The plan, but for the disk: how large the files are that are there already."""
    return {name: value for name, value in json.loads(output("plan", "mine.yaml", "--json")).items() if name != "disk"}


def checks() -> dict[str, str]:
    """Name → state."""
    return {check["name"]: check["state"] for check in json.loads(output("doctor", "mine.yaml", "--json"))["checks"]}


def test_the_run_s_files_are_read_while_they_are_whole(run):
    """The control of the tests below."""
    speed = figures()["time"]["speed"]
    assert speed.startswith("1,000 tokens/s, measured on CPU with batch 2")


@damaged
def test_damaged_hints_count_as_absent(run, damage):
    for name in HINTS:
        (run / name).write_bytes(damage)
    training = Run(Path("mine.yaml")).recipe.training
    with_damage = figures(), checks()
    assert report(Run(Path("mine.yaml"))).is_file()
    assert remembered(run, training) is training and read_as_trained(run) is None
    assert Metrics(run / "metrics.jsonl").lines == []
    assert read_object(run / "evaluation.json").keys() <= {"facts"} and Manifest.read(run / "fit.json") is None
    for name in HINTS:
        (run / name).unlink()
    assert with_damage == (figures(), checks())


@damaged
def test_a_run_whose_run_json_is_damaged_is_set_aside_whole(run, damage):
    """It says of which settings and data the checkpoints are: to resume those of others would mix two trainings."""
    (run / "run.json").write_bytes(damage)
    before = sorted(path.name for path in run.rglob("*"))
    assert checks()["base model"] == "ok" and figures()["time"]
    set_aside_other_run(run, fit_identity(Run(Path("mine.yaml"))))
    assert sorted(path.name for path in run.with_name("mine-old-1").rglob("*")) == before
    assert [path.name for path in run.iterdir()] == ["run.json"]


@damaged
def test_a_damaged_split_or_message_is_named_with_its_line(tmp_path, damage):
    path = write_tweets(tmp_path / "train.jsonl", invented_tweets(3))
    with path.open("ab") as stream:
        stream.write((damage or b" ") + b"\n")
    with pytest.raises(TweetstyleError) as raised:
        list(read_split(path))
    assert raised.value.where == f"{path}:4"
    path = tmp_path / "messages-train.jsonl"
    path.write_bytes(b'{"id": "1", "message": "Quoi ?", "kind": "question"}\n' + (damage or b" ") + b"\n")
    with pytest.raises(TweetstyleError) as raised:
        read_messages(path)
    assert raised.value.where == f"{path}:2"

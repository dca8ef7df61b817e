"""A checkpoint counts only when it is whole."""

import json
import os
from pathlib import Path

import pytest
from support.small_runs import invented_tweets, run_fit, write_tweets
from support.tiny_llama import write_llama

from tweetstyle.model.base import read_base_model
from tweetstyle.train.checkpoints import (
    SEAL,
    complete_checkpoints,
    prune,
    read_checkpoint,
    resume_point,
    seal,
    write_final_model,
)
from tweetstyle.train.metrics import Metrics


def make_checkpoint(directory, step, *, finished=False):
    path = directory / f"checkpoint-{step}"
    (path / "sub").mkdir(parents=True)
    (path / "adapter_model.safetensors").write_bytes(bytes([step]) * 1000)
    (path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "/somewhere", "target_modules": ["v_proj", "q_proj"]}))
    (path / "optimizer.pt").write_bytes(b"state" * 100)
    (path / "sub" / "more").write_bytes(b"x")
    seal(path, step, finished=finished)
    return path


def size_of(directory):
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def steps_in(directory):
    return sorted(int(path.name.split("-")[1]) for path in directory.glob("checkpoint-*"))


def run_with(directory, *figures):
    """Checkpoints at steps 1, 2, … whose validations gave these bits per byte."""
    directory.mkdir(exist_ok=True)
    metrics = Metrics(directory / "metrics.jsonl")
    for step, bits in enumerate(figures, 1):
        metrics.append({"step": step, "loss": 1.0, "seconds": 1.0})
        metrics.append({"step": step, "eval_bits_per_byte": bits, "eval_loss": 1.0, "seconds": 1.0})
        make_checkpoint(directory, step)
    return metrics


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("harm", [truncate, Path.unlink])
@pytest.mark.parametrize("name", ["adapter_model.safetensors", "sub/more", SEAL])
def test_a_checkpoint_with_any_file_harmed_is_not_complete_and_is_removed(tmp_path, harm, name):
    make_checkpoint(tmp_path, 3)
    harmed = make_checkpoint(tmp_path, 6)
    assert read_checkpoint(harmed).step == 6
    harm(harmed / name)
    assert read_checkpoint(harmed) is None
    assert [c.step for c in complete_checkpoints(tmp_path)] == [3] and steps_in(tmp_path) == [3]


@pytest.mark.parametrize(
    ("best", "limit", "kept"), [(2, 1, [2]), (2, 2, [2, 5]), (5, 2, [4, 5]), (1, 3, [1, 4, 5]), (1, 9, [1, 2, 3, 4, 5])]
)
def test_the_best_and_the_newest_are_kept(tmp_path, best, limit, kept):
    for step in range(1, 6):
        make_checkpoint(tmp_path, step)
    prune(tmp_path, best, limit)
    assert steps_in(tmp_path) == kept


def test_a_run_goes_on_from_its_newest_whole_checkpoint_and_forgets_what_came_after(tmp_path):
    metrics = run_with(tmp_path, 3.0, 2.0, 2.5, 2.4)
    truncate(tmp_path / "checkpoint-4" / "optimizer.pt")
    said = []
    assert resume_point(tmp_path, metrics, said.append).step == 3
    assert said == ["checkpoint-4 is incomplete and was removed"]
    assert [line["step"] for line in metrics.lines] == [1, 1, 2, 2, 3, 3] == [line["step"] for line in Metrics(metrics.path).lines]


def test_a_run_whose_best_checkpoint_is_gone_goes_back_to_before_it(tmp_path, capsys):
    metrics = run_with(tmp_path, 3.0, 2.0, 2.5, 2.4)
    truncate(tmp_path / "checkpoint-2" / "adapter_model.safetensors")
    assert resume_point(tmp_path, metrics).step == 1 and steps_in(tmp_path) == [1]
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[0] for line in lines] == ["checkpoint-2", "checkpoint-4", "checkpoint-3"], "one line each, on the screen"


def test_a_checkpoint_reaches_the_disk_before_its_seal_does(tmp_path, monkeypatch):
    """POSIX fsync: of a file its content, of a directory the names in it. What a power loss cuts off is the end of this list."""
    calls, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda number: (calls.append(Path(os.readlink(f"/proc/self/fd/{number}")).name), fsync(number)))
    monkeypatch.setattr(os, "replace", lambda source, target: (calls.append(f"-> {Path(target).name}"), replace(source, target)))
    make_checkpoint(tmp_path / "run", 3)
    files = ["adapter_config.json", "adapter_model.safetensors", "optimizer.pt", "more"]
    assert calls == [*files, "sub", "checkpoint-3", "run", f".{SEAL}.partial", f"-> {SEAL}", "checkpoint-3"]


def test_the_final_model_is_the_best_checkpoints_bytes_with_the_base_models_tokenizer(base_model_dir, tmp_path):
    base = read_base_model(base_model_dir)
    best = make_checkpoint(tmp_path, 3)
    write_final_model(base, "lora", read_checkpoint(best), tmp_path / "final_model")
    final = tmp_path / "final_model"
    assert (final / "adapter_model.safetensors").read_bytes() == (best / "adapter_model.safetensors").read_bytes()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (final / name).read_bytes() == (base.path / name).read_bytes()
    assert len(list(final.iterdir())) == 4
    config = json.loads((final / "adapter_config.json").read_text())
    assert config == {"base_model_name_or_path": str(base.path), "target_modules": ["q_proj", "v_proj"]}


def test_a_run_that_was_killed_after_its_last_step_is_finished_without_training(tmp_path):
    base = write_llama(tmp_path / "base")
    for name in ("train", "validation"):
        write_tweets(tmp_path / f"{name}.jsonl", invented_tweets(8))
    run = tmp_path / "run"
    run_with(run, 3.0, 2.0, 2.5)
    state = {"global_step": 3, "epoch": 1.0, "num_input_tokens_seen": 900, "total_flos": 1.0}
    (run / "checkpoint-3" / "trainer_state.json").write_text(json.dumps(state))
    seal(run / "checkpoint-3", 3, finished=True)
    result = run_fit(base.path, tmp_path, run, save_total_limit=1)
    assert (result.steps, result.best_step, result.bits_per_byte, result.tokens) == (3, 2, 2.0, 900)
    assert (run / "final_model" / "adapter_model.safetensors").read_bytes() == bytes([2]) * 1000 and steps_in(run) == [2]
    output = json.loads((run / "train_output.json").read_text())
    assert output["global_step"] == 3 and output["meaning"].keys() == {"global_step", *output["metrics"]}

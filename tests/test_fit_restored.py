"""A checkpoint with a forged seal is refused with one message, and nothing in it is carried out."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import shutil
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tweetstyle.errors import TweetstyleError
from tweetstyle.train.checkpoints import read_checkpoint, seal
from tweetstyle.train.restored import STATES, check_restorable


class Evil:
    """Loaded as pickles usually are, it makes a file."""

    def __init__(self, proof):
        self.proof = proof

    def __reduce__(self):
        return os.system, (f"touch {self.proof}",)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A run with checkpoints 3 and 6: the states of a real optimizer after a step, saved as the Trainer saves them."""
    import torch
    from safetensors.torch import save_file

    run = tmp_path_factory.mktemp("run")
    weight = torch.nn.Parameter(torch.ones(4))
    optimizer = torch.optim.AdamW([weight])
    weight.sum().backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)
    for step in (3, 6):
        path = run / f"checkpoint-{step}"
        path.mkdir()
        torch.save(optimizer.state_dict(), path / "optimizer.pt")
        torch.save(schedule.state_dict(), path / "scheduler.pt")
        chance = {"python": random.getstate(), "numpy": np.random.get_state(), "cpu": torch.get_rng_state()}
        torch.save(chance, path / "rng_state.pth")
        (path / "training_args.bin").write_bytes(pickle.dumps({"learning_rate": 1}))
        save_file({"lora_A": torch.zeros(2)}, path / "adapter_model.safetensors")
        (path / "trainer_state.json").write_text(json.dumps({"global_step": step}))
        seal(path, step, finished=False)
    return run


@pytest.fixture
def checkpoint(written, tmp_path):
    return shutil.copytree(written, tmp_path / "run") / "checkpoint-6"


def forged(checkpoint):
    """The checkpoint with a seal that fits what now lies in it."""
    seal(checkpoint, 6, finished=False)
    return read_checkpoint(checkpoint)


def refused(checkpoint):
    with pytest.raises(TweetstyleError) as told:
        check_restorable(forged(checkpoint))
    assert told.value.where == str(checkpoint) and f"rm -r {checkpoint}" in told.value.hint
    return told.value


def in_a_zip(content: bytes) -> bytes:
    """Any bytes where torch.save's zip has its pickle."""
    import torch

    whole, changed = io.BytesIO(), io.BytesIO()
    torch.save({}, whole)
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            new.writestr(name, content if name.endswith("data.pkl") else old.read(name))
    return changed.getvalue()


def test_what_a_training_leaves_is_restorable(checkpoint):
    check_restorable(read_checkpoint(checkpoint))


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("zipped", [False, True])
def test_a_program_in_a_states_place_is_named_and_does_not_run(checkpoint, tmp_path, name, zipped):
    evil = pickle.dumps(Evil(tmp_path / "proof"), protocol=2)
    (checkpoint / name).write_bytes(in_a_zip(evil) if zipped else evil)
    told = refused(checkpoint)
    assert told.what.startswith(name) and "seal fits it all the same" in told.what
    assert ("is a program that would call posix.system" if zipped else "cannot be read as data") in told.what
    assert "it resumes from checkpoint-3" in told.hint and not (tmp_path / "proof").exists()
    pickle.loads(evil)
    assert (tmp_path / "proof").exists(), "this one would have run"


def test_the_only_checkpoint_is_told_to_be_the_only_one(checkpoint):
    shutil.rmtree(checkpoint.with_name("checkpoint-3"))
    (checkpoint / "optimizer.pt").write_bytes(b"")
    assert refused(checkpoint).hint.endswith("it starts again")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "adapter_model.bin", "optimizer.bin", "scaler.pt"])
def test_a_pickle_that_the_trainer_would_look_for_is_refused_sealed_or_not(checkpoint, name):
    """transformers takes pytorch_model.bin before an adapter: a checkpoint with one would not go on from its own weights."""
    before = read_checkpoint(checkpoint)
    (checkpoint / name).write_bytes(b"x")
    with pytest.raises(TweetstyleError, match=f"{name} is a pickle that no training leaves there"):
        check_restorable(before)
    refused(checkpoint)


@pytest.mark.parametrize("name", [*STATES, "adapter_model.safetensors", "trainer_state.json"])
@pytest.mark.parametrize("harm", ["gone", "empty", "halved", "text", "another"])
def test_any_part_that_is_none_is_one_message(checkpoint, name, harm):
    path = checkpoint / name
    content = path.read_bytes()
    another = {".json": b'{"global_step": 5}', ".safetensors": b"\x02" + bytes(7) + b"{}"}.get(path.suffix) or in_a_zip(pickle.dumps({}, 2))
    changed = {"empty": b"", "halved": content[: len(content) // 2], "text": b"[not what it was]", "another": another}
    path.unlink()
    if harm != "gone":
        path.write_bytes(changed[harm])
    assert ("*.safetensors" if (name, harm) == ("adapter_model.safetensors", "gone") else name) in refused(checkpoint).what


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_bytes_stand_for_a_state_nothing_but_the_message_comes_of_it(written, tmp_path_factory, data):
    """Bytes of a real state changed here and there, or any bytes at all."""
    checkpoint = shutil.copytree(written, tmp_path_factory.mktemp("fuzz") / "run") / "checkpoint-6"
    name = data.draw(st.sampled_from(sorted(STATES)))
    with zipfile.ZipFile(checkpoint / name) as whole:
        content = bytearray(whole.read(next(n for n in whole.namelist() if n.endswith("data.pkl"))))
    for place, byte in data.draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), min_size=1, max_size=6)):
        content[place] = byte
    if data.draw(st.booleans()):
        content = data.draw(st.binary(max_size=60))
    (checkpoint / name).write_bytes(in_a_zip(bytes(content)))
    try:
        check_restorable(forged(checkpoint))
    except TweetstyleError as told:
        assert name in told.what

"""An export that is killed, or whose disk runs full, at any moment: one message or none, nothing half written, the next run completes.

The points are random, from a seed that a failure prints.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.tiny_llama import write_adapter, write_llama

SEED = int(os.environ.get("FAULT_SEED", "20"))
PROGRAM = """
import os, signal, sys, json, hashlib, shutil
from pathlib import Path
import numpy as np
import tweetstyle.export as exporting
from tweetstyle.base_model import read_base_model
from tweetstyle.errors import TweetstyleError
from tweetstyle.export import export
from tweetstyle.export.gguf_file import GgufFile
from tweetstyle.imatrix import Imatrix
from tweetstyle.recipe import Export, Sampling
from tweetstyle.template import build_template

base = read_base_model(Path(sys.argv[1]))
names = dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up"), 256) | {"ffn_down": 512}
sums = {f"blk.{n}.{part}.weight": np.ones(size, np.float32) for n in range(3) for part, size in names.items()}
importance = Imatrix(sums, 1, 512, ("x",))

def run(out):
    section = Export(types=("f16", "q8_0", "q4_k_m"))
    template = build_template("inst", "Nimzo", base.tokens)
    size = lambda path: float(path.stat().st_size)
    return export(base, Path(sys.argv[2]), template, section, Sampling(), "me", out, imatrix=importance, score=size)

def listing(room):
    return {str(p.relative_to(room)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(room.rglob("*")) if p.is_file()}
"""
KILLED = (
    PROGRAM
    + """
# The calls between which it is killed: every block written, every file synced, every rename.
calls, last = 0, None
def counted(function):
    def wrapped(*arguments, **more):
        global calls
        calls += 1
        if calls == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **more)
    return wrapped
GgufFile.write = counted(GgufFile.write)
for module, name in ((os, "fsync"), (os, "replace"), (os, "unlink"), (shutil, "rmtree")):
    setattr(module, name, counted(getattr(module, name)))
room = Path(sys.argv[3])
run(room / "counting"); total = calls
shutil.rmtree(room / "counting")
found = []
for share in json.loads(sys.argv[4]):
    point = 1 + int(share * (total + 1))  # with an older export in the way it is two calls more
    child = os.fork()
    if not child:
        calls, last = 0, point
        run(room / "me")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    found.append({"point": point, "killed": os.WIFSIGNALED(status), "status": status, "there": listing(room)})
run(room / "me")
print(json.dumps({"total": total, "found": found, "end": listing(room)}))
"""
)
FULL = (
    PROGRAM
    + """
exporting.require_disk = lambda *_: None  # which would refuse it before: here the room goes meanwhile
room = Path(sys.argv[3])
before = listing(room)
try:
    run(room / "me")
    said = None
except TweetstyleError as error:
    said = str(error)
same = listing(room) == before
print(json.dumps({"said": said, "same": same, "there": sorted(listing(room))}))
"""
)


def digests(directory: Path) -> dict[str, str]:
    return {str(p.relative_to(directory)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(directory.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> tuple[Path, Path]:
    path = tmp_path_factory.mktemp("inputs")
    base = write_llama(path / "base", hidden_size=256, intermediate_size=512, num_hidden_layers=3)
    return base.path, write_adapter(path / "adapter", base)


def told(program: str, *arguments: object, around: tuple[str, ...] = ()) -> dict:
    command = [*around, sys.executable, "-c", program, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, f"seed {SEED}\n{done.stderr[-3000:]}"
    return json.loads(done.stdout.splitlines()[-1])


def test_killed_at_twenty_random_points_the_export_is_whole_or_not_there(inputs, tmp_path):
    before = digests(inputs[0].parent)
    shares = sorted(random.Random(SEED).random() for _ in range(20))
    said = told(KILLED, *inputs, tmp_path, json.dumps(shares))
    whole = said["end"]
    assert sorted(whole) == ["me/Modelfile", "me/me-f16.gguf", "me/me-q4_k_m.gguf", "me/me-q8_0.gguf"]
    assert sum(found["killed"] for found in said["found"]) >= 19 and said["total"] > 100
    for found in said["found"]:
        # What is under its own name is all of it; the rest has the name that the next run clears.
        visible = {name: digest for name, digest in found["there"].items() if not name.startswith(".me.")}
        assert visible in ({}, whole), f"seed {SEED}, call {found['point']} of {said['total']}"
    assert digests(inputs[0].parent) == before


@pytest.mark.skipif(
    not shutil.which("unshare") or subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode != 0,
    reason="needs a mount namespace of one's own (unshare -rm), for a disk that is really small",
)
@pytest.mark.parametrize("older", [False, True], ids=["nothing there", "an older export there"])
def test_on_a_disk_that_is_full_at_random_points_there_is_one_message_and_nothing_half(inputs, tmp_path, older):
    import tweetstyle.export as exporting
    from tweetstyle.base_model import read_base_model

    sizes = exporting.room_needed(read_base_model(inputs[0]), exporting.Export(types=("f16", "q8_0", "q4_k_m")), 1)
    kept = 150_000 if older else 0
    before = digests(inputs[0].parent)
    room = tmp_path / "room"
    room.mkdir()
    older_export = 'if [ "$2" = 1 ]; then mkdir "$1/me"; head -c 150000 /dev/zero > "$1/me/old.gguf"; fi'
    mount = f'mount -t tmpfs -o size="$0" tmpfs "$1"; {older_export}; shift 2; exec "$@"'
    for share in (random.Random(SEED + n).uniform(0.02, 0.95) for n in range(5)):
        size = kept + int(share * sum(sizes.values()))
        around = ("unshare", "-rm", "sh", "-c", mount, str(size), str(room), str(int(older)))
        said = told(FULL, *inputs, room, around=around)
        assert said["said"].startswith(f"{room / 'me'}: the disk is full\n  → "), (SEED, size, said)
        assert said["same"] and said["there"] == (["me/old.gguf"] if older else [])
    assert digests(inputs[0].parent) == before

"""A training run killed at 50 points and run again, against the same run undisturbed: a toy Llama of 2 layers, on the CPU.

    python bench/kills.py [--points 50] [--seed 1]

SIGKILL before every fsync and rename of writing one checkpoint and at every other rename of the run, by strace's fault injection (`-e
inject=fsync:signal=SIGKILL:when=N`; without strace these points are left out, and that is said), and at random moments for the rest.
Each is resumed by the same call. Prints what differs, and writes bench/results/kills.json: for each point from which step the run
went on, and whether losses, validations, adapter and optimizer, scheduler and random states ended with the same bytes. From strace too:
that each file of a checkpoint was synced after its last write, and before the checkpoint's seal took its name.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.killed_runs import Forks, differences  # noqa: E402

RESULT = ROOT / "bench" / "results" / "kills.json"
LIBRARIES = ("torch", "unsloth", "trl", "transformers", "peft", "safetensors")
SYNCS, RENAMES = "fsync", "rename,renameat,renameat2"
"""safetensors renames too: it writes beside the adapter's name and moves it there."""
CHECKPOINT = "checkpoint-4"


def traced(forks: Forks, run: Path, calls: str) -> list[tuple[str, str]]:
    """(system call, the path it is about) of an undisturbed run, in their order; of a rename the new name."""
    trace = run.with_name("trace")
    ended = forks.fit(run, {"strace": ["-y", "-s", "0", "-e", f"trace={calls}", "-e", "signal=none", "-o", str(trace)]})
    if ended.status:
        sys.exit(ended.said)
    seen = []
    # A rename's names are strings, which -s 0 would cut, were they not paths: strace never cuts those.
    for line in trace.read_text(errors="replace").splitlines():
        if found := re.match(r"\d+ +(\w+)\((.*)\) += \d", line):
            name, arguments = found.groups()
            paths = re.findall(r'"([^"]*)"', arguments) if name.startswith("rename") else re.findall(r"^\d+<([^>]*)>", arguments)
            if paths:
                seen.append((name, paths[-1]))
    return seen


def enumerated(forks: Forks, run: Path) -> list[dict[str, Any]]:
    """A cut before each fsync and rename of CHECKPOINT, from its log line's sync to its seal, and before every other rename."""
    seen = traced(forks, run, f"{SYNCS},{RENAMES}")
    sealed = seen.index(("rename", f"{run}/{CHECKPOINT}/complete.json"))
    begin = max(n for n, (_, path) in enumerate(seen[:sealed]) if path == f"{run}/metrics.jsonl")
    cuts, counts = [], Counter()
    for place, (name, path) in enumerate(seen):
        # strace counts each system call by itself, also where several stand in one expression.
        counts[name] += 1
        if begin <= place <= sealed + 1 or name != SYNCS:
            inject = ["-y", "-e", f"trace={name}", "-e", f"inject={name}:signal=SIGKILL:when={counts[name]}"]
            cuts.append({"at": f"{name} {path.removeprefix(f'{run}/').replace(str(run), '.')}", "cut": {"strace": inject}})
    return cuts


def synced_in_order(forks: Forks, run: Path) -> dict[str, Any]:
    """Of every file of CHECKPOINT: synced after its last write and before the rename of the seal; then the directory was synced."""
    seen = traced(forks, run, f"write,writev,pwrite64,{SYNCS},{RENAMES}")
    sealed = seen.index(("rename", f"{run}/{CHECKPOINT}/complete.json"))
    wrong = []
    # CHECKPOINT itself is gone by the end of the run; the last one has the same files.
    names = [path.name for path in max(run.glob("checkpoint-*")).iterdir() if path.name != "complete.json"]
    for name in names:
        of_file = [(n, call) for n, (call, path) in enumerate(seen) if path == f"{run}/{CHECKPOINT}/{name}"]
        if not of_file or of_file[-1][1] != "fsync" or of_file[-1][0] > sealed or len(of_file) < 2:
            wrong.append(name)
    return {"files": len(names), "out_of_order": wrong, "directory_after": ("fsync", f"{run}/{CHECKPOINT}") in seen[sealed:]}


def was_last(trace: Path, at: str, run: Path) -> bool:
    """Whether the last system call of a trace is the one at which the kill was to be."""
    name, path = at.split(" ")
    last = [line for line in trace.read_text(errors="replace").splitlines() if re.match(rf"\d+ +{name}\(", line)][-1]
    return str(run if path == "." else run / path) in last


def carry_out(forks: Forks, whole: Path, point: dict[str, Any]) -> dict[str, Any]:
    run = whole.with_name("run")
    for old in whole.parent.glob("run*"):
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    cut, trace = point["cut"], run.with_name("run.trace")
    if "strace" in cut:
        cut = {"strace": [*cut["strace"], "-o", str(trace)]}
    killed = forks.fit(run, cut)
    if "strace" in cut and (killed.status != -9 or not was_last(trace, point["at"], run)):
        sys.exit(f"{point['at']}: the kill was not there:\n{trace.read_text()[-500:]}")
    ended = forks.fit(run)
    went_on = re.findall(r"^going on from checkpoint-(\d+)$", ended.said, re.M)
    differs = [ended.said] if ended.status else differences(run, whole)
    return {"at": point["at"], "status": killed.status, "went_on_from": int(went_on[0]) if went_on else None, "differs": differs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chance, strace = random.Random(arguments.seed), shutil.which("strace")
    if not strace:
        print("no strace here (Debian, Ubuntu: apt install strace): only random moments")
    with tempfile.TemporaryDirectory() as temporary, Forks(Path(temporary)) as forks:
        whole = Path(temporary) / "whole"
        seconds = forks.fit(whole).seconds
        points, order = [], None
        if strace:
            points = enumerated(forks, Path(temporary) / "traced")
            order = synced_in_order(forks, Path(temporary) / "ordered")
        seen, too_late = [], 0
        while len(seen) < arguments.points:
            moment = chance.uniform(0.1, 1) * seconds
            point = points.pop(0) if points else {"at": f"after {moment:.3f} s", "cut": {"seconds": moment}}
            result = carry_out(forks, whole, point)
            print(json.dumps(result, ensure_ascii=False), flush=True)
            # A run that had ended by then was not killed, and is no point.
            if result["status"] == -9:
                seen.append(result)
            else:
                too_late += 1
    result = {
        "date": str(date.today()),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
        "strace": subprocess.run([strace, "-V"], capture_output=True, text=True).stdout.split("\n")[0] if strace else None,
        "seed": arguments.seed,
        "undisturbed_seconds": round(seconds, 2),
        "killed": len(seen),
        "by_strace": sum(not point["at"].startswith("after") for point in seen),
        "moments_after_the_end_not_counted": too_late,
        "ended_the_same": sum(not point["differs"] for point in seen),
        "synced_in_order": order,
        "each": seen,
    }
    RESULT.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    print(f"{result['killed']} killed, {result['ended_the_same']} ended as the undisturbed run; synced in order: {order}")


if __name__ == "__main__":
    main()

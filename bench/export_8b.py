"""The export of a model with Llama 3 8B's shapes against the usual two steps, on this machine, in one run.

    python bench/export_8b.py DIRECTORY [--rival-layers 8] [--layers 32] [--tiny]

Ours: base and adapter → q4_k_m in one pass. The usual way: PEFT's merge_and_unload, save_pretrained, then Ollama's own `create -q`, which
is converter and quantiser in one (it needs `make ollama`). Both on the first --rival-layers of the layers, for the usual way wants three
times the weights on disk; ours alone on all of them. DIRECTORY is emptied, and wants some 25 GB. No importance matrix on either side.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.ollama import VERSION, OllamaServer  # noqa: E402

from bench.make_8b import make  # noqa: E402

OURS = """
import sys
from pathlib import Path
from tweetstyle.model.base import read_base_model
from tweetstyle.export import export
from tweetstyle.recipe import Export, Sampling
from tweetstyle.prompt.template import build_template
base = read_base_model(Path(sys.argv[1]))
export(base, Path(sys.argv[2]), build_template("inst", "x", base.tokens), Export(), Sampling(), "x", Path(sys.argv[3]))
"""
MERGE = """
import shutil, sys
from pathlib import Path
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM
base, adapter, out = map(Path, sys.argv[1:])
model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16, low_cpu_mem_usage=True)
PeftModel.from_pretrained(model, adapter).merge_and_unload().save_pretrained(out)
for name in ("tokenizer.json", "tokenizer_config.json"):
    shutil.copyfile(base / name, out / name)
"""
POLL_SECONDS = 0.2


class Watch:
    """While the block runs: seconds, the highest memory (RSS) of a process and its children, the most bytes under some directories."""

    def __init__(self, *directories: Path, pid: int | None = None) -> None:
        self.directories, self.pid, self.peak, self.disk = directories, pid, 0, 0

    def __enter__(self) -> Watch:
        self._start, self._over = time.perf_counter(), threading.Event()
        self._thread = threading.Thread(target=self._poll)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._start
        self._over.set()
        self._thread.join()

    def _poll(self) -> None:
        while not self._over.wait(POLL_SECONDS):
            self.disk = max(self.disk, sum(map(stored, self.directories)))
            self.peak = max(self.peak, sum(map(resident, family(self.pid or os.getpid()))))


def stored(directory: Path) -> int:
    total = 0
    for path in directory.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue  # it was a temporary file
    return total


def family(pid: int) -> list[int]:
    """A process's children and theirs; for this process without itself."""
    found = [] if pid == os.getpid() else [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            for child in task.read_text().split():
                found += [int(child), *(p for p in family(int(child)) if p != int(child))]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def resident(pid: int) -> int:
    """Anonymous memory: pages of files that are only mapped can be dropped, on either side."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))


def run(program: str, *arguments: Path) -> None:
    subprocess.run([sys.executable, "-c", program, *map(str, arguments)], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def ours(model: Path, room: Path) -> dict[str, float]:
    with Watch(room / "out") as watch:
        run(OURS, model / "base", model / "adapter", room / "out" / "ours")
    (gguf,) = (room / "out" / "ours").glob("*.gguf")
    return figures(watch) | {"result_gb": gb(gguf.stat().st_size)}


def the_usual_way(model: Path, room: Path, binary: Path) -> dict[str, float]:
    merged, home = room / "merged", room / "ollama"
    home.mkdir()
    with Watch(merged) as merge:
        run(MERGE, model / "base", model / "adapter", merged)
    (room / "Modelfile").write_text(f"FROM {merged}\n")
    temporary = room / "tmp"
    temporary.mkdir()
    os.environ["TMPDIR"] = str(temporary)
    with OllamaServer(binary, home) as server, Watch(merged, home, temporary) as create:
        command = [str(binary), "create", "usual", "-q", "q4_K_M", "-f", str(room / "Modelfile")]
        subprocess.run(
            command, env=server.environment | {"TMPDIR": str(temporary)}, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    both = figures(merge), figures(create)
    return {
        "seconds": round(both[0]["seconds"] + both[1]["seconds"], 1),
        "seconds_merge": both[0]["seconds"],
        "seconds_convert_and_quantise": both[1]["seconds"],
        "peak_memory_gb": max(part["peak_memory_gb"] for part in both),
        "disk_gb": max(part["disk_gb"] for part in both),
    }


def figures(watch: Watch) -> dict[str, float]:
    return {"seconds": round(watch.seconds, 1), "peak_memory_gb": gb(watch.peak), "disk_gb": gb(watch.disk)}


def gb(count: int) -> float:
    return round(count / 1e9, 3)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("directory", type=Path)
    arguments.add_argument("--rival-layers", type=int, default=8)
    arguments.add_argument("--layers", type=int, default=32)
    arguments.add_argument("--tiny", action="store_true", help="a small model, to see whether it runs; writes no result")
    asked = arguments.parse_args()
    binary = ROOT / ".cache" / f"ollama-{VERSION}" / "ollama"
    if not binary.is_file():
        sys.exit("build Ollama first: make ollama")
    width, vocabulary = (512, 4096) if asked.tiny else (4096, 128256)
    result: dict = {"date": date.today().isoformat(), "cores": len(os.sched_getaffinity(0)), "machine": platform.machine()}
    result["versions"] = {name: version(name) for name in ("torch", "peft", "transformers", "xllamacpp", "gguf")} | {"ollama": VERSION}
    for layers, rival in ((asked.rival_layers, True), (asked.layers, False)):
        shutil.rmtree(asked.directory, ignore_errors=True)
        asked.directory.mkdir(parents=True)
        size = make(asked.directory, layers, width, vocabulary)
        part = {"layers": layers, "weights_gb": gb(size), "ours": ours(asked.directory, asked.directory)}
        shutil.rmtree(asked.directory / "out")
        if rival:
            part["usual"] = the_usual_way(asked.directory, asked.directory, binary)
            part["ours_again"] = ours(asked.directory, asked.directory)
            mean = (part["ours"]["seconds"] + part["ours_again"]["seconds"]) / 2
            part["time_ratio"] = round(mean / part["usual"]["seconds"], 3)
        result["both" if rival else "whole"] = part
        print(json.dumps(part, indent=2), flush=True)
        if not asked.tiny:
            (ROOT / "bench" / "results" / "export-8b.json").write_text(json.dumps(result, indent=2) + "\n")
    shutil.rmtree(asked.directory)


if __name__ == "__main__":
    main()

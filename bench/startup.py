"""How long `tweetstyle-fit --help` takes above an empty Python, in one run, alternated.  python bench/startup.py"""

from __future__ import annotations

import json
import platform
import shutil
import statistics
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

RUNS = 25
LIMIT_SECONDS = 0.15


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    door = shutil.which("tweetstyle-fit", path=str(Path(sys.executable).parent))
    if door is None:
        sys.exit("install the project first: make setup")
    commands = {"python -c pass": [sys.executable, "-c", "pass"], "tweetstyle-fit --help": [door, "--help"]}
    for command in commands.values():
        seconds(command)
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(RUNS):
        for name, command in commands.items():
            times[name].append(seconds(command))
    medians = {name: round(statistics.median(values), 4) for name, values in times.items()}
    above = round(medians["tweetstyle-fit --help"] - medians["python -c pass"], 4)
    result = {"date": date.today().isoformat(), "python": platform.python_version(), "median_seconds": medians, "above": above,
              "limit": LIMIT_SECONDS, "runs": RUNS}  # fmt: skip
    print(json.dumps(result, indent=2))
    out = Path(__file__).parent / "results" / "startup.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""Time and memory of the whole of `prepare`, near-duplicates and languages included, by size of the archive, on an idle machine.

    python bench/prepare.py [--sizes 10000 161259]

Every size runs in a fresh process, on an archive of bench/synthetic.py; memory is that process's peak. Writes
bench/results/prepare.json.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from synthetic import write_csv

RESULTS = Path(__file__).parent / "results"
SIZES = (10_000, 50_000, 161_259)
PREPARE = """
import json, resource, sys, time
from pathlib import Path
start = time.perf_counter()
from tweetstyle.prepare import prepare
from tweetstyle.recipe import Data, Prompt
from tweetstyle.prompt.template import SpecialTokens, build_template
data = Data(source=[Path(sys.argv[1])], languages=("fr", "en"))
template = build_template("inst", "Bench", SpecialTokens("<s>", "</s>"))
prepared = prepare(data, Prompt(style="Bench"), template, Path(sys.argv[2]))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
found = {"seconds": round(time.perf_counter() - start, 2), "peak_mib": peak, "kept": prepared.kept}
print(json.dumps(found | {"dropped": prepared.dropped}))
"""


def measured(size: int, directory: Path) -> dict:
    write_csv(directory / "archive.csv", size)
    command = [sys.executable, "-c", PREPARE, str(directory / "archive.csv"), str(directory / "out")]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    return json.loads(subprocess.run(command, env=environment, cwd=directory, check=True, stdout=subprocess.PIPE).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--output", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    result = {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "versions": {name: version(name) for name in ("rensa", "lingua-language-detector", "numpy")},
        "sizes": {},
    }
    print(f"{'tweets':>9}{'seconds':>9}{'MiB':>7}{'kept':>9}")
    with tempfile.TemporaryDirectory() as temporary:
        for size in arguments.sizes:
            row = result["sizes"][size] = measured(size, Path(temporary))
            print(f"{size:>9,}{row['seconds']:>9.2f}{row['peak_mib']:>7,}{row['kept']:>9,}", flush=True)
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "prepare.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

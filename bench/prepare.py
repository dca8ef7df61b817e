"""Time and memory of the whole of `prepare`, near-duplicates and languages included, by shape and size of the archive.

    python bench/prepare.py [--sizes 20000 161259]

Shapes: tweets as people write them; long tweets that are all nearly the same; posts of 15,000 characters. Time grows linearly with
the rows of each. Every size runs in a fresh process, on an archive of bench/synthetic.py; seconds are the CPU's, memory is that
process's peak. Writes bench/results/prepare.json.
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
SIZES = {"tweets": (20_000, 161_259), "near-identical": (20_000, 40_000, 161_259), "long posts": (1_000, 4_000)}
PREPARE = """
import json, resource, sys, time
from pathlib import Path
from tweetstyle.prepare import prepare
from tweetstyle.recipe import Data, Prompt
from tweetstyle.prompt.template import SpecialTokens, build_template
data = Data(source=[Path(sys.argv[1])], languages=("fr", "en"))
template = build_template("inst", "Bench", SpecialTokens("<s>", "</s>"))
prepared = prepare(data, Prompt(style="Bench"), template, Path(sys.argv[2]))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
found = {"seconds": round(time.process_time(), 2), "peak_mib": peak, "kept": prepared.kept}
print(json.dumps(found | {"dropped": prepared.dropped}))
"""


def measured(size: int, shape: str, directory: Path) -> dict:
    write_csv(directory / "archive.csv", size, shape=shape)
    command = [sys.executable, "-c", PREPARE, str(directory / "archive.csv"), str(directory / "out")]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    return json.loads(subprocess.run(command, env=environment, cwd=directory, check=True, stdout=subprocess.PIPE).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", help="of every shape")
    parser.add_argument("--output", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    result = {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "versions": {name: version(name) for name in ("rensa", "lingua-language-detector", "numpy")},
        "shapes": {shape: {} for shape in SIZES},
    }
    print(f"{'shape':<16}{'rows':>9}{'seconds':>9}{'MiB':>7}{'kept':>9}")
    with tempfile.TemporaryDirectory() as temporary:
        for shape, size in ((shape, size) for shape, sizes in SIZES.items() for size in arguments.sizes or sizes):
            row = result["shapes"][shape][size] = measured(size, shape, Path(temporary))
            print(f"{shape:<16}{size:>9,}{row['seconds']:>9.2f}{row['peak_mib']:>7,}{row['kept']:>9,}", flush=True)
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "prepare.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

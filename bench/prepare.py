"""Time and memory of the whole of `prepare`, near-duplicates and languages included, by size of the archive, on an idle machine.

    python bench/prepare.py [--sizes 10000 161259 500000] [--no-rivals]

Every size runs in a fresh process, on an archive of bench/synthetic.py. Memory is the proportional set size (PSS) of that
process and its workers together, sampled five times a second: what the machine has to have. In the same run two others get the same
tweets: datasketch, which only looks for near-duplicates (MinHash and LSH over the same 5-grams, threshold and bands of its own), and
pandas cleaning as scripts do it (drop_duplicates and regular expressions). Writes bench/results/prepare.json and prepare.svg.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from synthetic import write_csv

RESULTS = Path(__file__).parent / "results"
SIZES = (10_000, 20_000, 50_000, 100_000, 161_259, 250_000, 500_000)
USERS_OWN = 161_259
TINY = 300
"""Tweets of an archive that takes nothing but the start: imports, language models, the report."""
LIMITS = {
    "seconds, 161,259 tweets": 15.0,
    "MiB, 161,259 tweets": 1024,
    "MiB, 500,000 tweets": 2048,
    "time per tweet, over any smaller size's": 1.2,
}

PREPARE = """
import json, sys, time
from pathlib import Path
if __name__ == "__main__":
    start = time.perf_counter()
    from tweetstyle.prepare import prepare
    from tweetstyle.recipe import Data, Prompt
    from tweetstyle.prompt.template import SpecialTokens, build_template
    data = Data(source=[Path(sys.argv[1])], languages=("fr", "en"))
    template = build_template("inst", "Bench", SpecialTokens("<s>", "</s>"))
    prepared = prepare(data, Prompt(style="Bench"), template, Path(sys.argv[2]))
    seconds = time.perf_counter() - start
    found = {"seconds": seconds, "kept": prepared.kept, "dropped": prepared.dropped, "leak": prepared.leak}
    Path(sys.argv[3]).write_text(json.dumps(found))
"""
DATASKETCH = """
import json, sys, time
import pandas
texts = [t.lower() for t in pandas.read_csv(sys.argv[1], dtype=str, keep_default_na=False).texte]
start = time.perf_counter()
from datasketch import MinHash, MinHashLSH
index, found = MinHashLSH(threshold=0.75, num_perm=128), 0
for number, text in enumerate(texts):
    grams = {text[i : i + 5].encode() for i in range(len(text) - 4)} or {text.encode()}
    signature = MinHash(num_perm=128)
    signature.update_batch(grams)
    found += bool(index.query(signature))
    index.insert(number, signature)
open(sys.argv[3], "w").write(json.dumps({"seconds": time.perf_counter() - start, "with a twin": found}))
"""
PANDAS = """
import json, sys, time
start = time.perf_counter()
import pandas
tweets = pandas.read_csv(sys.argv[1], dtype=str, keep_default_na=False)
tweets = tweets[~tweets.texte.str.startswith("RT @")]
tweets["texte"] = (
    tweets.texte.str.replace(r"https?://\\S+", "", regex=True)
    .str.replace(r"@\\w+", "", regex=True)
    .str.replace("&amp;", "&")
    .str.replace(r"\\s+", " ", regex=True)
    .str.strip()
)
tweets = tweets[tweets.texte.str.len() >= 10].drop_duplicates("texte")
tweets.to_csv(sys.argv[2] + ".csv", index=False)
open(sys.argv[3], "w").write(json.dumps({"seconds": time.perf_counter() - start, "kept": len(tweets)}))
"""


def family(pid: int) -> list[int]:
    """The process and all below it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while it was looked at
            children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += children.get(found[-1], [])
    return found


def pss_mib(pid: int) -> float:
    total = 0
    for member in family(pid):
        try:
            rollup = Path(f"/proc/{member}/smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it ended while it was looked at
        if found := re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE):
            total += int(found[1])
    return total / 1024


def measured(script: str, archive: Path, directory: Path) -> dict:
    """What the script found, and the peak memory of its processes."""
    result, program = directory / "result.json", directory / "measured.py"
    program.write_text(script)
    command = [sys.executable, str(program), str(archive), str(directory / "out"), str(result)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run(command, env=environment, stderr=subprocess.DEVNULL, cwd=directory, check=True)
    found = json.loads(result.read_text())
    # Memory in a run of its own: to ask for it halts the processes for a moment, and took a tenth of the time.
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, cwd=directory)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, pss_mib(process.pid))
        time.sleep(0.2)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed")
    return found | {"seconds": round(found["seconds"], 2), "peak_pss_mib": round(peak)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--no-rivals", action="store_true")
    parser.add_argument("--output", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    sizes, rivals = {}, {}
    print(f"{'tweets':>9}{'seconds':>9}{'ms/tweet':>10}{'MiB':>7}{'kept':>9}")
    with tempfile.TemporaryDirectory() as temporary:
        directory, archive = Path(temporary), Path(temporary) / "archive.csv"
        for size in (TINY, *sorted(arguments.sizes)):
            write_csv(archive, size)
            sizes[size] = measured(PREPARE, archive, directory)
            row = sizes[size]
            print(
                f"{size:>9,}{row['seconds']:>9.2f}{1000 * row['seconds'] / size:>10.4f}{row['peak_pss_mib']:>7,}{row['kept']:>9,}",
                flush=True,
            )
            if size == USERS_OWN and not arguments.no_rivals:
                rivals = {name: measured(script, archive, directory) for name, script in (("datasketch", DATASKETCH), ("pandas", PANDAS))}
    start = sizes.pop(TINY)["seconds"]
    claims = claimed(sizes, rivals)
    about = {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
    }
    packages = ("rensa", "lingua-language-detector", "numpy", "datasketch", "pandas")
    about["versions"] = {name: version(name) for name in packages}
    result = about | {"start_seconds": start, "sizes": sizes, "others, on 161,259 tweets": rivals, "claims": claims}
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "prepare.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    (arguments.output / "prepare.svg").write_text(drawing(sizes, start), encoding="utf-8")
    for name, claim in claims.items():
        print(f"{name}: {claim['measured']:,} (limit {claim['limit']:,}) {'' if claim['met'] else 'MISSED'}")
    sys.exit(not all(claim["met"] for claim in claims.values()))


def claimed(sizes: dict[int, dict], rivals: dict[str, dict]) -> dict[str, dict]:
    """Each claim with what was measured."""
    found: dict[str, float] = {}
    if USERS_OWN in sizes:
        found["seconds, 161,259 tweets"] = sizes[USERS_OWN]["seconds"]
        found["MiB, 161,259 tweets"] = sizes[USERS_OWN]["peak_pss_mib"]
    if 500_000 in sizes:
        found["MiB, 500,000 tweets"] = sizes[500_000]["peak_pss_mib"]
    per_tweet = [sizes[size]["seconds"] / size for size in sorted(sizes)]
    pairs = [after / before for place, before in enumerate(per_tweet) for after in per_tweet[place + 1 :]]
    found["time per tweet, over any smaller size's"] = round(max(pairs), 2) if pairs else 1.0
    claims = {name: {"measured": value, "limit": LIMITS[name], "met": value <= LIMITS[name]} for name, value in found.items()}
    if rivals:
        share = round(sizes[USERS_OWN]["seconds"] / rivals["datasketch"]["seconds"], 2)
        claims["time over datasketch's"] = {"measured": share, "limit": 1.0, "met": share <= 1}
    return claims


def drawing(sizes: dict[int, dict], start: float) -> str:
    """Time per tweet, with and without the start, by size."""
    width, height, left, bottom = 640, 300, 60, 40
    lines = {
        "with the start": [(n, 1e6 * r["seconds"] / n) for n, r in sizes.items()],
        "without": [(n, 1e6 * (r["seconds"] - start) / n) for n, r in sizes.items()],
    }
    top = 1.15 * max(y for points in lines.values() for _, y in points)
    far = max(sizes)

    def at(n: float, y: float) -> str:
        return f"{left + (width - left - 20) * n / far:.1f},{height - bottom - (height - bottom - 20) * y / top:.1f}"

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">']
    parts.append(f'<title>prepare: microseconds per tweet by size</title><rect width="{width}" height="{height}" fill="#fff"/>')
    for step in range(5):
        x, y = at(0, top * step / 4).split(",")
        parts.append(f'<line x1="{x}" y1="{y}" x2="{width - 20}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6}" y="{float(y) + 4:.1f}" text-anchor="end">{top * step / 4:.0f}</text>')
    for n in sizes:
        x, y = at(n, 0).split(",")
        if n in (min(sizes), 100_000, USERS_OWN, 250_000, far):
            parts.append(f'<text x="{x}" y="{float(y) + 16:.1f}" text-anchor="middle">{n // 1000}k</text>')
    for (name, points), colour in zip(lines.items(), ("#c96f1a", "#1f6feb"), strict=True):
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{" ".join(at(*p) for p in points)}"/>')
        x, y = at(*points[-1]).split(",")
        below = 16 if name == "without" else -8
        parts.append(f'<text x="{float(x) - 4}" y="{float(y) + below:.1f}" text-anchor="end" fill="{colour}">{name}</text>')
    parts.append(f'<text x="{left}" y="14">microseconds per tweet, by tweets in the archive</text></svg>')
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    main()

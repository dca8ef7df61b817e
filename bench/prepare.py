"""Time and memory of `prepare` on an archive of synthetic rows, in a fresh process.

    python bench/prepare.py [--rows 161259]

Makes the archive itself (invented words in French and English sentences, with retweets, replies, links, hashtags, emoji,
entities, line breaks and duplicates), prints a table and writes bench/results/prepare.json.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

LIMITS = {"seconds": 15.0, "peak_rss_mib": 1024.0}
FUNCTION_WORDS = {
    "fr": "le la les un une des du de à dans pour sur avec et mais que qui je tu il on nous c'est pas plus bien très ce mon ma".split(),
    "en": "the a an of to in on at with and but that who i you he we it's not more very this my so just all for from is was".split(),
}
SYLLABLES = "ba bo bri cha cou dal dé fi fla gou gri hi ja lan li lou ma mé mi mou na nor o pa pé pli ra rou sa sel ti tor vi zé".split()
EMOJI = ["🦊", "👩🏽‍🚀", "❄️", "😂😂", "🇨🇦", "…", "!!", " !", "\u00a0?", "."]

MEASURED = """
import json, resource, sys, time
from pathlib import Path
start = time.perf_counter()
from tweetstyle.prepare import prepare
from tweetstyle.recipe import Data, Prompt
from tweetstyle.template import SpecialTokens, build_template
template = build_template("inst", "Bench", SpecialTokens("<s>", "</s>"))
prepared = prepare(Data(source=Path(sys.argv[1])), Prompt(style="Bench"), template, Path(sys.argv[2]))
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
result = {"seconds": round(seconds, 2), "peak_rss_mib": round(peak, 1), "read": prepared.read, "kept": prepared.kept}
result |= {"dropped": prepared.dropped, "with_topic": prepared.with_topic}
print(json.dumps(result))
"""


def invented_words(count: int, source: random.Random) -> tuple[list[str], list[float]]:
    """Words and their cumulative weights by Zipf's law."""
    words = {"".join(source.choices(SYLLABLES, k=source.randint(2, 4))) for _ in range(count)}
    return sorted(words), list(accumulate(1 / (rank + 3) for rank in range(len(words))))


def invented_text(source: random.Random, words: list[str], weights: list[float]) -> str:
    function_words = FUNCTION_WORDS["fr" if source.random() < 0.8 else "en"]
    length = source.randint(4, 26)
    contents = source.choices(words, cum_weights=weights, k=length)
    parts = [word if source.random() < 0.5 else f"{source.choice(function_words)} {word}" for word in contents]
    text = " ".join(parts[: length * 2 // 3 + 1]) + source.choice(EMOJI)
    chance = source.random()
    if chance < 0.12:
        text = f"RT @{parts[0][:15].replace(' ', '_')}: {text}"
    elif chance < 0.35:
        text = f"@{source.choice(words)} {text}"
    elif chance < 0.45:
        text += f" https://t.co/{source.getrandbits(48):x}"
    elif chance < 0.55:
        text += f" #{source.choice(words)}"
    elif chance < 0.60:
        text = text.replace(" ", "\n", 1) + " &amp; " + source.choice(words)
    elif chance < 0.63:
        text = source.choice(["Bonjour", "Merci beaucoup !", "ok", f"https://t.co/{source.getrandbits(48):x}"])
    return text


def write_archive(path: Path, rows: int) -> None:
    source = random.Random(7)
    words, weights = invented_words(40_000, source)
    moment, earlier = datetime(2012, 1, 1, tzinfo=UTC), ["un premier tweet de rien"]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("id_tweet", "texte", "date_creation"))
        for _ in range(rows):
            moment += timedelta(seconds=source.randint(60, 4000))
            text = source.choice(earlier) if source.random() < 0.04 else invented_text(source, words, weights)
            if source.random() < 0.05:
                earlier.append(text)
            snowflake = (int(moment.timestamp() * 1000) - 1288834974657 << 22) + source.getrandbits(12)
            writer.writerow((snowflake, text, moment.strftime("%Y-%m-%d %H:%M:%S")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=161_259)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "prepare.json")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        archive = Path(temporary) / "archive.csv"
        write_archive(archive, arguments.rows)
        command = [sys.executable, "-c", MEASURED, str(archive), f"{temporary}/processed"]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])
        mebibytes = archive.stat().st_size / 2**20
    result = json.loads(done.stdout)
    about = {"rows": arguments.rows, "archive_mib": round(mebibytes, 1), "limits": LIMITS}
    about |= {"date": datetime.now(UTC).date().isoformat(), "python": platform.python_version()}
    about |= {"machine": platform.machine(), "cpus": os.cpu_count()}
    arguments.output.write_text(json.dumps(about | result, indent=2) + "\n", encoding="utf-8")
    print(f"{arguments.rows:,} rows, {mebibytes:.1f} MiB, {result['kept']:,} kept")
    for name, limit in LIMITS.items():
        print(f"{name:<14}{result[name]:>10,.1f}   limit {limit:,.0f}   {'ok' if result[name] <= limit else 'MISSED'}")
    sys.exit(any(result[name] > limit for name, limit in LIMITS.items()))


if __name__ == "__main__":
    main()

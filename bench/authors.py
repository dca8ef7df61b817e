"""Does the measure move when the model does? One author's tweets are learned, another's stand beside them.

    python bench/authors.py AUTHOR OTHER TWEETS.csv [--minutes 10]

TWEETS.csv: columns author, id, created_at, text. SmolLM2 learns AUTHOR's tweets through the whole run but the export. Held: the gap to
AUTHOR's real tweets closes with its interval above 0; AUTHOR's tweets gain more than OTHER's; and all within the minutes.
Writes figures, no text, to bench/results/authors.json.
"""

import argparse
import csv
import json
import platform
import subprocess
import sys
import tempfile
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
RECIPE = """\
data: {{source: author.csv, processed: data}}
prompt: {{format: inst, style: Someone}}
model: {{base: {base}, method: lora, lora: {{r: 16, lora_alpha: 32}}}}
training:
  {{max_steps: {steps}, max_length: 512, per_device_train_batch_size: 1, gradient_accumulation_steps: 2, learning_rate: 2e-3,
    warmup_steps: 5, optim: adamw_torch, gradient_checkpointing: false, eval_steps: 30, save_steps: 30, samples: 0}}
evaluation: {{samples: {samples}, max_tweets: 150, examples: 5, others: other.csv}}
sampling: {{num_predict: 60}}
"""
STAGES = ("prepare", "fit", "evaluate")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("author", nargs="?")
    parser.add_argument("other", nargs="?")
    parser.add_argument("tweets", nargs="?", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--steps", type=int, default=90)
    parser.add_argument("--samples", type=int, default=100)
    arguments = parser.parse_args()
    if arguments.author is None:
        print("nothing is measured without real tweets of two authors: python bench/authors.py AUTHOR OTHER TWEETS.csv")
        return
    if arguments.tweets is None:
        parser.error("AUTHOR, OTHER and TWEETS.csv go together")
    with tempfile.TemporaryDirectory() as room:
        result = one_run(arguments, Path(room))
    result |= {"date": date.today().isoformat(), "machine": f"{platform.machine()}, {cores()} cores", "versions": versions()}
    name = PROJECT / "bench" / "results" / "authors.json"
    results = json.loads(name.read_text()) if name.is_file() else {}
    results[f"{arguments.author} against {arguments.other}"] = result
    name.write_text(json.dumps(results, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    failed = [claim for claim, held in result["claims"].items() if not held]
    if failed:
        sys.exit(f"not so: {'; '.join(failed)}")


def one_run(arguments: argparse.Namespace, room: Path) -> dict:
    kept = {name: write_csv(arguments.tweets, name, room / file) for name, file in named(arguments)}
    recipe = room / "one.yaml"
    base = (PROJECT / "model" / "smollm2-135m-instruct").resolve()
    recipe.write_text(RECIPE.format(base=base, steps=arguments.steps, samples=arguments.samples))
    seconds = {}
    for stage in STAGES:
        start = time.monotonic()
        subprocess.run([Path(sys.executable).with_name("tweetstyle"), stage, "one.yaml"], cwd=room, check=True)
        seconds[stage] = round(time.monotonic() - start, 1)
    found = json.loads((room / "model" / "one" / "evaluation.json").read_text())
    style, test = found["style"], found["splits"]["test"]
    figures = {
        "gain_bits_per_byte": ends(test["gain"]),
        "gain_over_best_baseline": ends(test["over_best"]) | {"best": test["best"]},
        "gain_on_other": ends(found["specificity"]["others"]),
        "specificity": ends(found["specificity"]["difference"]),
        "auc": {who: distance and ends(distance["auc"]) for who, distance in style["to"].items()},
        "gap_closed": style["gap_closed"]["tuned"] and ends(style["gap_closed"]["tuned"]),
        "whole_tweets_compared": style["whole"],
        "copied_beyond_real": ends(style["copying"]["excess"]),
    }
    gap = figures["gap_closed"]
    claims = {
        "the gap closed is above 0 with its interval": bool(gap and gap["low"] is not None and gap["low"] > 0),
        "the author gains more than the other": (figures["specificity"]["low"] or 0) > 0,
        f"within {arguments.minutes:g} minutes": sum(seconds.values()) <= 60 * arguments.minutes,
    }
    return {"tweets": kept, "steps": arguments.steps, "samples": arguments.samples, "seconds": seconds, **figures, "claims": claims}


def named(arguments: argparse.Namespace) -> list[tuple[str, str]]:
    return [(arguments.author, "author.csv"), (arguments.other, "other.csv")]


def write_csv(source: Path, author: str, path: Path) -> int:
    """The author's rows of `source`; how many."""
    with source.open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["author"] == author]
    if not rows:
        sys.exit(f"{source}: no tweet of {author}")
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ["id", "created_at", "text"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


def ends(interval: dict) -> dict:
    return {name: interval[name] and round(interval[name], 4) for name in ("estimate", "low", "high")}


def cores() -> int:
    import os

    return len(os.sched_getaffinity(0))


def versions() -> dict[str, str]:
    return {name: version(name) for name in ("tweetstyle", "torch", "unsloth", "transformers", "scikit-learn")}


if __name__ == "__main__":
    main()

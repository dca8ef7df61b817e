"""Small training runs for the tests: a few invented tweets as a split, settings of seconds, and a run in a process of its own."""

import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tweetstyle.model.base import read_base_model
from tweetstyle.prompt.template import Template, build_template
from tweetstyle.recipe import Lora, Model, Training
from tweetstyle.records import Tweet, write_split
from tweetstyle.train import FitInputs, fit

SUBJECTS = ("la neige", "le métro", "my cat", "the ferry", "le café", "l'hiver", "a red bike", "le marché", "the library", "la pluie")
VERBS = ("encore", "still waiting for", "j'aime", "personne ne parle de", "again with", "bon matin à", "no news from", "vive")
ENDINGS = ("bref.", "voilà 🙂", "and that's that.", "…", "on verra bien.", "#montréal", "c'est tout", "who knew?")


def invented_tweets(count: int, seed: int = 0) -> list[Tweet]:
    """Tweets of three random parts; three in four have a topic."""
    chance = random.Random(seed)
    tweets = []
    for number in range(count):
        subject = chance.choice(SUBJECTS)
        text = f"{chance.choice(VERBS)} {subject} {number} {chance.choice(ENDINGS)}"
        topic = subject if chance.random() < 0.75 else None
        tweets.append(Tweet(str(9007199254740993 + number), text, f"2024-01-01T00:00:{number % 60:02d}Z", topic=topic))
    return tweets


def write_tweets(path: Path, tweets: list[Tweet]) -> Path:
    with path.open("w", encoding="utf-8") as stream:
        write_split(stream, tweets, lambda tweet: tweet.text)
    return path


def inst_template(base_dir: Path) -> Template:
    return build_template("inst", "Nimzo", read_base_model(base_dir).tokens)


def small_training(**changes: Any) -> Training:
    """Packs of 128 tokens, two to a step, a validation and a checkpoint every third step."""
    settings = {
        "max_length": 128, "max_steps": 9, "per_device_train_batch_size": 1, "gradient_accumulation_steps": 2, "learning_rate": 2e-3,
        "warmup_steps": 1, "optim": "adamw_torch", "gradient_checkpointing": False, "eval_steps": 3, "save_steps": 3,
        "early_stopping_patience": 0, "samples": 0,
    }  # fmt: skip
    return Training(**settings | changes)


def run_fit(
    base_dir: Path,
    data: Path,
    directory: Path,
    method: str = "lora",
    lora: dict[str, Any] | None = None,
    validated: Callable[[], None] = lambda: None,
    **training: Any,
) -> SimpleNamespace:
    """fit over data/train.jsonl and data/validation.jsonl. Dropout is on by default, so that random numbers matter."""
    model = Model(base=base_dir, method=method, lora=Lora(**{"r": 4, "lora_alpha": 8, "lora_dropout": 0.1} | (lora or {})))
    splits = (data / "train.jsonl", data / "validation.jsonl")
    inputs = FitInputs(read_base_model(base_dir), inst_template(base_dir), model, small_training(**training), splits)
    return SimpleNamespace(**fit(inputs, directory, validated))


def start_fit(base_dir: Path, data: Path, directory: Path, **training: Any) -> subprocess.Popen:
    """The same in a process of its own, which can be killed. An error that a person is meant to read ends it with 1, on stderr."""
    program = (
        "import json, sys; from pathlib import Path; from support.small_runs import run_fit\n"
        "from tweetstyle.errors import TweetstyleError\n"
        "base, data, directory, training = sys.argv[1:]\n"
        "try: run_fit(Path(base), Path(data), Path(directory), **json.loads(training))\n"
        "except TweetstyleError as error: sys.exit(str(error))\n"
    )
    arguments = [str(base_dir), str(data), str(directory), json.dumps(training)]
    project = Path(__file__).resolve().parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.path[:0] = [{str(project)!r}, {str(project / 'tests')!r}]\n{program}", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def main_figures(metrics: Path) -> list[dict[str, Any]]:
    """The lines of a metrics.jsonl without what a clock and the machine say."""
    clocks = ("seconds", "tokens_per_second", "memory_gib")
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    return [{name: value for name, value in line.items() if name not in clocks} for line in lines]

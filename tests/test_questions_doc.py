"""docs/questions.md: its Python examples print what it says, and its figures are computed."""

import math
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from tokenizers import Tokenizer

from tweetstyle.train.metrics import Metrics, train_output

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "questions.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"(?ms)^```python\n(.*?)^```$", TEXT)
PRINTED = re.search(r"(?ms)^    (TrainOutput\(.*?\}\))$", TEXT)[1]
OUTPUT = eval(PRINTED, {"TrainOutput": lambda **fields: SimpleNamespace(**fields)})  # noqa: S307


def answers() -> list[float]:
    """The last column of the table on TrainOutput."""
    rows = TEXT.split(PRINTED)[1].split("\n\n")[1].splitlines()[2:]
    return [float(re.search(r"[\d,.]+", row.split("|")[-2])[0].replace(",", "")) for row in rows]


@pytest.mark.parametrize("code", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_prints_what_it_says(code, tmp_path):
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.stdout.splitlines() == re.findall(r"# → (.*)", code), done.stderr


def test_what_train_output_says_is_computed():
    figures = OUTPUT.metrics
    seen = figures["train_samples_per_second"] * figures["train_runtime"]
    examples, steps = seen / figures["epoch"], OUTPUT.global_step / figures["epoch"]
    batch = math.ceil(examples / steps)
    assert math.ceil(examples / batch) == steps and f"{round(examples):,} ÷ 230 = {examples / steps:.2f}" in TEXT
    weights = figures["total_flos"] / round(seen) / 6
    assert answers() == [
        round(seen),
        round(examples),
        steps,
        batch,
        round(figures["train_steps_per_second"] * figures["train_runtime"]),
        round(math.exp(OUTPUT.training_loss), 1),
        round(weights / 1e9, 2),
    ]
    assert round(weights / 64, -7) == 70e6 and figures["total_flos"] / seen < 6 * 8e9


def test_the_program_s_own_train_output_counts_the_same_way(tmp_path):
    (tmp_path / "metrics.jsonl").touch()
    metrics = Metrics(tmp_path / "metrics.jsonl")
    seconds = OUTPUT.metrics["train_runtime"] - 1
    metrics.append({"step": 690, "epoch": 3.0, "loss": OUTPUT.training_loss, "seconds": seconds})
    metrics.append({"step": 690, "eval_bits_per_byte": 1.0, "eval_loss": 2.0, "seconds": 1.0})
    state = {"global_step": 690, "num_input_tokens_seen": 1, "epoch": 3.0, "total_flos": 1.0}
    own = train_output(metrics, state, tweets=3672)
    assert own.global_step == OUTPUT.global_step and own.training_loss == OUTPUT.training_loss
    for name in ("train_runtime", "train_samples_per_second", "train_steps_per_second", "epoch"):
        assert own.metrics[name] == pytest.approx(OUTPUT.metrics[name], abs=0.001), name


def test_bytes_and_tokens_of_the_demo_s_tokenizer(base_model_dir):
    rows = re.findall(r"(?m)^\| `(.+?)` \| (\d+) \| (\d+) \| ([\d.]+) \|$", TEXT)
    tokenizer = Tokenizer.from_file(str(base_model_dir / "tokenizer.json"))
    counted = [(text, len(text.encode()), len(tokenizer.encode(text, add_special_tokens=False).ids)) for text, *_ in rows]
    assert [(text, f"{size}", f"{tokens}", f"{size / tokens:.2f}") for text, size, tokens in counted] == rows and len(rows) == 2

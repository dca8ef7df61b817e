"""A first try of the 12 GB recipe on a few tweets (`split: mini-train`) over the real small base model: it ends in a model to talk with."""

import json
import os
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SMALL = "  validation_fraction: 0.02\n  test_fraction: 0.02"
FIT = Path(sys.executable).parent / "tweetstyle-fit"

# Some minutes of one core: more on a busy machine than the usual limit allows.
pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def trial(base_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The project's directory and what the run printed. The recipe as it ships but for its base, its method and what takes time."""
    path = tmp_path_factory.mktemp("trial")
    text = (ROOT / "recipes" / "llama3-8b-12gb.yaml").read_text()
    for old, new in (
        (
            "source: data/sample/tweets.csv",
            f"source: {ROOT}/data/sample/tweets.csv\n  mini_train: 40\n  validation_fraction: 0.02\n  test_fraction: 0.02",
        ),
        ("base: model/llama3-8b ", f"base: {base_model_dir} "),
        ("method: qlora", "method: lora"),
        ("training:\n", "training:\n  split: mini-train\n  samples: 0\n"),
        ("export:\n", "evaluation: {max_tweets: 10, samples: 0, examples: 0}\nexport:\n  gate_tweets: 10\n  gate_answers: 5\n"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (path / "mine.yaml").write_text(text)
    environment = os.environ | {"OLLAMA_HOST": "127.0.0.1:9", "COLUMNS": "140"}
    done = subprocess.run([FIT, "mine.yaml"], cwd=path, env=environment, timeout=1100, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return path, done.stdout + done.stderr


def test_it_learns_and_ends_in_a_modelfile_with_its_schedule_printed_recorded_and_reported(trial: tuple[Path, str]) -> None:
    path, said = trial
    assert "\nFROM ./mine-q4_k_m.gguf\n" in (path / "export" / "mine" / "Modelfile").read_text()
    assert "ollama create mine -f export/mine/Modelfile" in said
    checks = json.loads((path / "export" / "mine" / "parity.json").read_text())["checks"]
    assert len(checks) >= 4 and not [check for check in checks if check["passed"] is False]
    assert "schedule: the recipe's settings give " in said and ", 2 steps (warm-up 1) for 40 tweets. Used instead: " in said
    facts = json.loads((path / "model" / "mine" / "fit.json").read_text())["facts"]
    assert facts["steps"] <= facts["plan"]["steps"] == facts["schedule"]["used"]["steps"] >= 30
    assert "With the recipe's settings, 40 tweets make" in unescape((path / "model" / "mine" / "report.html").read_text())
    lines = [json.loads(line) for line in (path / "model" / "mine" / "metrics.jsonl").read_text().splitlines()]
    curve = {line["step"]: line["eval_bits_per_byte"] for line in lines if "eval_bits_per_byte" in line}
    assert min(curve.values()) < 0.9 * curve[0] and len(curve) >= 5
    assert f"untrained: {curve[0]:.4f} bits per byte on the validation tweets" in said

"""Both notebooks run as they are, up to the chat: a folder takes the place of Drive or Kaggle, and a small model learns on the CPU."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
SMALL = {
    "data": {"mini_train": 40, "validation_fraction": 0.02, "test_fraction": 0.02},
    "training": {"samples": 0},
    "evaluation": {"max_tweets": 10, "samples": 0, "examples": 0},
    "export": {"types": ["q8_0"], "gate_tweets": 10, "gate_answers": 5},
}
"""Over recipes/demo.yaml: what takes minutes, made short."""

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def practice(base_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a person puts on Drive: the archive and the program; and the base model, where the runtime would download it to."""
    folder = tmp_path_factory.mktemp("drive")
    (folder / "data").mkdir()
    shutil.copy(ROOT / "data" / "sample" / "tweets.csv", folder / "data" / "tweets_tous.csv")
    recipe = yaml.safe_load((ROOT / "recipes" / "demo.yaml").read_text())
    for section, settings in SMALL.items():
        recipe.setdefault(section, {}).update(settings)
    (folder / "practice.yaml").write_text(yaml.safe_dump(recipe))
    subprocess.run(["git", "archive", "--format", "zip", "-o", folder / "tweetstyle.zip", "HEAD"], cwd=ROOT, check=True)
    return folder


def printed(name: str, practice: Path, base_model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What each code cell of the notebook prints, in a runtime that has just started."""
    shutil.rmtree(practice / "runtime", ignore_errors=True)
    (practice / "runtime").mkdir()
    (practice / "runtime" / "llama3-8b").symlink_to(base_model_dir)
    monkeypatch.setenv("TWEETSTYLE_PRACTICE", str(practice))
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    NotebookClient(notebook, timeout=1100, resources={"metadata": {"path": str(practice)}}).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return ["".join(output.get("text", "") for output in cell.outputs) for cell in cells]


def test_a_lost_runtime_resumes_from_what_is_kept(practice: Path, base_model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Colab's notebook learns; then Kaggle's starts on a fresh machine with the same kept folder, and trains nothing again."""
    *_, setup, base, plan, run, chat, home = printed("colab", practice, base_model_dir, monkeypatch)
    assert "requirements-turing.lock" in setup and base == ""
    assert "steps" in plan and "bits per byte" in run and "ollama create mine" in run
    assert chat.startswith("l’hiver\n") and len(chat.split("\n*\n")) == 2 and all(part.strip() for part in chat.split("\n*\n"))
    assert {"export/mine/Modelfile", "export/mine/mine-q8_0.gguf"} <= set(home.split())
    assert (practice / "model" / "mine" / "final_model").is_dir() and (practice / "data" / "processed" / "train.jsonl").is_file()
    trained = (practice / "model" / "mine" / "metrics.jsonl").read_bytes()

    *_, shown, _, _, _, run, chat, home = printed("kaggle", practice, base_model_dir, monkeypatch)
    assert "data/tweets_tous.csv" in shown and "ollama create mine" in run and "*\n" in chat
    assert (practice / "model" / "mine" / "metrics.jsonl").read_bytes() == trained and "up to date" in run

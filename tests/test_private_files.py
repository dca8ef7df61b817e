"""A user's tweets, models and exports cannot be committed by `git add -A`, wherever in the clone they are kept."""

import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]

TWEETS = (
    "data/tweets_tous.csv", "data/raw/twitter-2025-01-14-0123abcd.zip", "data/raw/twitter-2025-01-14-0123abcd/data/tweets.js",
    "data/processed/train.jsonl", "data/sample/mine.csv", "drive/MyDrive/colab/twitter2/data/tweets_tous.csv", "tweets_tous.csv",
    "tweets.js", "tweets.json", "tweets_tous.txt", "twitter-2025-01-14-0123abcd/data/tweets.js", "train.jsonl", "data/raw/tweets.ZIP",
    "tweets_tous.csv.bak", "tweets_tous.xlsx", "archive.json", "twitter2/data/dataset.arrow", "test/dataset_info.json",
)  # fmt: skip
MODELS = (
    "model/llama3-8b/model-00001-of-00004.safetensors", "model/llama3-8b-fine-tuned/config.json",
    "mon-style-de-tweet-v1/checkpoint-500/config.json", "mon-style-de-tweet-v1/trainer_state.json", "mon-style-de-tweet-v1/log.txt",
    "export/mine/Modelfile", "export/mine/mine-q4_k_m.gguf", "mine-q4_k_m.gguf",
)  # fmt: skip


def git(directory: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org", *arguments]
    return subprocess.run(command, cwd=directory, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with what the project tracks under the directories that users write to."""
    tracked = git(PROJECT, "ls-files", "--", ".gitignore", "data", "model", "export", "recipes").splitlines()
    for name in tracked:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, tmp_path / name)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--force", "--", *tracked)
    git(tmp_path, "commit", "--quiet", "--message", "The project's own files")
    return tmp_path


@pytest.mark.parametrize("names", [TWEETS, MODELS], ids=["tweets", "models"])
def test_git_ignores_every_file_of_a_user(clone: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_text("private", encoding="utf-8")
    assert git(clone, "status", "--porcelain", "--untracked-files=all") == ""


def test_git_still_sees_new_code_and_recipes(clone: Path) -> None:
    """The patterns hide users' files, not the project's: a package called model or export would be seen."""
    for name in ("tweetstyle/model/config.py", "tweetstyle/export/writer.py", "recipes/mine.yaml", "docs/data.md"):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).touch()
        assert name in git(clone, "status", "--porcelain", "--untracked-files=all")

"""Every command on every page exists: ours are parsed, and run where that is cheap; others are checked against the installed program."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from support.inspecting import chat
from support.x_archives import Post, write_archive
from test_docs_languages import FENCED, INDENTED, PAGES, blocks

from tweetstyle.cli import fit_command, tweetstyle
from tweetstyle.sources import open_archive

ROOT = Path(__file__).parents[1]
OLLAMA = ROOT / ".cache" / "ollama-0.11.4" / "ollama"
RUN_HERE = {"inspect", "prepare", "plan", "doctor", "tokens", "schema"}
OUTSIDE = ("sudo apt", "source", "cd", "git clone", "git archive", "kaggle", "rclone", "docker", "nvidia-smi")
"""Programs of others that are not run: of the system, or with an account, a network or a daemon that is not here."""
STANDS_FOR = {
    "RECIPE": "recipes/demo.yaml", "RECETTE": "recipes/demo.yaml", "recipe.yaml": "recipes/demo.yaml", "VERB": "plan",
    "ARCHIVE": "data/raw/archive.csv", "SOURCE": "data/raw/archive.csv", "MODEL": "model/smollm2-135m-instruct", "RUN": "model/demo",
    "MODÈLE": "model/smollm2-135m-instruct", "DOSSIER": "model/demo",
}  # fmt: skip
WORD = (
    r"(?:tweetstyle(?:-fit)?|make|ollama|hf|sudo|apt|source|nvidia-smi|\.venv/bin/\S+|docker|rclone|git|cd|python3?|pipx?|uv|curl|wget"
    r"|unzip|ssh|scp|rsync|conda|kaggle|brew|snap|pacman|dnf|systemctl)"
)


BEFORE = re.compile(r"(?:\w+=(?:\$\([^)]*\)|\S+) )*(?:docker compose (?:run --rm(?: -e \w+)?|exec) (?:tweetstyle|ollama) )?")
"""Variables, and the service of compose.yaml in which a command runs."""


def commands_of(page: Path) -> list[str]:
    """The lines of its blocks that begin with a program, and the code in its text that does and has more than the name."""
    text = page.read_text(encoding="utf-8")
    lines = [line.strip().removeprefix("$ ") for block in blocks(text) if not block.startswith("```python") for line in block.splitlines()]
    lines += [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", INDENTED.sub("", FENCED.sub("", text))) if " " in code]
    parts = [part[BEFORE.match(part).end() :] for line in lines for part in re.sub(r"\s+# .*", "", line.strip()).split(" && ")]
    return [part for part in dict.fromkeys(parts) if re.match(rf"{WORD}(?= |$)", part)]


COMMANDS = sorted({command for page in PAGES if page.name != "CHANGELOG.md" for command in commands_of(page)})


def words_of(command: str) -> list[list[str]]:
    """A command's words, one list for each of its alternatives (`prepare|fit`)."""
    words = [STANDS_FOR.get(word, word) for word in shlex.split(command.replace("…", "").replace("twitter-.zip", "twitter-2025-01-14.zip"))]
    alternatives = next((word.split("|") for word in words[1:2] if "|" in word), [None])
    return [[words[0], *([verb] if verb else words[1:2]), *words[2:]] for verb in alternatives]


OURS = [
    list(words) for words in {tuple(words): 0 for command in COMMANDS if command.startswith("tweetstyle") for words in words_of(command)}
]


def parsed(words: list[str]) -> click.Context:
    """Of a command of ours; click raises where an option or a verb does not exist or a value is wrong."""
    if words[0] == "tweetstyle-fit":
        return fit_command.make_context(words[0], words[1:])
    rest = words[3:] if words[1] == "--lang" else words[1:]
    return tweetstyle.commands[rest[0]].make_context(rest[0], rest[1:])


def test_there_are_commands_of_each_program_and_nothing_else():
    assert len(COMMANDS) > 50 and {words[0] for words in OURS} == {"tweetstyle", "tweetstyle-fit"}
    known = (*OUTSIDE, "tweetstyle", "make", "ollama", "hf auth ", "hf download", ".venv/bin/python -m pytest tests/")
    assert [command for command in COMMANDS if not command.startswith(known)] == []


@pytest.mark.parametrize("words", OURS, ids=" ".join)
def test_a_command_of_ours_is_parsed_and_names_a_recipe_that_exists(words):
    if len(words) > 2 or words[0] == "tweetstyle-fit":
        parsed(words)
    else:  # In a sentence: the verb alone.
        assert words[1] in tweetstyle.commands
    recipes = {word for word in words if word.startswith("recipes/") and not re.search(r"mine|NAME|NOM", word)}
    assert all((ROOT / recipe).is_file() for recipe in recipes)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A directory with the recipes, the small base model, and the sample archive as X would send it; a first recipe was written."""
    path = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "recipes", path / "recipes")
    shutil.copytree(ROOT / "data" / "sample", path / "data" / "sample")
    (path / "model").mkdir()
    (path / "model" / "smollm2-135m-instruct").symlink_to(ROOT / "model" / "smollm2-135m-instruct")
    shutil.copytree(ROOT / "data" / "sample", path / "data" / "raw")
    shutil.copy(ROOT / "data" / "sample" / "tweets.csv", path / "data" / "raw" / "archive.csv")
    posts = [Post(tweet.id, tweet.text, tweet.created_at) for tweet in open_archive([path / "data" / "raw" / "archive.csv"]).tweets()]
    write_archive(path / "data" / "raw" / "twitter-2025-01-14.zip", posts)
    chat(path / "data" / "raw" / "_chat.txt")
    written = ["--write-recipe", str(path / "recipes" / "mine.yaml")]
    assert CliRunner().invoke(tweetstyle, ["inspect", str(path / "data" / "raw" / "twitter-2025-01-14.zip"), *written]).exit_code == 0
    return path


RUN = [words for words in OURS if (words[0] == "tweetstyle" and words[1] in RUN_HERE and len(words) > 2) or "--dry-run" in words]


@pytest.mark.slow
@pytest.mark.parametrize("words", RUN, ids=" ".join)
def test_what_is_cheap_runs(words, project, base_model_dir, monkeypatch):
    """With exit code 0, or one message that says what is not here: a base model to be downloaded, or what doctor found."""
    monkeypatch.chdir(project)
    written = project / "recipes" / "mine.yaml"
    if "--write-recipe" in words:
        written.unlink(missing_ok=True)
    program = fit_command if words[0] == "tweetstyle-fit" else tweetstyle
    done = CliRunner().invoke(program, words[1:], env={"COLUMNS": "400"})
    missing = re.search(r"hf download|make base-model", done.output)
    assert done.exit_code == 0 or (isinstance(done.exception, SystemExit) and (missing or "doctor" in words)), done.output
    assert written.is_file()


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("make")])
def test_make_knows_its_target(command):
    done = subprocess.run(["make", "-n", *command.split()[1:]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("ollama")])
def test_ollama_has_the_command_and_the_option(command):
    """`create` and `run` of an exported model are run in tests/integration/test_whole_run.py."""
    if not OLLAMA.is_file():
        pytest.skip("Ollama is not built: run `make ollama` (needs Go and a C/C++ compiler)")
    words = shlex.split(command)
    done = subprocess.run([OLLAMA, words[1], "--help"], capture_output=True, text=True)
    assert f"ollama {words[1]}" in done.stdout and done.returncode == 0
    assert all(re.search(rf"(?:^|[\s,]){word}\b", done.stdout) for word in words if word.startswith("-"))


@pytest.mark.parametrize("verb", ["auth login", "auth logout", "auth whoami", "download"])
def test_hf_has_the_command_and_the_options(verb):
    done = subprocess.run([Path(sys.executable).parent / "hf", *verb.split(), "--help"], capture_output=True, text=True)
    commands = [shlex.split(command) for command in COMMANDS if command.startswith(f"hf {verb}")]
    assert done.returncode == 0 and commands
    assert {word for words in commands for word in words if word.startswith("--")} <= set(re.findall(r"--[a-z-]+", done.stdout))


def test_files_that_pytest_is_given_exist():
    named = [word for command in COMMANDS if "pytest" in command for word in command.split() if word.startswith("tests/")]
    assert named and all((ROOT / name).is_file() for name in named)

"""Every command on every page is run, here or in tests/integration/test_whole_run.py, or has a reason why not; ours are parsed too."""

import re
import shlex
import shutil
import subprocess
import sys
import zipfile
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
RUN_HERE = {"inspect", "prepare", "plan", "doctor", "tokens", "schema", "playback"}
OF_A_RUN = {"fit", "evaluate", "export", "chat", "write", "compare"}
"""Run in tests/integration/test_whole_run.py, and so are Ollama's commands."""
CLONE, DRIVE = ("git clone", "cd", "source", "git archive"), ("rclone copy", "rclone copyto")
"""In the order in which they are typed."""
NOT_RUN = {
    "sudo apt install": "it installs packages of the system",
    "docker compose build": "it needs Docker's daemon; test_docker.py reads what it would build",
    "kaggle kernels output": "it needs an account",
    "rclone config": "it asks questions",
    "rclone mount": "it needs FUSE",
    "nvidia-smi": "words of a message that docs/12gb.md explains",
    "hf auth": "it needs an account; its options are compared with the program's",
    "hf download": "it needs the hub; its options are compared with the program's",
    "ollama pull": "it needs Ollama's registry",
    "ollama serve": "it does not end; the tests' own Ollama is this command",
    "ollama create -q": "named in a table for what was measured with it",
    "tweetstyle start": "test_start.py and integration/test_start.py answer its questions",
    "tweetstyle tune": "test_tune.py runs it without its trainings, integration/test_tune.py makes these",
    "tweetstyle verify": "integration/test_gate.py runs it",
    "make demo": "it takes minutes; integration/test_whole_run.py runs the same stages on fewer tweets",
    "make test": "these tests",
    "make check": "a part of these tests",
    "make setup CARD=turing": "an environment of its own of 6 GB; test_doctor.py reads its lock",
    "make messages": "it writes the catalogue; test_locale.py compares what it would write",
    ".venv/bin/python -m pytest": "the file that it names is one of these tests",
}
"""Beginning of a command → why no test types it."""
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
    if "playback" in words[1:2]:  # Which not every recipe has.
        words = [word.replace("demo.yaml", "demo-chat.yaml") for word in words]
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


def is_run(words: list[str]) -> bool:
    """Whether a test types the command. One of ours without an operand is a verb's name in a sentence."""
    if words[0] == "tweetstyle":
        return len(words) == 2 or words[1] in RUN_HERE | OF_A_RUN
    return words[0] in ("tweetstyle-fit", "make", "ollama") or " ".join(words).startswith((*CLONE, *DRIVE))


def test_every_command_is_run_or_has_a_reason_why_not():
    assert len(COMMANDS) > 50 and {words[0] for words in OURS} == {"tweetstyle", "tweetstyle-fit"}
    typed = [words for command in COMMANDS for words in words_of(command)]
    excused = {beginning: [words for words in typed if " ".join(words).startswith(beginning)] for beginning in NOT_RUN}
    assert all(excused.values()), "a reason for a command that no page has"
    assert [words for words in typed if not is_run(words) and not any(words in found for found in excused.values())] == []


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
    for base in ("smollm2-135m-instruct", "smollm2-135m-instruct.gguf"):
        (path / "model" / base).symlink_to(ROOT / "model" / base)
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
def test_make_makes_its_target_or_knows_it(command):
    dry = ["--dry-run"] * command.startswith(tuple(NOT_RUN))
    done = subprocess.run(["make", *dry, *command.split()[1:]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def beginning_with(beginnings: tuple[str, ...]) -> list[str]:
    """Commands of the pages, in the order of their beginnings."""
    return [command for beginning in beginnings for command in COMMANDS if command.startswith(f"{beginning} ")]


def test_a_clone_holds_the_program_and_becomes_the_zip_of_the_notebooks(tmp_path):
    if not (ROOT / ".git").exists():
        pytest.skip("not a git repository")
    clone, enter, activate, archive = beginning_with(CLONE)
    typed = [clone.replace("ADDRESS", str(ROOT)), enter, f"ln -s {ROOT}/.venv .venv", activate, archive, "command -v tweetstyle"]
    done = subprocess.run(["bash", "-ec", "\n".join(typed)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.strip() == f"{ROOT}/.venv/bin/tweetstyle", done.stderr
    assert {"Makefile", "recipes/llama3-8b-t4.yaml"} <= set(zipfile.ZipFile(tmp_path / "tweetstyle" / "tweetstyle.zip").namelist())


@pytest.mark.skipif(not shutil.which("rclone"), reason="rclone is not installed")
def test_rclone_takes_the_archive_to_drive_and_brings_the_export_home(tmp_path, monkeypatch):
    """A folder is in Drive's place."""
    drive = tmp_path / "drive" / "colab" / "twitter2"
    for name in (drive / "export/mine/Modelfile", tmp_path / "tweetstyle.zip", tmp_path / "data/processed/tweets_tous_nettoyes.csv"):
        name.parent.mkdir(parents=True, exist_ok=True)
        name.write_text(name.name)
    for name, value in {
        "CONFIG": str(tmp_path / "none"),
        "CONFIG_GOOGLEDRIVE_TYPE": "alias",
        "CONFIG_GOOGLEDRIVE_REMOTE": str(tmp_path / "drive"),
    }.items():
        monkeypatch.setenv(f"RCLONE_{name}", value)
    for command in (commands := set(beginning_with(("rclone copy", "rclone copyto")))):
        subprocess.run(shlex.split(command), cwd=tmp_path, check=True)
    assert len(commands) == 3 and (tmp_path / "export/mine/Modelfile").read_text() == "Modelfile"
    assert [(drive / name).read_text() for name in ("tweetstyle.zip", "data/tweets_tous.csv")] == [
        "tweetstyle.zip",
        "tweets_tous_nettoyes.csv",
    ]


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("ollama")])
def test_ollama_has_the_command_and_the_option(command):
    """Those of a model are run in tests/integration/test_whole_run.py."""
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

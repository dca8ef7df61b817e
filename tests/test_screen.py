"""What is printed: in any encoding, wrapped at words, with colours where they are wanted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.terminal import Terminal

from tweetstyle.console import rich_console, wrapped

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
# PYTHONUTF8=0 keeps Python from its UTF-8 mode, which it else takes in the locale C.
ENCODINGS = {"latin-1": {"PYTHONIOENCODING": "latin-1"}, "locale C": {"LC_ALL": "C", "PYTHONUTF8": "0"}}
TWEETS = "id_tweet,texte,date_creation\n" + "".join(
    f"{100 + day},journée n° {day} — il a neigé « encore » … voilà 🙂,2024-{1 + day % 12:02d}-11 10:00:{day:02d}\n" for day in range(40)
)
RECIPE = """\
data: {source: données/été.csv, processed: out, near_duplicate_jaccard: 1, automatic_posts: keep}
prompt: {format: text, style: Zoé}
model: {base: base, method: lora}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory, base_model_dir) -> Path:
    path = tmp_path_factory.mktemp("encodings")
    (path / "données").mkdir()
    (path / "données" / "été.csv").write_text(TWEETS, encoding="utf-8")
    (path / "mine.yaml").write_text(RECIPE, encoding="utf-8")
    (path / "wrong.yaml").write_text(RECIPE.replace("été", "été-là"), encoding="utf-8")
    (path / "base").symlink_to(base_model_dir)
    return path


def printed(project: Path, setting: str, *command: str) -> tuple[int, str]:
    """Exit code and output, read as nothing but that encoding. The environment's own settings of it are left out."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHONUTF8", "PYTHONIOENCODING"))}
    environment = plain | {"LANG": "C.UTF-8"} | ENCODINGS[setting]
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=project, env=environment, capture_output=True, check=False)
    return done.returncode, (done.stdout + done.stderr).decode("ascii" if setting == "locale C" else setting)


@pytest.mark.parametrize("setting", ENCODINGS)
def test_a_command_prints_and_exits_as_usual_in_every_encoding(project, setting):
    code, text = printed(project, setting, "tweetstyle", "inspect", "données/été.csv")
    assert code == 0 and ("journée" if setting == "latin-1" else "journ?e") in text and "voil" in text, text
    code, text = printed(project, setting, "tweetstyle", "prepare", "mine.yaml", "--force")
    assert code == 0 and "out/report.html" in text, text
    code, text = printed(project, setting, "tweetstyle", "prepare", "wrong.yaml")
    assert code == 1 and "there is no such file" in text and "did you mean" in text and "Traceback" not in text, text


HINT = (
    "model/llama3-8b: there is no base model here\n"
    "  → accept its licence on the hub, then hf download meta-llama/Meta-Llama-3-8B --exclude 'original/*' --local-dir model/llama3-8b, or "
    "take a model that is in /home/somebody/models/a-directory-with-a-very-long-name-indeed/llama3-8b-instruct/snapshots/0123456789 already"
)


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_lines_break_between_words_and_within_no_path(columns):
    lines = wrapped(HINT, columns).splitlines()
    assert " ".join(line.strip() for line in lines) == HINT.replace("\n  →", " →")
    assert all(line.startswith("    ") for line in lines[2:])
    assert all("snapshots/0123456789" in line for line in lines if len(line) > columns)


def test_no_line_breaks_at_a_no_break_space():
    text = "le modèle\u00a0: « il écrit\u202f», à 95\u202f%, 122\u202f367 tokens\u202f; et vous\u202f?"
    for columns in range(40, 10, -1):
        console = rich_console(width=columns)
        with console.capture() as shown:
            console.print(text, highlight=False, markup=False)
        for lines in (shown.get().splitlines(), wrapped(text, columns).splitlines()):
            assert " ".join(line.strip(" ") for line in lines) == text


def test_without_a_terminal_lines_stay_whole_and_bars_are_drawn_in_ascii_too():
    program = (
        "from tweetstyle.console import *; print_in_any_encoding(); say('word ' * 100, err=False); "
        r"print(bar(0.55, 10), '\U0001f642 \xab\xa0l\u2019\xe9t\xe9\u2026\xa0\xbb\u202f?')"
    )
    environment = os.environ | ENCODINGS["locale C"]
    done = subprocess.run([sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, check=True)
    assert done.stdout == b"word " * 100 + b'\n###### ? " l\'?t?... " ?\n'


def test_what_fails_is_red_and_colours_can_be_left_out(tmp_path):
    (tmp_path / "mine.yaml").write_text(RECIPE.replace("base: base", "base: nowhere/at-all"), encoding="utf-8")
    plain = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"TERM": "xterm"}
    for environment, red in ((plain, True), (plain | {"NO_COLOR": "1"}, False)):
        terminal = Terminal([str(BIN / "tweetstyle"), "doctor", "mine.yaml"], environment, 70, tmp_path)
        try:
            terminal.finish(120)
            (row,) = [line for line in terminal.output.splitlines() if "fail  base model" in line]
            assert ("\x1b[31m" in row) == red == ("\x1b[" in terminal.output)
        finally:
            terminal.close()

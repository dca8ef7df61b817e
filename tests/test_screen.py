"""What is printed: in any encoding, wrapped at words, with colours where they are wanted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.terminal import Terminal

from tweetstyle.console import rich_console, say, wrapped

BIN = Path(sys.executable).parent
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0"}
"""PYTHONUTF8=0 keeps Python from its UTF-8 mode, which it else takes in the locale C."""
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


def printed(project: Path, *command: str) -> tuple[int, str]:
    """Exit code and output, which must be ASCII. The environment's own settings of it are left out."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHONUTF8", "PYTHONIOENCODING"))}
    done = subprocess.run([BIN / "tweetstyle", *command], cwd=project, env=plain | ASCII, capture_output=True, check=False)
    return done.returncode, (done.stdout + done.stderr).decode("ascii")


def test_a_command_prints_and_exits_as_usual_where_letters_are_missing(project):
    code, text = printed(project, "inspect", "données/été.csv")
    assert code == 0 and "journ?e" in text, text
    code, text = printed(project, "prepare", "mine.yaml", "--force")
    assert code == 0 and "out/report.html" in text, text
    code, text = printed(project, "prepare", "wrong.yaml")
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


def test_without_a_terminal_lines_stay_whole(capsys):
    say("word " * 100, err=False)
    assert capsys.readouterr().out == "word " * 100 + "\n"


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

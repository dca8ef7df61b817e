"""`tweetstyle start`: each step at a pseudo-terminal in both languages, what it writes, and how it continues."""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console
from support.fake_ollama import FakeOllama
from support.inspecting import chat, posts
from support.terminal import Terminal
from support.x_archives import write_archive

from tweetstyle import pipeline
from tweetstyle.cli import tweetstyle
from tweetstyle.hardware.gpu import named_card
from tweetstyle.manifest import Manifest
from tweetstyle.plan.schedule import effective_schedule
from tweetstyle.recipe_yaml import read_recipe
from tweetstyle.start.archive import candidates, default_style, downloads, run_name
from tweetstyle.start.base import MESSAGES, SUBJECT, fitting
from tweetstyle.start.dialogue import Answers, Questions, unfinished
from tweetstyle.start.recipes import write_recipes
from tweetstyle.start.trial import estimated_time, side_by_side

SAMPLE = Path(__file__).parents[1] / "data" / "sample" / "tweets.csv"
PROGRAM = Path(sys.executable).parent / "tweetstyle"
WORDS = {
    "en": {
        "archive": "Which archive?", "tweets": "tweets to learn from?", "style": "Name of the style", "kind": "Which kind of model?",
        "base": "Which base model?", "trial": "Train on 100 tweets now?", "continue": "Continue with nimzo",
        "wrong": "type a number from 1 to 2", "done": "Done: it writes tweets", "later": "The same command continues here.",
    },
    "fr": {
        "archive": "Quelle archive", "tweets": "Est-ce de ces tweets", "style": "Nom du style", "kind": "Quel genre de modèle",
        "base": "Quel modèle de base", "trial": "Entraîner maintenant sur 100 tweets", "continue": "Reprendre nimzo",
        "wrong": "tapez un nombre de 1 à 2", "done": "Fait\u00a0: il écrit des tweets", "later": "La même commande reprend ici.",
    },
}  # fmt: skip


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base_model_dir: Path) -> Path:
    """A clone's directory with the small default, of a user without a card, Ollama and download folder."""
    (tmp_path / "home").mkdir()
    (tmp_path / "model").mkdir()
    for path in (base_model_dir, base_model_dir.with_suffix(".gguf")):
        (tmp_path / "model" / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    for name, value in {"HOME": str(tmp_path / "home"), "OLLAMA_HOST": "127.0.0.1:9", "CUDA_VISIBLE_DEVICES": ""}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return tmp_path


@pytest.fixture
def sample(place: Path) -> Path:
    (place / "data" / "sample").mkdir(parents=True)
    return Path(shutil.copy(SAMPLE, place / "data" / "sample"))


@pytest.fixture
def guide(place: Path) -> Iterator:
    opened: list[Terminal] = []

    def begin(*arguments: str) -> Terminal:
        opened.append(Terminal([str(PROGRAM), "start", *arguments], dict(os.environ), directory=place))
        return opened[-1]

    yield begin
    for terminal in opened:
        terminal.close()


def answer(terminal: Terminal, question: str, typed: str, count: int = 1) -> None:
    terminal.wait_for(question, count, timeout=120)
    terminal.type(typed)


def start(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(tweetstyle, ["start", *arguments], input=typed)


def answers(**more: object) -> Answers:
    return Answers(
        **{"archive": str(SAMPLE), "style": "Nimzo", "name": "nimzo", "tweets": 762, "languages": ["fr", "en"], "french": True} | more
    )


# -- at a terminal --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "fr"])
def test_ctrl_c_after_two_steps_and_the_same_command_continues_with_the_third(guide, sample, language):
    words, arguments = WORDS[language], ("--lang", language)
    first = guide(*arguments)
    answer(first, words["archive"], "1")
    answer(first, words["tweets"], "oui")
    answer(first, words["style"], "Nimzo")
    answer(first, words["kind"], "7")
    answer(first, words["wrong"], "1")
    first.wait_for(words["base"], 1, timeout=120)
    first.interrupt(timeout=60)
    assert first.process.returncode == 130 and "Traceback" not in first.screen
    second = guide(*arguments)
    answer(second, words["continue"], "")
    answer(second, words["base"], "")
    answer(second, words["trial"], "n")
    screen = second.finish(timeout=60)
    assert second.process.returncode == 0 and screen.rstrip().endswith(words["later"])
    assert words["done"] in screen and words["style"] not in screen
    assert {path.name for path in Path("recipes").iterdir()} == {"nimzo.yaml", "nimzo-trial.yaml", "nimzo.start.json"}


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_recordings_show_the_program_s_own_questions(language):
    shown = (SAMPLE.parents[2] / "docs" / "recordings" / f"start.{language}.txt").read_text(encoding="utf-8")
    questions = [WORDS[language][name] for name in ("archive", "tweets", "style", "kind", "base", "trial")]
    places = [shown.index(question) for question in questions]
    assert places == sorted(places) and all(f"\n{step}/5  " in f"\n{shown}" for step in range(1, 6))


# -- one call -------------------------------------------------------------------------------------------------------


def test_yes_asks_nothing_and_ends_in_one_answer_of_the_chat(sample, monkeypatch):
    """The stages and the model are stand-ins: tests/integration/test_start.py has the real ones."""
    done, chatted = [], []
    monkeypatch.setattr(pipeline, "run_stages", done.append)
    monkeypatch.setattr(pipeline, "chat", lambda *arguments: chatted.append(arguments))
    result = start("--yes")
    assert result.exit_code == 0, result.output
    assert (done, chatted) == ([Path("recipes/nimzo-trial.yaml")], [(Path("recipes/nimzo-trial.yaml"), "*")])
    for said in (
        "No archive was found", "878 tweets", "ollama create nimzo-trial -f export/nimzo-trial/Modelfile", "ollama run nimzo-trial",
        "Ctrl-C interrupts it at any moment; to continue, run the same command again.\nTrain on 100 tweets now?",
        "Without the guide: tweetstyle-fit recipes/nimzo-trial.yaml", "tweetstyle chat recipes/nimzo-trial.yaml",
        "tweetstyle-fit recipes/nimzo.yaml", "Start it now?",
    ):  # fmt: skip
        assert said in result.output, said
    assert json.loads(Path("recipes/nimzo.start.json").read_text())["finished"] is True
    again = start("--yes", str(sample))
    assert again.exit_code == 0 and done[1:] == [Path("recipes/nimzo-2-trial.yaml")], "a finished guide starts again and replaces no file"


def test_of_a_chat_the_guide_asks_who_you_are_and_both_recipes_say_it(place):
    chat(place / "_chat.txt")
    result = start("_chat.txt", typed="2\n\n\n1\n\nn\n")
    assert result.exit_code == 0 and "Which name is yours?" in result.output, result.output
    assert "tweetstyle inspect _chat.txt --author 'Chloé'\n" in result.output
    for path in (Path("recipes/chloe.yaml"), Path("recipes/chloe-trial.yaml")):
        recipe = read_recipe(path)
        assert (recipe.data.author, recipe.prompt.style) == (("Chloé",), "Chloé")


def test_an_archive_is_the_same_by_any_path(place, sample):
    Answers("data/sample/tweets.csv", "Nimzo", "nimzo", 740, ["fr"], french=True).save()
    assert unfinished(sample.absolute(), Questions(yes=True)).name == "nimzo"
    assert unfinished(Path("data/sample/others.csv"), Questions(yes=True)) is None


@pytest.mark.parametrize("replaces", [False, True])
def test_a_recipe_that_is_there_is_replaced_only_after_a_yes(sample, replaces):
    Path("recipes").mkdir()
    existing = Path("recipes/nimzo.yaml"), Path("recipes/nimzo-trial.yaml")
    for path in existing:
        path.write_text("# theirs")
    result = start("data/sample/tweets.csv", typed=f"\n\n{'y' if replaces else ''}\n1\n\nn\n")
    assert result.exit_code == 0 and "recipes/nimzo.yaml exists. Replace it? [y/N]" in result.output, result.output
    assert {path.read_text() == "# theirs" for path in existing} == {not replaces}
    assert Path("recipes/nimzo-2.yaml").exists() != replaces


@pytest.mark.parametrize(("capability", "bf16"), [("8.6", True), ("7.5", False)])
def test_a_card_without_its_base_model_gets_the_command_and_a_trial_of_the_small_one(sample, monkeypatch, tmp_path, capability, bf16):
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(
        f"#!/bin/sh\ncase $1 in --query-gpu*) echo '0, GPU-a1, NVIDIA GeForce RTX 3060, 580.95.05, 12288, 11776, {capability}';; esac\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    result = start("data/sample/tweets.csv", typed="\nNimzo\n\n\n\nn\n")
    assert result.exit_code == 0, result.output
    assert "hf download meta-llama/Meta-Llama-3-8B --exclude 'original/*' --local-dir model/llama3-8b" in result.output
    full, trial = read_recipe(Path("recipes/nimzo.yaml")), read_recipe(Path("recipes/nimzo-trial.yaml"))
    assert (str(full.model.base), full.model.method, full.training.bf16) == ("model/llama3-8b", "qlora", bf16)
    assert (str(trial.model.base), trial.model.method, trial.training.split) == ("model/smollm2-135m-instruct", "lora", "mini-train")


@pytest.mark.parametrize(
    ("typed", "code", "said"), [("n", 0, "The same command continues here."), ("y", 1, "the small default could not be made")]
)
def test_the_small_default_is_made_where_it_is_missing(sample, tmp_path, monkeypatch, typed, code, said):
    """By a make that fails here."""
    shutil.rmtree("model")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "make").symlink_to(shutil.which("false"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    result = start("data/sample/tweets.csv", typed=f"\nNimzo\n\n\n{typed}\n")
    assert result.exit_code == code and "  make base-model\n" in result.output and said in result.output, result.output


@pytest.mark.parametrize(
    ("arguments", "typed", "said"),
    [
        (["nothing.zip"], "", "nothing.zip: there is no such file"),
        (["bad.zip"], "", "bad.zip: cannot be unpacked"),
        (["--yes"], "", "there is no archive to start from\n  → name the archive: tweetstyle start PATH"),
        (["few.csv"], "", "few.csv: too few tweets to learn from: about 8, at least 30 are needed"),
        (["good.csv"], "\n", "the input ended before all questions were answered\n  → run the same command again to continue"),
        ([], "2\nbad.zip\n", "bad.zip: cannot be unpacked"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_message(place, arguments, typed, said):
    Path("bad.zip").write_bytes(b"PK\x03\x04 and no more")
    if arguments == ["few.csv"]:
        Path("few.csv").write_text("id,text\n" + "".join(f"{n},il neige encore ce matin sur le pont {n}\n" for n in range(1, 9)))
    if arguments == ["good.csv"] or typed.startswith("2"):
        shutil.copy(SAMPLE, "good.csv")
    result = start(*arguments, typed=typed)
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit) and said in result.output, result.output


# -- archives and names ---------------------------------------------------------------------------------------------


def test_archives_are_found_by_their_content(place):
    raw, folder = Path("data/raw"), Path("home/Téléchargements")
    raw.mkdir(parents=True)
    folder.mkdir()
    Path("home/.config").mkdir()
    Path("home/.config/user-dirs.dirs").write_text(
        'XDG_DESKTOP_DIR="$HOME/B"\nXDG_DOWNLOAD_DIR="$HOME/Téléchargements"\n', encoding="utf-8"
    )
    assert downloads() == [folder.absolute()]
    write_archive(raw / "twitter-2025.zip", posts(), 2025)
    write_archive(folder / "unpacked", posts(), 2025)
    shutil.copy(SAMPLE, folder / "mine.csv")
    (raw / "one-a-line.txt").write_text("un tweet\nun autre\n", encoding="utf-8")
    for name, text in {
        "notes.txt": "rien\n",
        "bank.csv": "day,amount\n2024-01-01,3\n",
        "a.json": '{"dependencies": {}}',
        "b.zip": "PK",
    }.items():
        (folder / name).write_text(text)
    found = {source.path.name for source in candidates([raw, folder])}
    assert found == {"twitter-2025.zip", "unpacked", "mine.csv", "one-a-line.txt"}


@pytest.mark.parametrize(
    ("path", "style"),
    [
        ("data/sample/tweets.csv", "Nimzo"),
        ("data/raw/tweets_tous.csv", "me"),
        ("data/raw/outbox.json", "me"),
        ("data/raw/Nimzo.csv", "Nimzo"),
        ("data/raw/x.zip", "autrice"),
    ],
)
def test_the_style_is_named_after_the_account_or_the_file(place, path, style):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    if path.endswith(".zip"):
        write_archive(Path(path), posts(), 2025)
    else:
        shutil.copy(SAMPLE, path)
    assert default_style(Path(path)) == style


def test_a_run_is_named_in_small_letters():
    assert [run_name(style) for style in ("Nimzo", "Éloïse d'Arc !", "日本", "-x-")] == ["nimzo", "eloise-d-arc", "mine", "x"]


def test_three_tweets_are_shown_beside_real_ones_and_steer_no_terminal():
    samples = [{"topic": None, "real": "sans sujet", "base": "x", "tuned": "y"}]
    samples += [{"topic": f"sujet {n}", "real": f"vrai {n}\nici", "base": "x", "tuned": f"[red]écrit {n}\x1b[31m"} for n in range(5)]
    console = Console(width=100, record=True)
    console.print(side_by_side(samples, answers=False))
    shown = console.export_text()
    numbers = set(re.findall(r"sujet (\d)", shown))
    assert len(numbers) == 3 and "sans sujet" not in shown and "\x1b" not in shown
    assert all(f"vrai {n} ⏎ ici" in shown and f"[red]écrit {n}‹U+001B›[31m" in shown for n in numbers)


def test_messages_are_written_by_the_largest_model_of_ollama_that_was_not_made_here(sample, monkeypatch):
    models = {"small:1b": 1, "llama3.1:8b": 8, "nimzo-trial:latest": 9, "nomic-embed-text:latest": 10, "big:cloud": 99}
    said = {name: {"size": size, "details": {"family": "nomic-bert" if "embed" in name else "llama"}} for name, size in models.items()}
    Path("export/nimzo-trial").mkdir(parents=True)
    with FakeOllama(lambda *_: "", models=dict.fromkeys(models, "abc"), remote=said) as ollama:
        monkeypatch.setenv("OLLAMA_HOST", ollama.url.removeprefix("http://"))
        result = start("data/sample/tweets.csv", typed="\nNimzo\n2\n\n\nn\n")
    assert result.exit_code == 0 and "  1  llama3.1:8b\n" in result.output and "  2  small:1b\n" in result.output, result.output
    assert "  3  the small default\n" in result.output and read_recipe(Path("recipes/nimzo.yaml")).playback.ollama == "llama3.1:8b"


# -- base models and recipes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "more", "first", "others"),
    [
        (12, {}, "Llama 3 8B", {"Gaperon 8B", "Llama 3.2 3B"}),
        (8, {"french": False}, "Llama 3 8B", {"Llama 3.2 3B"}),
        (6, {"french": False}, "Llama 3.2 3B", {"SmolLM2 1.7B"}),
        (12, {"kind": MESSAGES}, "Llama 3 8B", {"Llama 3.2 3B"}),
    ],
)
def test_the_bases_offered_fit_the_card_and_suit_the_kind(size, more, first, others):
    given = answers(**{"kind": SUBJECT} | more)
    found = fitting(named_card(size), given)
    names = [known.name for known in found]
    assert names[0] == first and others <= set(names) and ("Gaperon 8B" in names) == (given.french and given.kind == SUBJECT)
    assert {known.repository.endswith("-Instruct") for known in found} == {given.kind == MESSAGES}


SMALL = "model/smollm2-135m-instruct"


@pytest.mark.parametrize(
    "more",
    [
        {"kind": SUBJECT, "base": SMALL, "trial_base": SMALL},
        {"kind": SUBJECT, "base": "model/llama3-8b", "trial_base": SMALL, "style": 'a "b": #c'},
        {"kind": MESSAGES, "base": "model/llama3-8b-instruct", "trial_base": SMALL, "writer": "small"},
        {"kind": MESSAGES, "base": SMALL, "trial_base": SMALL, "writer": "llama3.1:8b"},
    ],
)
def test_both_recipes_are_valid_and_share_their_data(place, more):
    given = answers(**more)
    write_recipes(given)
    full, trial = read_recipe(given.recipe), read_recipe(given.trial)
    assert (full.data, full.prompt) == (trial.data, trial.prompt) and full.prompt.style == given.style
    assert (str(full.model.base), str(trial.model.base)) == (given.base, given.trial_base)
    assert (full.training.split, trial.training.split, trial.model.method) == ("train", "mini-train", "lora")
    assert full.evaluation.samples > trial.evaluation.samples > 0 and full.run_directory != trial.run_directory
    if given.kind == MESSAGES:
        assert (full.prompt.message, full.prompt.format) == ("playback", "chat") and full.data.processed == Path("data/processed/nimzo")
        assert full.playback.ollama == (given.writer if ":" in given.writer else None)
    planned = effective_schedule(trial.training, [50] * 100, 100, "lora", 576)
    assert planned.changes == {} and 30 <= planned.steps.steps <= 40
    assert not re.search(r"smollm2.*make base-model", given.recipe.read_text())


@pytest.mark.parametrize("same_base", [True, False])
def test_the_full_run_takes_its_tokens_at_the_speed_of_the_trial(sample, same_base):
    given = answers(archive="data/sample/tweets.csv", kind=SUBJECT, base=SMALL, trial_base=SMALL if same_base else "model/llama3-8b")
    write_recipes(given)
    directory = Path("model/nimzo-trial")
    directory.mkdir()
    Manifest("fit", {}, {}, {}, {"tokens_per_second": 10.0}).write(directory / "fit.json")
    said = estimated_time(given)
    assert ("of training" in said) == same_base
    if same_base:  # 878 tweets less two times 5%, in three epochs, of some 50 tokens each; ten tokens a second
        tokens = (878 - 2 * 44) * 3 * 50
        assert f"({tokens:,} tokens at 10 a second" in said and said.startswith(f"about {tokens / 10 / 3600:.1f} hours")

"""What is shown in French: every message, its places, the signs of numbers, help and click's own words."""

import ast
import errno
import io
import os
import re
from pathlib import Path
from random import Random
from typing import Any

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from click.testing import CliRunner

from scripts.messages import KEYWORDS, PACKAGE, PO, SCRIPTS, untranslated, updated
from tweetstyle.cli import fit_command, tweetstyle
from tweetstyle.console import percent, size
from tweetstyle.locale import _, _n, current_language, use_language
from tweetstyle.locale.libraries import reason
from tweetstyle.run import Run
from tweetstyle.stages import stages_of
from tweetstyle.wording.words import texts

ROOT = Path(__file__).parents[1]
RECIPE = "data: {source: tweets.csv}\nprompt: {style: Nimzo}\nmodel: {base: base, method: lora}\ntraining: {max_length: 128}\n"
PLACE = re.compile(r"(?<!\{)\{(\w+)|%\((\w+)\)s")
OF_CLICK = {"number_type"}
"""click's own English names of types."""


def both(message) -> list[tuple[str, str]]:
    """English and French of a message, each of its forms."""
    english = message.id if isinstance(message.id, tuple) else (message.id,)
    french = message.string if isinstance(message.string, tuple) else (message.string,)
    return list(zip(english, french, strict=True))


def places(text: str) -> set[str]:
    return {name or other for name, other in PLACE.findall(text)} - OF_CLICK


def test_the_catalogue_has_exactly_the_messages_of_the_code_all_in_french_and_compiled():
    committed, code = read_po(PO.open("rb")), updated()
    assert {message.id for message in committed} == {message.id for message in code} and not untranslated(committed)
    compiled = io.BytesIO()
    write_mo(compiled, committed)
    assert PO.with_suffix(".mo").read_bytes() == compiled.getvalue(), "run `make messages`"


def test_every_message_is_where_the_extractor_finds_it():
    """Babel reads tokens, and up to Python 3.11 an f-string is one: here the syntax tree says which messages there are."""
    known = {one for message in read_po(PO.open("rb")) for one in (message.id if isinstance(message.id, tuple) else (message.id,))}
    lost, unfilled = [], []
    for path in [*PACKAGE.rglob("*.py"), *SCRIPTS.glob("*.py")]:
        for call in filter(lambda node: isinstance(node, ast.Call), ast.walk(ast.parse(path.read_text(encoding="utf-8")))):
            if isinstance(call.func, ast.Name) and call.func.id in KEYWORDS:
                texts = [argument for argument in call.args[:2] if isinstance(argument, ast.Constant | ast.JoinedStr | ast.BinOp)]
                lost += [ast.unparse(call) for text in texts if not (isinstance(text, ast.Constant) and text.value in known)]
                given = {keyword.arg for keyword in call.keywords} | ({"count"} if call.func.id == "_n" else set())
                unfilled += [
                    ast.unparse(call) for text in texts if call.func.id != "N_" and None not in given and places(text.value) - given
                ]
    assert not lost, "a message is a literal, outside of f-strings"
    assert not unfilled


def test_a_translation_has_the_places_of_its_message_and_french_signs():
    for message in filter(lambda message: message.id, read_po(PO.open("rb"))):
        texts = both(message)
        known = set().union(*(places(english) for english, _ in texts))
        for english, french in texts:
            assert places(french) - known == set() and (places(english) - {"count"} <= places(french) or message.pluralizable), french
            assert not re.search(r" [:;!?»%](?:\s|$)|\w'\w|\bjetons?\b|\bconsignes?\b", french), f"not French typography: {french}"


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({}, "en"),
        ({"LANG": "fr_CA.UTF-8"}, "fr"),
        ({"LANG": "fr_FR", "LC_ALL": "en_GB"}, "en"),
        ({"LANG": "en_US", "LC_MESSAGES": "fr_BE"}, "fr"),
        ({"LANGUAGE": "fr:en", "LANG": "en_US"}, "fr"),
        ({"LANG": "de_DE"}, "en"),
    ],
)
def test_the_language_is_that_of_the_locale(monkeypatch, variables, language):
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert current_language() == language
    help_text = CliRunner().invoke(tweetstyle, ["plan", "--help"]).output
    assert ("Afficher cette aide et quitter." in help_text) == (language == "fr") == ("Show this message" not in help_text)


@pytest.mark.parametrize(
    "arguments",
    ["--lang fr plan --help", "plan --lang fr --help", "plan --help --lang fr", "plan --help --lang=FR", "--lang en plan --lang fr --help"],
)
def test_lang_stands_anywhere(arguments):
    shown = CliRunner().invoke(tweetstyle, arguments.split())
    assert shown.exit_code == 0 and "RECETTE" in shown.output and "Utilisation" in shown.output and "Options\u00a0:" in shown.output
    assert " ".join(CliRunner().invoke(tweetstyle, ["plan", "--lang", "en", "--help"]).output.split()).startswith(
        "Usage: tweetstyle plan [OPTIONS] RECIPE Show what RECIPE needs"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("plan", "Il manque l’argument 'RECETTE'"),
        ("plan mine.yaml --crad 8", "L’option '--crad' n’existe pas. Vouliez-vous écrire '--card'"),
        ("plan mine.yaml --card huit", "'huit' n’est pas un nombre de la forme attendue"),
        ("evaluate mine.yaml --model x", "n’est pas l’un de ces choix\u00a0: 'hf', 'gguf'"),
        ("plann", "La commande 'plann' n’existe pas"),
    ],
)
def test_click_itself_speaks_french(arguments, said):
    shown = CliRunner().invoke(tweetstyle, ["--lang", "fr", *arguments.split()])
    assert shown.exit_code == 2 and said in shown.output, shown.output


def test_numbers_have_french_signs():
    use_language("fr")
    assert (size(1536), size(12_345_678_901_234), percent(0.123), percent(0.0001)) == (
        "1,5 Kio",
        "11\u202f497,8 Gio",
        "12,3\u202f%",
        "<0,1\u202f%",
    )
    assert _("{share:.0%}", share=0.5) == "50\u202f%"
    assert _("{many:,.1f} {name}", many=1234.5, name="a.b, c") == "1\u202f234,5 a.b, c"
    use_language("en")
    assert size(1536) == "1.5 KiB" and percent(0.123) == "12.3%" and _n("{count} is", "{count} are", 1.5) == "1.5 are"


@pytest.mark.parametrize(
    "name", "EACCES EDQUOT EFBIG EIO EISDIR EMFILE ENAMETOOLONG ENOENT ENOMEM ENOSPC ENOTDIR EPERM EPIPE EROFS ECONNRESET".split()
)
def test_the_system_s_own_errors_are_french(name):
    in_english = os.strerror(getattr(errno, name))
    use_language("fr")
    in_french = reason(OSError(getattr(errno, name), in_english, "a file"))
    use_language("en")
    assert reason(OSError(getattr(errno, name), in_english)) == in_english != in_french and "a file" not in in_french


def test_a_recipe_without_a_language_has_that_of_the_command_and_no_digest_depends_on_it(tmp_path, base_model_dir, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base").symlink_to(base_model_dir)
    found = {}
    for command, recipe in (("en", ""), ("fr", ""), ("fr", "language: en\n"), ("en", "language: fr\n")):
        use_language(command)
        (tmp_path / "mine.yaml").write_text(RECIPE + recipe)
        run = Run(Path("mine.yaml"))
        found[run.language, command] = {name: stage.settings for name, stage in stages_of(run).items()}
    assert found.keys() == {("en", "en"), ("fr", "fr"), ("en", "fr"), ("fr", "en")}
    assert all(settings == found["en", "en"] for settings in found.values())


# -- what is on a French screen ---------------------------------------------------------------------------------------

OF_THE_FIELD = set("bitsandbytes cosine cublas endoftext eos full mask optim pad peft trl txt unk".split())
"""Names of packages and values of settings that a French screen may show, beside those that are in messages."""
NO_WORDS = re.compile(r"\S*(?:[\d_@#\\/=]|\w\.\w|\w:\w)\S*|(?<!\w)--?\w[\w-]*|│[a-z·]+│")
"""Paths, keys, addresses, options, versions, names with a digit, and the bar of the card's memory."""
BROKEN = "data: {source: tweets.csv, split: 3}\nprompt: {style: '', format: instt}\nmodel: {base: base, method: loraa}\ntrainin: {}\n"
COMMANDS = (
    "--help", *(f"{name} --help" for name in tweetstyle.commands), "plan", "plann", "plan absent.yaml", "plan broken.yaml",
    "plan mine.yaml", "plan mine.yaml --card 6 --tweets 5000", "plan mine.yaml --card x", "doctor", "doctor mine.yaml",
    "inspect tweets.csv", "inspect nothing.csv", "fit mine.yaml", "evaluate mine.yaml", "export mine.yaml", "verify mine.yaml",
    "chat mine.yaml", "playback mine.yaml", "prepare mine.yaml", "prepare mine.yaml", "compare model/mine model/other",
    "tokens base", "tokens nowhere", "write mine.yaml", "write mine.yaml --subjects nothing.txt", "start --yes nothing.csv",
)  # fmt: skip


def words(text: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[^\W\d_]{2,}", NO_WORDS.sub(" ", text))}


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_list_of_commands_has_whole_sentences(language):
    listed = CliRunner().invoke(tweetstyle, ["--lang", language, "--help"]).output.split("\n\n")[-1]
    for name, command in tweetstyle.commands.items():
        assert " ".join(command.get_short_help_str().split()) in " ".join(listed.split()), name
    assert "..." not in listed and len(listed.splitlines()) > len(tweetstyle.commands)


def leaves(node: Any) -> list[str]:
    return [str(node)] if not isinstance(node, dict) else [text for inner in node.values() for text in leaves(inner)]


def allowed(*own: str) -> set[str]:
    """Words of all French texts, of the recipe's keys and the commands' names, and of `own`: what the test itself wrote."""
    french = [text for message in read_po(PO.open("rb")) if message.id for _, text in both(message)]
    keys = re.findall(r'"(\w+)": \{', (ROOT / "docs/recipe.schema.json").read_text(encoding="utf-8"))
    return OF_THE_FIELD.union(*map(words, [*french, *leaves(texts("fr")), *keys, *tweetstyle.commands, *own]))


def archive(count: int) -> str:
    """Tweets of words that are no language's, none like another."""
    syllables = ("vo", "ti", "ra", "lu", "mé", "sou", "ban", "gri")
    made = (" ".join("".join(Random(6 * n + m).choices(syllables, k=3)) for m in range(6)) for n in range(count))
    return "".join(f"{100 + n},les pommes {text} sont mûres,2024-01-{1 + n % 28:02d}\n" for n, text in enumerate(made))


def test_a_french_screen_has_no_english_words(tmp_path, base_model_dir, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    (tmp_path / "base").symlink_to(base_model_dir)
    files = {"tweets.csv": "id_tweet,texte,date_creation\n" + archive(60), "mine.yaml": RECIPE, "broken.yaml": BROKEN}
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    dry_run = CliRunner().invoke(fit_command, ["mine.yaml", "--dry-run", "--lang", "fr"])
    screens = {command: CliRunner().invoke(tweetstyle, ["--lang", "fr", *command.split()]).output for command in COMMANDS}
    first_recipe = (PACKAGE / "inspect/first_recipe_fr.yaml").read_text(encoding="utf-8")
    known = allowed(*(text.replace(",", " ") for text in files.values()), " ".join(COMMANDS), "mine", first_recipe)
    foreign = {name: found for name, shown in (screens | {"dry run": dry_run.output}).items() if (found := words(shown) - known)}
    assert not foreign, foreign
    assert all(screens.values())

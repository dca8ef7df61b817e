"""docs/12gb.md and the recipes it leads to say what the program says: commands, figures of the plan, schedule, messages."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from tweetstyle.cli import fit_command, tweetstyle
from tweetstyle.hardware.gpu import named_card
from tweetstyle.model.base import BaseConfig
from tweetstyle.model.hub import HUB, known_config
from tweetstyle.plan.advice import largest_that_fit
from tweetstyle.plan.estimate import estimate_resources
from tweetstyle.plan.memory import plan_memory
from tweetstyle.recipe import Model, Training
from tweetstyle.recipe_yaml import read_recipe

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "12gb.md").read_text(encoding="utf-8")
FLAT = " ".join(TEXT.split())
GIB = 2**30
CARD = named_card(12)
LLAMA_8B = known_config("Llama 3 8B")
EIGHT, THREE = (read_recipe(ROOT / "recipes" / f"{name}-12gb.yaml") for name in ("llama3-8b", "llama3.2-3b"))


def tables() -> list[list[list[str]]]:
    """Cells of every table, its head first, the line below it left out."""
    blocks = re.findall(r"(?m)(?:^\|.*\n)+", TEXT)
    return [[[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines() if "---" not in line] for block in blocks]


MODELS, MOST, _, _, TROUBLE = tables()


def gib(count: float) -> str:
    return f"{count / GIB:.1f}"


def test_every_command_is_one_of_the_program_s_with_options_that_it_has():
    commands = re.findall(r"(?m)^    (tweetstyle\S* .*)$", TEXT) + re.findall(r"`(tweetstyle\S* [^`]+)`", TEXT)
    assert len(commands) >= 6
    for command in commands:
        program, *words = command.split()
        verb = fit_command if program == "tweetstyle-fit" else tweetstyle.commands[words.pop(0)]
        options = {option for parameter in verb.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, command
    assert {f"`{option} " for option in ("--card", "--tweets")} <= set(re.findall(r"`--\w+ ", TEXT)) and "`--json`" in TEXT


def test_models_are_those_that_the_program_knows_with_their_size_and_licence():
    known = {model.repository: model for model in HUB}
    for name, repository, directory, size, licence in MODELS[1:]:
        model = known[repository]
        assert (model.name, str(model.directory)) == (name, directory)
        assert size == f"{model.download_bytes / 1e9:.1f} GB" and licence in model.licence
        assert model.how_to_get.startswith(f"{name} is a download of {size}, under ")
    (command,) = re.findall(r"(?m)^ +(hf download .*)$", TEXT)
    assert known["meta-llama/Meta-Llama-3-8B"].how_to_get.endswith(command)


def test_the_plan_shown_is_the_plan_printed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("PATH", str(tmp_path))
    (command,) = re.findall(r"(?m)^    (tweetstyle plan .*)$", TEXT)
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    printed = CliRunner().invoke(tweetstyle, command.split()[1:])
    assert printed.exit_code == 0, printed.output
    shown = [line.strip() for line in TEXT.splitlines() if re.match(r"    (│|fits:|GiB by phase)", line)]
    assert len(shown) == 20 and [line for line in map(str.strip, printed.output.splitlines()) if line in shown] == shown


@pytest.mark.parametrize("row", MOST[1:], ids=lambda row: f"{row[0]} {row[1]}")
def test_the_most_that_fits_is_what_the_plan_finds(row):
    name, method, at_defaults, *most = row
    config, model = known_config(name), Model(base="x", method=method)
    plan = plan_memory(config, model, Training(), card=CARD)
    assert at_defaults == gib(plan.card)
    found = largest_that_fit(config, model, Training(), CARD)
    fits = plan.card <= CARD.total
    rank = "none" if fits and method == "full" else found.rank
    assert most == [f"{value:,}" if isinstance(value, int) else value or "does not fit" for value in (found.max_length, found.batch, rank)]


def test_messages_in_the_table_of_troubles_are_the_program_s():
    sources = " ".join(path.read_text(encoding="utf-8") for path in (ROOT / "tweetstyle").rglob("*.py"))
    assert len(TROUBLE) > 6
    for message in (row[0] for row in TROUBLE[1:] if "`" in row[0]):
        (words,) = re.findall(r"^`([^`]+)`", message)
        fixed = max(re.split(r"…|model-\d+\S*|GiB", words), key=len).strip()
        assert fixed in sources or words in ("401", "403"), message
    assert "Llama 3.1 has 131,072" in FLAT and known_config("Llama 3.1 8B")["max_position_embeddings"] == 131_072


def test_a_base_model_that_is_not_there_is_looked_at_as_is_told(tmp_path, monkeypatch):
    """Of the recipe of this page nothing but the base model fails on a machine with room, and disk and RAM are held against its shape."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("recipes", "data"):
        (tmp_path / name).symlink_to(ROOT / name)
    real = shutil.disk_usage
    monkeypatch.setattr(shutil, "disk_usage", lambda path: real(path)._replace(free=100 * GIB))
    (command,) = re.findall(r"(?m)^    (tweetstyle doctor .*)$", TEXT)
    checks = json.loads(CliRunner().invoke(tweetstyle, [*command.split()[1:], "--json"]).stdout)["checks"]
    found = {check["name"]: check for check in checks}
    needed = sum(estimate_resources(EIGHT, BaseConfig(Path("model/llama3-8b"), LLAMA_8B, (), "Llama 3 8B"), CARD).disk.parts.values())
    assert found["base model"]["state"] == "fail" and "hf download meta-llama/Meta-Llama-3-8B" in found["base model"]["do"]
    assert [check["name"] for check in checks if check["state"] == "fail"] in (["base model"], ["memory", "base model"]), (
        "RAM is this machine's"
    )
    assert found["disk"]["state"] == "ok" and f"may write {gib(needed)} GiB" in found["disk"]["seen"]
    assert "the run may take" in found["memory"]["seen"] and "need" not in found


@pytest.mark.parametrize("name", ["llama3-8b-12gb", "llama3.2-3b-12gb", "llama3.1-8b-long-12gb", "llama3-8b-8gb", "llama3.2-3b-6gb"])
def test_the_recipes_of_tight_cards_fit_the_card_that_they_name(name):
    """In every phase, with what a card of that size reports."""
    recipe = read_recipe(ROOT / "recipes" / f"{name}.yaml")
    config = next(known.config for known in HUB if known.directory == recipe.model.base)
    card = named_card(recipe.machine.card_gib)
    plan = plan_memory(config, recipe.model, recipe.training, card=card)
    assert all(sum(plan.reserve.values()) + sum(parts.values()) <= card.total for parts in plan.phases.values())

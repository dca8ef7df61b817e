"""docs/12gb.md and the recipes it leads to: its commands exist, the plan that it shows is printed, the recipes fit their cards."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from tweetstyle.cli import fit_command, tweetstyle
from tweetstyle.hardware.gpu import named_card
from tweetstyle.model.hub import HUB
from tweetstyle.plan.memory import plan_memory
from tweetstyle.recipe_yaml import read_recipe

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "12gb.md").read_text(encoding="utf-8")


def test_every_command_is_one_of_the_program_s_with_options_that_it_has():
    commands = re.findall(r"(?m)^    (tweetstyle\S* .*)$", TEXT) + re.findall(r"`(tweetstyle\S* [^`]+)`", TEXT)
    assert len(commands) >= 6
    for command in commands:
        program, *words = command.split()
        verb = fit_command if program == "tweetstyle-fit" else tweetstyle.commands[words.pop(0)]
        options = {option for parameter in verb.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, command
    (command,) = re.findall(r"(?m)^ +(hf download .*)$", TEXT)
    assert next(known for known in HUB if known.name == "Llama 3 8B").how_to_get.endswith(command)


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


@pytest.mark.parametrize("name", ["llama3-8b-12gb", "llama3.2-3b-12gb", "llama3.1-8b-long-12gb", "llama3-8b-8gb", "llama3.2-3b-6gb"])
def test_the_recipes_of_tight_cards_fit_the_card_that_they_name(name):
    """In every phase, with what a card of that size reports."""
    recipe = read_recipe(ROOT / "recipes" / f"{name}.yaml")
    config = next(known.config for known in HUB if known.directory == recipe.model.base)
    card = named_card(recipe.machine.card_gib)
    plan = plan_memory(config, recipe.model, recipe.training, card=card)
    assert all(sum(plan.reserve.values()) + sum(parts.values()) <= card.total for parts in plan.phases.values())
